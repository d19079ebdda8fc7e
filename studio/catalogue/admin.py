"""Models and prices for the operator. What a model can do and costs comes from the files; here it is switched."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from studio.catalogue.models import ImageModel, Price
from studio.core.admin import ReadOnlyAdmin


@admin.register(ImageModel)
class ImageModelAdmin(ReadOnlyAdmin):
    """Every model of the catalogue, with the switch that takes it out of the studio."""

    list_display = ["slug", "title", "protocol", "enabled", "retires_on", "price_version", "position"]
    list_filter = ["protocol", "enabled"]
    readonly_fields = [
        "slug",
        "protocol",
        "remote_name",
        "family",
        "successor",
        "title",
        "note",
        "capabilities",
        "price_version",
        "retires_on",
        "announced_end",
        "told_end",
        "position",
    ]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The switch may be used by whoever Django lets."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    """Prices of every version."""

    list_display = ["model", "version", "quality", "size", "credits", "usd", "estimate", "source"]
    list_filter = ["model", "version"]
    list_select_related = ["model"]
