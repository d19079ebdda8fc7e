"""Usage records for the operator: to look at, never to touch."""

from django.contrib import admin

from studio.core.admin import ReadOnlyAdmin
from studio.usage.models import UsageRecord


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """What was delivered, and what it cost."""

    list_display = ["id", "created_at", "team", "member", "model_slug", "quality", "size", "credits"]
    list_select_related = ["team", "member"]
    list_filter = ["model_slug"]
    search_fields = ["generation_id", "output_id", "asset_id"]
    show_full_result_count = False
