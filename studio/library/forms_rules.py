"""The form of a library's rules."""

from typing import Any, Final

from django import forms

LEAST_BIN, MOST_BIN = 1, 365
LEAST_DRAFT, MOST_DRAFT = 7, 3650
_DAYS: Final[dict[str, Any]] = {"inputmode": "numeric"}


class RulesForm(forms.Form):
    """Days in the bin, and days as a draft."""

    bin_days = forms.IntegerField(
        label="Days in the bin",
        min_value=LEAST_BIN,
        max_value=MOST_BIN,
        help_text=f"{LEAST_BIN} to {MOST_BIN} days, then images are deleted for good.",
        widget=forms.NumberInput(attrs=_DAYS),
    )
    draft_days = forms.IntegerField(
        label="Days as a draft",
        required=False,
        min_value=LEAST_DRAFT,
        max_value=MOST_DRAFT,
        help_text=f"{LEAST_DRAFT} to {MOST_DRAFT:,} days. Empty: drafts stay.",
        widget=forms.NumberInput(attrs=_DAYS),
    )
