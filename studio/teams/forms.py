"""Forms about a team's people."""

from django import forms

from studio.teams.models import Role
from studio.teams.services import INVITABLE_ROLES, INVITATION_DAYS


class InviteForm(forms.Form):
    """Whom to invite, as what, and how long the link is good."""

    email = forms.EmailField(
        max_length=254,
        required=False,
        help_text="Only this person can use the link. Leave it empty for a link that works for whoever has it.",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "nils@halden.example"}),
    )
    role = forms.TypedChoiceField(
        coerce=lambda value: Role(int(value)),
        choices=[(role.value, role.label) for role in reversed(INVITABLE_ROLES)],
        initial=Role.MEMBER.value,
        empty_value=None,
    )
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=INVITATION_DAYS[0],
        max_value=INVITATION_DAYS[-1],
        initial=7,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class RoleForm(forms.Form):
    """The role a member is to have."""

    role = forms.TypedChoiceField(coerce=lambda value: Role(int(value)), choices=Role.choices, empty_value=None)
