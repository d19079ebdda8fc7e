"""Accounts, entries and holds for the operator: read-only, except that credits can be granted."""

from django.contrib import admin

from studio.core.admin import ReadOnlyAdmin
from studio.ledger.models import CreditAccount, Entry, Hold


@admin.register(CreditAccount)
class CreditAccountAdmin(ReadOnlyAdmin):
    """What every team has; `manage.py grant_credits` gives more."""

    list_display = ["team", "balance", "held", "available"]
    list_select_related = ["team"]
    search_fields = ["team__name", "team__slug"]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """Every change of every balance."""

    list_display = ["id", "created_at", "account", "kind", "amount", "balance_after", "actor", "reference", "note"]
    list_select_related = ["account__team", "actor"]
    list_filter = ["kind"]
    search_fields = ["account__team__slug", "reference", "key"]
    raw_id_fields = ["hold"]
    show_full_result_count = False


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """What is or was reserved for a generation."""

    list_display = ["id", "created_at", "account", "amount", "state", "settled_amount", "ended_at", "note"]
    list_select_related = ["account__team"]
    list_filter = ["state"]
    search_fields = ["id", "account__team__slug"]
    show_full_result_count = False
