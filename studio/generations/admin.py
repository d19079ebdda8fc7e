"""What the operator sees of generations: everything, and nothing that can be changed."""

from django.contrib import admin

from studio.core.admin import ReadOnlyAdmin
from studio.generations.models import Attempt, Generation, Output


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """Submissions with their state and their price; the team's own words are one click further."""

    list_display = ["id", "team", "author", "model", "connection", "n", "unit_price", "state", "reason", "created_at"]
    list_filter = ["state", "model", "connection"]
    list_select_related = ["team", "author", "model", "connection"]
    search_fields = ["=id", "team__slug", "author__email"]
    ordering = ["-id"]
    show_full_result_count = False


@admin.register(Output)
class OutputAdmin(ReadOnlyAdmin):
    """The wanted pictures one by one, with what was charged or why nothing came."""

    list_display = ["id", "generation", "slot", "state", "credits", "reason", "message", "ended_at"]
    list_filter = ["state", "reason"]
    list_select_related = ["generation"]
    search_fields = ["=generation__id"]
    ordering = ["-id"]
    show_full_result_count = False


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Every call to a provider. `possible_cost` finds those that may have been paid for without a picture."""

    list_display = [
        "id",
        "generation",
        "number",
        "connection",
        "images",
        "state",
        "remote_id",
        "possible_cost",
        "status_code",
        "error_kind",
        "request_id",
        "latency_ms",
        "sent_at",
    ]
    list_filter = ["possible_cost", "state", "error_kind", "connection"]
    list_select_related = ["generation", "connection"]
    search_fields = ["=generation__id", "request_id"]
    ordering = ["-id"]
    show_full_result_count = False
