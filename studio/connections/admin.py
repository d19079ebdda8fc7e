"""Connections for the operator, by the rules that hold for everybody; the secret goes in and never comes out."""

from copy import copy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from studio.accounts.models import User
from studio.catalogue.services import sync_catalogue
from studio.connections.forms import SecretField
from studio.connections.services import begin_test, change_connection, refuse_while_calling
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.providers.services import (
    LONGEST_ADDRESS,
    create_connection,
    remove_connection,
    set_enabled,
    take_settings,
)


class ConnectionForm(forms.ModelForm[Connection]):
    """A connection whose secret can be replaced but not read; a new address asks for it anew."""

    protocol = forms.ChoiceField(choices=[(key, adapter.label) for key, adapter in sorted(ADAPTERS.items())])
    base_url = forms.CharField(required=False, max_length=LONGEST_ADDRESS, help_text="Blank is the protocol’s own.")
    new_secret = SecretField(required=False, help_text="Blank keeps the one there is, as long as the base URL stays.")

    class Meta:
        model = Connection
        fields = ["team", "name", "protocol", "base_url", "options", "max_in_flight", "per_minute", "enabled"]

    def clean_options(self) -> dict[str, Any]:
        """Take nothing for no options, and refuse what is no object: adapters look options up by name."""
        options = self.cleaned_data["options"]
        if options is not None and not isinstance(options, dict):
            raise forms.ValidationError("Options are a JSON object, such as {}.")
        return options or {}

    def clean(self) -> dict[str, Any]:
        """Hold it to what the services will hold it to, so that what is wrong stands in the form."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        tried = copy(self.instance)
        tried.protocol = tried.protocol or cleaned["protocol"]
        try:
            take_settings(tried, **settings_in(cleaned))
            if tried.pk and tried.base_url != self.instance.base_url:
                refuse_while_calling(tried)
        except ConnectionRefused as refused:
            field = {"secret": "new_secret"}.get(refused.field, refused.field)
            raise forms.ValidationError({field if field in self.fields else "options": refused.message}) from refused
        return cleaned


def settings_in(cleaned: dict[str, Any]) -> dict[str, Any]:
    """Return what the services take of a form."""
    named = ("name", "base_url", "options", "max_in_flight", "per_minute")
    return {name: cleaned[name] for name in named} | {"secret": cleaned["new_secret"]}


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin[Connection]):
    """Shared connections and every team's own."""

    form = ConnectionForm
    list_display = ["name", "team", "protocol", "base_url", "enabled", "paused_kind", "test_state", "removed_at"]
    list_filter = ["protocol", "enabled", "paused_kind", "test_state"]
    list_select_related = ["team"]
    actions = ["test", "remove"]
    told = [
        *["paused_kind", "paused_note", "paused_at", "resume_at", "failures"],
        *["test_state", "tested_at", "test_report", "hook_seen_at", "rotated_at", "removed_at"],
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:  # noqa: ARG002  # Django's
        """A connection keeps its owner: what others made with it would belong to a stranger's account."""
        return ["team", "protocol", *self.told] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        """Only as long as it is there."""
        return super().has_change_permission(request, obj) and (obj is None or obj.removed_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:  # noqa: ARG002  # Django's
        """History needs its name; what can be done is to remove it."""
        return False

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Write it as the page of a team does: by the same rules, and on record."""
        actor, cleaned = _actor(request), form.cleaned_data
        if change:
            change_connection(connection=obj, actor=actor, **settings_in(cleaned))
        else:
            made = create_connection(team=obj.team, protocol=obj.protocol, actor=actor, **settings_in(cleaned))
            obj.pk = made.pk
            sync_catalogue()
        set_enabled(connection=obj, enabled=cleaned["enabled"], actor=actor)
        obj.refresh_from_db()

    @admin.action(description="Test selected connections", permissions=["change"])
    def test(self, request: HttpRequest, connections: QuerySet[Connection]) -> None:
        """Have them tested by a worker; what that showed stands at each of them."""
        begun = sum(begin_test(connection) for connection in connections)
        messages.info(request, f"{begun} being tested.")

    @admin.action(description="Remove selected connections", permissions=["change"])
    def remove(self, request: HttpRequest, connections: QuerySet[Connection]) -> None:
        """Take them away for good; history keeps their names."""
        actor = _actor(request)
        for connection in connections:
            remove_connection(connection=connection, actor=actor)


def _actor(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
