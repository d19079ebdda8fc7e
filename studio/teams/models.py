"""Teams, memberships with roles, and invitations."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Role(models.IntegerChoices):
    """What a member may do; each role may do all that the ones below it may."""

    VIEWER = 10, "Viewer"
    MEMBER = 20, "Member"
    ADMIN = 30, "Admin"
    OWNER = 40, "Owner"


class Team(models.Model):
    """Owns credits, connections, generations and assets."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team."""
        return self.filter(team=team)

    def active(self) -> Self:
        """Of people who may still sign in."""
        return self.filter(user__is_active=True)

    def owners(self) -> Self:
        """Of owners."""
        return self.filter(role=Role.OWNER)


class Membership(models.Model):
    """One user in one team; the database keeps every team's last owner."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_known_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    def may(self, role: Role) -> bool:
        """Whether this member has the rights of `role`."""
        return self.role >= role


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team."""
        return self.filter(team=team)

    def open(self) -> Self:
        """Neither used nor revoked nor past their time."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=Now())


class Invitation(models.Model):
    """A link that lets one person join; only a keyed hash of its token is stored."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(max_length=254, blank=True)
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_known_role"),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None), name="invitation_one_ending"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… to {self.team}"
