"""What the operator sees of the library: rows, never pictures."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from studio.core.admin import ReadOnlyAdmin
from studio.library.models import Asset


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """Assets of all teams, newest first."""

    list_display = [
        "id",
        "team",
        "author",
        "model_title",
        "content_type",
        "width",
        "height",
        "size",
        "credits",
        "created_at",
    ]
    list_filter = ["content_type", "has_preview", "created_at"]
    search_fields = ["=id", "=generation_id", "=sha256", "team__name", "author__email"]
    ordering = ["-id"]
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        """Read team and author with the rows."""
        return super().get_queryset(request).select_related("team", "author").defer("prompt", "revised_prompt", "spec")
