"""Forms about a person."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from studio.accounts.models import User


class NameForm(forms.Form):
    """The name that teams see."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))


class SignupForm(forms.Form):
    """What allauth's sign-up asks besides address and password."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ["name", "email", "password1"]

    def signup(self, request: Any, user: User) -> None:
        """Nothing is left to do: the adapter has stored the name."""


class NewAccountForm(forms.Form):
    """Name, address and password of somebody who comes by a one-time link."""

    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="Email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "inputmode": "email"})
    )
    password = forms.CharField(
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, and not a common password.",
    )

    def __init__(self, *args: Any, fixed_email: str = "", **kwargs: Any) -> None:
        """Take over `fixed_email`, which the person cannot change."""
        super().__init__(*args, **kwargs)
        if fixed_email:
            self.fields["email"].initial = fixed_email
            self.fields["email"].disabled = True

    def clean_email(self) -> str:
        """One address is one account, whatever its case."""
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        """Check the password against the person's own name and address, too."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if password := cleaned.get("password"):
            person = User(email=cleaned.get("email", ""), name=cleaned.get("name", ""))
            try:
                validate_password(password, person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned
