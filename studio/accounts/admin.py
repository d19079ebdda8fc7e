"""People, for the operator: added, made operators, shut out and let in again, forgotten; never deleted."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from studio.accounts import services
from studio.accounts.forms import NewAccountForm
from studio.accounts.models import User
from studio.core.errors import StudioError


class AddUserForm(forms.ModelForm[User]):
    """A new person, checked as everywhere else."""

    name = NewAccountForm.base_fields["name"]
    email = NewAccountForm.base_fields["email"]
    password = NewAccountForm.base_fields["password"]

    class Meta:
        model = User
        fields = ["name", "email"]

    def clean_email(self) -> str:
        """One address is one account, whatever its case."""
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        """Refuse the passwords that are refused everywhere."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for error in NewAccountForm(self.data).errors.get("password", []):
            if not self.has_error("password"):
                self.add_error("password", error)
        return cleaned


class ChangeUserForm(forms.ModelForm[User]):
    """What the operator changes about a person; the address is the person's own affair."""

    is_staff = forms.BooleanField(
        label="Operator", required=False, help_text="May enter this administration and change everything in it."
    )

    class Meta:
        model = User
        fields = ["name", "is_staff"]


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    """The people of the installation."""

    list_display = ["email", "name", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    actions = ["deactivate", "reactivate", "anonymise"]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Ask for everything at first, later only for what may change."""
        return super().get_form(request, obj, change, form=ChangeUserForm if change else AddUserForm, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Show what explains a person's state; nobody takes their own rights, so an operator always stays."""
        if obj is None:
            return []
        own = ["is_staff"] if obj == request.user else []
        return ["email", "is_active", "date_joined", "last_login", *own]

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> list[Any]:  # noqa: ARG002  # Django's
        """Put the fields in the order they are read."""
        if obj is None:
            return ["name", "email", "password"]
        return ["email", "name", "is_staff", "is_active", "date_joined", "last_login"]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: ARG002  # Django's
        """Go through the same service as everywhere."""
        if change:
            obj.is_superuser = obj.is_staff
            obj.save(update_fields=["name", "is_staff", "is_superuser"])
        else:
            data = form.cleaned_data
            made = services.create_account(email=data["email"], name=data["name"], password=data["password"])
            obj.pk, obj.email = made.pk, made.email

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002  # Django's
        """Money and pictures point at people: they are shut out or forgotten instead."""
        return False

    @admin.action(description="Deactivate: shut out, sessions end")
    def deactivate(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Shut people out."""
        self._each(request, people, services.deactivate)

    @admin.action(description="Reactivate: let in again")
    def reactivate(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Let people in again."""
        self._each(request, people, services.reactivate)

    @admin.action(description="Anonymise: forget name and address for good")
    def anonymise(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Forget people."""
        self._each(request, people, services.anonymise)

    def _each(self, request: HttpRequest, people: QuerySet[User], act: Callable[..., None]) -> None:
        for person in people:
            if person == request.user:
                self.message_user(request, "You cannot do this to yourself.", messages.ERROR)
                continue
            try:
                act(user=person, operator=request.user)
            except StudioError as error:
                self.message_user(request, error.message, messages.ERROR)
            else:
                self.message_user(request, f"{person}: done.", messages.SUCCESS)
