"""Members and invitations for the operator. Teams themselves are in studio.setup.admin, with their first credits."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from studio.accounts.models import User
from studio.core.admin import ReadOnlyAdmin
from studio.teams import services
from studio.teams.models import Invitation, Membership, Role


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin[Membership]):
    """Who is in which team. Everything goes through the services: audited, and no team loses its last owner."""

    list_display = ["team", "user", "role", "created_at", "last_used_at"]
    list_select_related = ["team", "user"]
    list_filter = ["role"]
    search_fields = ["team__name", "team__slug", "user__email", "user__name"]
    autocomplete_fields = ["team", "user"]
    fields = ["team", "user", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> list[str]:  # noqa: ARG002  # Django's
        """A membership keeps its team and its person."""
        return ["team", "user"] if obj else []

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:  # noqa: ARG002  # Django's
        """Add a member or change a role, as the operator."""
        operator, role = cast("User", request.user), Role(obj.role)
        if change:
            services.change_role(membership=obj, role=role, actor=operator, as_operator=True)
        else:
            obj.pk = services.add_member(team=obj.team, user=obj.user, role=role, operator=operator).pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Remove a member, as the operator."""
        services.remove_member(membership=obj, actor=cast("User", request.user), as_operator=True)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Remove several members."""
        for membership in queryset.select_related("team", "user"):
            self.delete_model(request, membership)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Which invitations were made and what became of them."""

    list_display = ["team", "prefix", "email", "role", "created_by", "created_at", "expires_at", "accepted_by"]
    list_select_related = ["team", "created_by", "accepted_by"]
    search_fields = ["team__slug", "email", "prefix"]
    exclude = ["token_hash"]
    ordering = ["-id"]
