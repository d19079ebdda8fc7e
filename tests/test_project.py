"""What holds for the project as a whole."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, PathConverter, SlugConverter, StringConverter, UUIDConverter

from studio.accounts.models import User
from studio.teams.models import Role, Team
from tests.conftest import ClientOf

ROOT = Path(__file__).resolve().parent.parent

# The only addresses that answer without a sign-in. Each carries a one-time link or is part of signing in.
OPEN_ADDRESSES = {
    "/hooks/<connection_id>/<secret>/",
    "/healthz",
    "/auth/confirm-email/",
    "/auth/confirm-email/<key>/",
    "/auth/inactive/",
    "/auth/login/",
    "/auth/login/code/confirm/",
    "/auth/logout/",
    "/auth/password/reset/",
    "/auth/password/reset/done/",
    "/auth/password/reset/key/<uidb36>-<key>/",
    "/auth/password/reset/key/done/",
    "/auth/signup/",
    "/invite/<token>/",
    "/set-up/<token>/",
}
# Sample values that lead nowhere: a guard has to answer before anybody looks for the thing itself.
SAMPLES = {
    IntConverter: "1",
    PathConverter: "1",
    SlugConverter: "x",
    StringConverter: "x",
    UUIDConverter: str(UUID(int=1)),
}


class Address(NamedTuple):
    """One entry of the URLconf: how it is written, an example of it, and its view."""

    route: str
    sample: str
    view: Callable[..., Any]


def addresses() -> Iterator[Address]:
    """List every address of the site."""
    yield from _below(get_resolver(), "/", "/")


def team_addresses() -> list[Address]:
    """List those below /t/<team_slug>/, with halden-co as the team."""
    found = [each for each in addresses() if each.route.startswith("/t/<team_slug>/")]
    return [each._replace(sample=each.sample.replace("/t/x/", "/t/halden-co/", 1)) for each in found]


def _below(resolver: URLResolver, route: str, sample: str) -> Iterator[Address]:
    for entry in resolver.url_patterns:
        written = str(entry.pattern)
        readable = re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", re.sub(r"\(\?P(<\w+>)(?:[^()]|\([^()]*\))*\)", r"\1", written))
        readable = readable.strip("^$").replace("\\Z", "")
        example = readable
        for name in re.findall(r"<(\w+)>", readable):
            converter = entry.pattern.converters.get(name)
            example = example.replace(f"<{name}>", SAMPLES[type(converter)] if converter else "x", 1)
        if isinstance(entry, URLPattern):
            yield Address(route + readable, sample + example, entry.callback)
        else:
            yield from _below(entry, route + readable, sample + example)


def leads_to_sign_in(response: Any) -> bool:
    return response.status_code == 302 and str(response["Location"]).startswith(("/auth/login/", "/admin/login/"))


def role_of(address: Address) -> Role:
    role = getattr(address.view, "team_role", None)
    assert isinstance(role, Role), f"{address.route} is not guarded: put @team_required(…) outermost on its view"
    return role


def test_migrations_are_complete(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_rooms_have_team_addresses() -> None:
    """If this list went empty, the walks below would prove nothing."""
    rooms = {address.view.__module__.split(".")[1] for address in team_addresses()}
    assert rooms == {"catalogue", "connections", "exports", "generations", "ledger", "library", "teams"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_address_asks_for_a_sign_in(client: Client, team: Team, method: str) -> None:
    for address in addresses():
        if address.route not in OPEN_ADDRESSES:
            assert leads_to_sign_in(getattr(client, method)(address.sample)), address.route


def test_addresses_without_sign_in_are_those_listed() -> None:
    """Read from the views themselves, as the middleware does; Django's admin guards its own pages."""
    exempt = {address.route for address in addresses() if not getattr(address.view, "login_required", True)}
    assert {route for route in exempt if not route.startswith("/admin/")} == OPEN_ADDRESSES


def test_every_team_address_is_guarded() -> None:
    assert {role_of(address) for address in team_addresses()} <= set(Role)


def test_everything_of_a_team_is_unknown_to_a_stranger(
    team: Team, stranger: User, other_team: Team, client_of: ClientOf
) -> None:
    client = client_of(stranger)
    for address in team_addresses():
        answers = [client.get(address.sample), client.post(address.sample), client.delete(address.sample)]
        assert [answer.status_code for answer in answers] == [404, 404, 404], address.route


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_everything_above_a_role_is_forbidden_to_it(
    team: Team, viewer: User, member: User, client_of: ClientOf, role: Role
) -> None:
    client = client_of(viewer if role == Role.VIEWER else member)
    above = [address for address in team_addresses() if role_of(address) > role]
    assert above
    for address in above:
        answers = [client.get(address.sample), client.post(address.sample)]
        assert [answer.status_code for answer in answers] == [403, 403], address.route


def test_nothing_of_the_operators_is_open_to_others(team: Team, owner: User, client_of: ClientOf) -> None:
    client = client_of(owner)
    for address in addresses():
        if address.route.startswith("/admin/") and address.route not in {"/admin/login/", "/admin/logout/"}:
            answer = client.get(address.sample, follow=True)
            assert answer.status_code == 403, address.route


def settings_read() -> set[str]:
    """Return the names that the modules of config/ read from the environment."""
    text = "".join(path.read_text() for path in (ROOT / "config").glob("*.py"))
    return set(re.findall(r'env\.(?:text|boolean|integer|number|words|choice|web_address)\(\s*"([A-Z0-9_]+)"', text))


def test_settings_are_found() -> None:
    assert {"BASE_URL", "ATELIER_ADMIN_EMAIL", "LEASE_SECONDS", "OPEN_SIGNUP", "S3_BUCKET"} <= settings_read()


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z0-9_]+)`", (ROOT / "README.md").read_text()))
    assert settings_read() - documented - {"ATELIER_PROCESS"} == set()  # set by the runtime for its own children
