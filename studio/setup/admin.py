"""Teams for the operator: founded with an owner and credits, renamed, never deleted."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from studio.accounts.models import User
from studio.ledger.services import MOST
from studio.setup.services import found_team
from studio.teams.models import Team
from studio.teams.services import rename_team


class FoundTeamForm(forms.ModelForm[Team]):
    """What a team begins with."""

    owner = forms.ModelChoiceField(queryset=User.objects.filter(is_active=True).order_by("email"))
    credits = forms.IntegerField(label="Starting credits", min_value=0, max_value=MOST, initial=0)

    class Meta:
        model = Team
        fields = ["name"]


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin[Team]):
    """The installation's teams."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]

    def get_form(self, request: HttpRequest, obj: Team | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Ask for owner and credits only at the start."""
        if not change:
            kwargs["form"] = FoundTeamForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Team | None = None) -> list[Any]:  # noqa: ARG002  # Django's
        """The address is made from the name and stays."""
        return ["name", "slug", "created_at"] if obj else ["name", "owner", "credits"]

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> list[str]:  # noqa: ARG002  # Django's
        """Show what cannot change."""
        return ["slug", "created_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """Found or rename, as the services do it."""
        operator = cast("User", request.user)
        if change:
            team = Team.objects.get(pk=obj.pk)
            rename_team(team=team, name=obj.name, actor=operator)
        else:
            data = form.cleaned_data
            made = found_team(name=data["name"], owner=data["owner"], credits=data["credits"], actor=operator)
            obj.pk, obj.slug = made.pk, made.slug

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002  # Django's
        """A team owns money and history."""
        return False
