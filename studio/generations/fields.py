"""Fields of the composer that Django has not."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class PromptField(forms.CharField):
    """Text as it was typed; only the line ends that browsers send differently are made one kind."""

    def to_python(self, value: Any) -> str:
        """Return the text, or raise for half a character, which no database and no provider can take."""
        text = str(super().to_python(value)).replace("\r\n", "\n").replace("\r", "\n")
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise ValidationError("The prompt contains half a character. Type or paste that part again.")
        return text

    def validate(self, value: str) -> None:
        """Refuse a prompt of blanks too."""
        super().validate(value.strip())


class DefaultedChoiceField(forms.ChoiceField):
    """A choice that a client may leave out: then it is the default, which the form sets for its model."""

    default = ""

    def to_python(self, value: Any) -> str:
        """Return the choice, or the default for none."""
        return str(super().to_python(value)) or self.default


class ModelSelect(forms.Select):
    """Models, of which some are shown and cannot be chosen."""

    away: frozenset[str] = frozenset()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return an option, disabled where its model is away."""
        option = super().create_option(name, value, *args, **kwargs)
        if value in self.away:
            option["attrs"]["disabled"] = True
        return option
