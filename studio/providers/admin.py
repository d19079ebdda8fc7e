"""Connections for the operator; the secret goes in and never comes out."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from studio.audit.actions import Action
from studio.audit.services import record
from studio.core.middleware import is_unstorable
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.providers.services import check_base_url


class ConnectionForm(forms.ModelForm[Connection]):
    """A connection whose secret can be replaced but not read; a new address asks for it anew."""

    protocol = forms.ChoiceField(choices=[(key, adapter.label) for key, adapter in sorted(ADAPTERS.items())])
    new_secret = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Blank keeps the one there is.",
    )

    class Meta:
        model = Connection
        fields = [
            "team",
            "name",
            "protocol",
            "base_url",
            "options",
            "max_in_flight",
            "per_minute",
            "enabled",
            "resume_at",
        ]

    def clean_options(self) -> dict[str, Any]:
        """Take nothing for no options, and refuse what is no object: adapters look options up by name."""
        options = self.cleaned_data["options"]
        if options is not None and not isinstance(options, dict):
            raise forms.ValidationError("Options are a JSON object, such as {}.")
        try:
            text = json.dumps(options, allow_nan=False, ensure_ascii=False)
        except ValueError as error:
            raise forms.ValidationError("Options hold a number that is none.") from error
        if is_unstorable(text) or "\\u0000" in text:
            raise forms.ValidationError("Options hold a character that cannot be stored.")
        return options or {}

    def clean(self) -> dict[str, Any]:
        """Check the address, and that a secret never follows a connection to another one."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        adapter = ADAPTERS.get(cleaned.get("protocol", ""))
        if adapter is None or not adapter.needs_secret:
            return cleaned
        try:
            check_base_url(cleaned.get("base_url", ""))
        except ConnectionRefused as error:
            raise forms.ValidationError(str(error)) from error
        if not cleaned.get("new_secret") and (not self.instance.secret or "base_url" in self.changed_data):
            raise forms.ValidationError({"new_secret": "Enter the secret for this address."})
        return cleaned


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin[Connection]):
    """Shared connections and every team's own."""

    form = ConnectionForm
    list_display = ["name", "team", "protocol", "base_url", "enabled", "resume_at"]
    list_filter = ["protocol", "enabled"]
    list_select_related = ["team"]

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:  # noqa: ARG002  # Django's
        """A connection keeps its owner: what others made with it would belong to a stranger's account."""
        return ["team"] if obj else []

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Keep the secret unless a new one was given, and put on record who changed what."""
        if form.cleaned_data.get("new_secret"):
            obj.secret = form.cleaned_data["new_secret"]
        super().save_model(request, obj, form, change)
        record(
            action=Action.CONNECTION_CHANGED if change else Action.CONNECTION_CREATED,
            team_id=obj.team_id,
            actor_id=request.user.pk,
            subject=obj.name,
            data={"protocol": obj.protocol, "base_url": obj.base_url, "changed": form.changed_data if change else []},
        )
