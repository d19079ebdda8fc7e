"""What sign-in and sign-up do differently here from allauth's defaults."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from studio.accounts.models import User
from studio.accounts.services import take_address_at_its_word


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Sign-up is closed unless the operator opens it; addresses are kept in lower case.

    Invitations and the set-up page make accounts by themselves (`services.create_account`), each with a one-time link,
    so they need no opening here.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's signature
        """Whether anybody may make an account."""
        return bool(settings.OPEN_SIGNUP)

    def clean_email(self, email: str) -> str:
        """One address is one account, whatever its case."""
        return str(super().clean_email(email)).lower()

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in; without a mail server the address counts as proven."""
        if settings.ACCOUNT_EMAIL_VERIFICATION == "none":
            take_address_at_its_word(user)
        super().login(request, user)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Keep the name along with the address."""
        user.name = form.cleaned_data.get("name", "")
        saved: User = super().save_user(request, user, form, commit)
        return saved
