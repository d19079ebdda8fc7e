"""The audit trail for the operator, read-only."""

from django.contrib import admin

from studio.audit.models import AuditEvent
from studio.core.admin import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    list_display = ["created_at", "action", "team", "actor", "subject"]
    list_select_related = ["team", "actor"]
    list_filter = ["action"]
    search_fields = ["team__slug", "actor__email", "subject"]
    ordering = ["-id"]
    show_full_result_count = False
