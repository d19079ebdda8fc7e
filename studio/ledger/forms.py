"""The form that adds credits."""

import re
import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from studio.ledger.services import MOST

# Digits, or groups of three with one kind of separator. A full stop is none: "1.5" must not become 15.
_WHOLE = re.compile(r"[0-9]{1,13}|[0-9]{1,3}(?:([,' \u00a0\u2009\u202f])[0-9]{3})(?:\1[0-9]{3}){0,3}")


class CreditsField(forms.CharField):
    """A whole number of credits, typed with or without separators."""

    def to_python(self, value: Any) -> Any:
        """Return the number, or None for nothing."""
        text = super().to_python(value)
        if not text:
            return None
        if not _WHOLE.fullmatch(text):
            raise ValidationError("Enter a whole number of credits, such as 1,000.")
        amount = int(re.sub("[^0-9]", "", text))
        if not 1 <= amount <= MOST:
            raise ValidationError(f"Enter 1 to {MOST:,} credits.")
        return amount


class TopUpForm(forms.Form):
    """How many credits, and what they were paid with; the key makes a second post of the same page harmless."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    amount = CreditsField(
        label="Credits",
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "2,500", "autofocus": True}
        ),
    )
    reference = forms.CharField(
        max_length=120, required=False, help_text="Invoice or order number.", widget=forms.TextInput
    )
    note = forms.CharField(max_length=200, required=False, help_text="Shown in the statement.")

    def kept_with_new_key(self) -> "TopUpForm":
        """Return the same form as it was filled in, under a new key, so that sending it again is a new top-up."""
        return type(self)({**dict(self.data.items()), self.add_prefix("key"): str(uuid.uuid4())})
