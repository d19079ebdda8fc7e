"""The forms of a connection: the same for every protocol, and of its options those that it knows."""

from typing import Any, Final

from django import forms

from studio.providers.adapters.base import Adapter
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.providers.options import Option, options_of
from studio.providers.services import LONGEST_ADDRESS, LONGEST_NAME, LONGEST_SECRET, MOST

_PREFIX: Final = "option_"


class SecretField(forms.CharField):
    """A key on its way in; nothing brings it back into a page."""

    widget = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label="API key", max_length=LONGEST_SECRET, **kwargs)


class ConnectionForm(forms.Form):
    """What a new connection of `protocol`, or the one given, is told."""

    name = forms.CharField(max_length=LONGEST_NAME)
    base_url = forms.CharField(
        label="Base URL", max_length=LONGEST_ADDRESS, widget=forms.TextInput({"inputmode": "url"})
    )
    secret = SecretField()
    max_in_flight = forms.IntegerField(label="At once", min_value=1, max_value=MOST, initial=1000)
    per_minute = forms.IntegerField(label="Per minute", min_value=1, max_value=MOST, required=False)

    def __init__(self, data: Any = None, *, protocol: str, connection: Connection | None = None) -> None:
        adapter = ADAPTERS[protocol]
        self._connection = connection
        super().__init__(data, initial=_initial(adapter, connection))
        for option in options_of(protocol):
            if option.on_page:
                self.fields[f"{_PREFIX}{option.name}"] = _field_for(option)
        self._shape(adapter, connection)

    def _shape(self, adapter: Adapter, connection: Connection | None) -> None:
        self.fields["max_in_flight"].help_text = "Generations under way at the same time; more wait in the queue."
        self.fields["per_minute"].help_text = "Pictures that the account allows; more wait in the queue."
        if not adapter.needs_secret:
            del self.fields["base_url"], self.fields["secret"]
        elif connection is None:
            self.fields["secret"].help_text = "Stored encrypted. Nobody can read it again."
        else:
            self.fields["secret"].required = False
            self.fields[
                "secret"
            ].help_text = "Only with another base URL: the key that is kept never goes to a new address."

    @property
    def option_fields(self) -> list[forms.BoundField]:
        """The fields of the protocol's options."""
        return [field for field in self if field.name.startswith(_PREFIX)]

    def facts(self) -> dict[str, Any]:
        """Return what the services take; options that are not on the page stay as they are."""
        cleaned = self.cleaned_data
        options = dict(self._connection.options) if self._connection else {}
        options |= {field.name.removeprefix(_PREFIX): cleaned[field.name] for field in self.option_fields}
        return {
            "name": cleaned["name"],
            "base_url": cleaned.get("base_url", ""),
            "secret": cleaned.get("secret", ""),
            "options": options,
            "max_in_flight": cleaned["max_in_flight"],
            "per_minute": cleaned["per_minute"],
        }

    def take(self, refused: ConnectionRefused) -> None:
        """Show why it was not taken, beside its cause."""
        name = refused.field if refused.field in self.fields else f"{_PREFIX}{refused.field}"
        self.add_error(name if name in self.fields else None, refused.message)


class SecretForm(forms.Form):
    """A new key for the address there is."""

    secret = SecretField(help_text="The one before stays for a day, for what is under way.")


def _initial(adapter: Adapter, connection: Connection | None) -> dict[str, Any]:
    if connection is None:
        return {"name": adapter.label, "base_url": adapter.default_base_url}
    options = {f"{_PREFIX}{name}": value for name, value in connection.options.items()}
    named = ("name", "base_url", "max_in_flight", "per_minute")
    return {name: getattr(connection, name) for name in named} | options


def _field_for(option: Option) -> forms.Field:
    if option.choices:
        return forms.ChoiceField(
            label=option.label, help_text=option.help, required=option.required, choices=option.choices
        )
    return forms.CharField(
        label=option.label, help_text=option.help, required=option.required, max_length=option.longest
    )
