"""The first run, and founding teams with their credits."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.urls import reverse
from django.utils.crypto import salted_hmac

from studio.accounts.models import User
from studio.accounts.services import create_account
from studio.audit.actions import Action
from studio.audit.services import record
from studio.catalogue.services import sync_catalogue
from studio.ledger import services as ledger
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.setup.errors import SetupOver
from studio.setup.models import SetupLink
from studio.teams.models import Team
from studio.teams.services import create_team

DEFAULT_TEAM_NAME = "Studio"


@dataclass(frozen=True)
class Founder:
    """What the first run asks for."""

    email: str
    name: str
    password: str
    team_name: str
    credits: int


@dataclass(frozen=True)
class Prepared:
    """What a run of `prepare` did, for the console."""

    operator_created: str = ""
    setup_link: str = ""
    warning: str = ""


class FirstTeam(NamedTuple):
    """What the first run made."""

    team: Team
    owner: User


def found_team(*, name: str, owner: User, credits: int, actor: User | None) -> Team:
    """Create a team with its owner, its account and, if any are given, its first credits."""
    with transaction.atomic():
        team = create_team(name=name, owner=owner)
        ledger.open_account(team=team)
        if credits:
            ledger.grant(team=team, amount=credits, reason="Starting credits", actor=actor, key="starting-credits")
    return team


def prepare() -> Prepared:
    """Bring catalogue, first connection and first person into being; a second run changes nothing of that.

    While nobody has an account it makes a new one-time link and ends the one before.
    """
    sync_catalogue()
    with _first_run():
        if not Connection.objects.exists():
            create_connection(team=None, name="Rehearsal", protocol="rehearsal", actor=None)
        if User.objects.exists():
            return Prepared()
        if settings.ADMIN_EMAIL:
            founder = _founder_of_settings()
            return Prepared(operator_created=_set_up(founder).owner.email, warning=_weakness(founder))
        return Prepared(setup_link=_new_link())


def is_setup_link(token: str) -> bool:
    """Whether the token still opens the set-up."""
    return SetupLink.objects.filter(token_hash=_hash_of(token)).exists()


def set_up(*, token: str, founder: Founder) -> FirstTeam:
    """Create operator, team and credits in one transaction; of two who try at once the second gets SetupOver."""
    with _first_run():
        if not SetupLink.objects.filter(token_hash=_hash_of(token)).delete()[0] or User.objects.exists():
            raise SetupOver("This set-up link does not work any more.")
        return _set_up(founder)


def _set_up(founder: Founder) -> FirstTeam:
    owner = create_account(email=founder.email, name=founder.name, password=founder.password)
    owner.is_staff = owner.is_superuser = True
    owner.save(update_fields=["is_staff", "is_superuser"])
    record(action=Action.INSTALLATION_SET_UP, team_id=None, actor_id=owner.pk, subject=owner.email)
    team = found_team(name=founder.team_name, owner=owner, credits=founder.credits, actor=owner)
    SetupLink.objects.all().delete()
    return FirstTeam(team, owner)


def _founder_of_settings() -> Founder:
    """Read the first person from the settings; what is wrong with them stops the start."""
    email = settings.ADMIN_EMAIL.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise ImproperlyConfigured("ATELIER_ADMIN_EMAIL must be an e-mail address.") from error
    return Founder(
        email=email,
        name="",
        password=settings.ADMIN_PASSWORD,
        team_name=settings.ADMIN_TEAM or DEFAULT_TEAM_NAME,
        credits=settings.STARTING_CREDITS,
    )


def _weakness(founder: Founder) -> str:
    """Say what is weak about the password; whoever may set the environment may also choose it."""
    try:
        validate_password(founder.password, User(email=founder.email))
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _new_link() -> str:
    token = secrets.token_urlsafe(32)
    SetupLink.objects.all().delete()
    SetupLink.objects.create(token_hash=_hash_of(token))
    return settings.BASE_URL + reverse("setup:start", kwargs={"token": token})


def _hash_of(token: str) -> str:
    return salted_hmac("studio.setup.link", token, algorithm="sha256").hexdigest()


@contextmanager
def _first_run() -> Iterator[None]:
    """Open a transaction that only one process at a time can be in."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('atelier.setup'))")
        yield
