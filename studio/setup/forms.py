"""The form of the first run."""

from typing import Any

from django import forms
from django.conf import settings

from studio.accounts.forms import NewAccountForm
from studio.ledger.services import MOST
from studio.setup.services import DEFAULT_TEAM_NAME, Founder


class SetupForm(NewAccountForm):
    """Who runs the installation, and the first team."""

    team_name = forms.CharField(label="Team name", max_length=80, initial=DEFAULT_TEAM_NAME)
    credits = forms.IntegerField(
        label="Starting credits",
        min_value=0,
        max_value=MOST,
        localize=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text="Your team spends these on images. More can be added at any time.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credits"].initial = settings.STARTING_CREDITS

    def founder(self) -> Founder:
        """Return what the set-up needs."""
        return Founder(**self.cleaned_data)
