"""The calls of a generation: for admins and owners, with what each came to."""

from typing import Any

import pytest

from studio.accounts.models import User
from studio.generations.attempts import cost_in_words
from studio.generations.models import Attempt, Generation, OutputState
from studio.providers.adapters.errors import ADMIN_MESSAGES, UpstreamTransient
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.making import submit
from tests.generations.pages import HTMX, text
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

# What only whoever looks after a connection can do.
ADVICE = ("Test", "test", "Enter", "Top it up", "Check", "PRIVATE_HOSTS", "limit avoids", "words stand", "verified")


@pytest.fixture
def own(rehearsal: Connection, team: Team) -> Connection:
    """The connection, in the team's own hands."""
    rehearsal.team = team
    rehearsal.save()
    return rehearsal


def url(generation: Generation) -> str:
    return f"/t/halden-co/generations/{generation.pk}/attempts/"


@pytest.fixture
def failed(team: Team, member: User) -> Generation:
    """A generation whose one call failed after it was sent."""
    generation = show(team, member, OutputState.FAILED)
    Attempt.objects.update(
        status_code=502,
        latency_ms=1412,
        request_id="req_0815",
        error_kind="upstream_transient",
        provider_message="<b>Bad</b> gateway",
        possible_cost=True,
        reported={"cost": {"unit": "cents", "amount": "4.2"}},
    )
    return generation


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403), ("stranger", 404)]
)
def test_attempts_are_for_admins(
    who: str, status: int, failed: Generation, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    answer = client_of(request.getfixturevalue(who)).get(url(failed))
    assert answer.status_code == status
    assert ("req_0815" in answer.content.decode()) == (status == 200)


@pytest.mark.usefixtures("own")
def test_attempts_say_what_was_asked_and_what_came_of_it(failed: Generation, owner: User, client_of: ClientOf) -> None:
    answer = client_of(owner).get(url(failed))
    said = text(answer)
    assert "Rehearsal Failed" in said
    assert "rehearsal · 1 image · HTTP 502 · 1,412 ms · 4.2 cents req_0815" in said
    assert UpstreamTransient.admin_message in said
    assert "&lt;b&gt;Bad&lt;/b&gt; gateway" in answer.content.decode()
    assert "The provider may have billed this although no picture came." in said
    dialog = client_of(owner).get(url(failed), headers=HTMX)
    assert dialog.content.decode().lstrip().startswith("<header>")


@pytest.mark.parametrize("kind", sorted(ADMIN_MESSAGES))
def test_attempts_through_a_shared_connection_tell_a_team_nothing_of_the_operators_account(
    kind: str, failed: Generation, owner: User, client_of: ClientOf
) -> None:
    Attempt.objects.update(error_kind=kind, provider_message="Organization org-77 owes 12 dollars")

    said = text(client_of(owner).get(url(failed)))

    # What the team's own call came to stays.
    assert "rehearsal · 1 image · HTTP 502 · 1,412 ms · 4.2 cents req_0815" in said
    assert "The operator of this installation looks after this connection." in said
    assert not [word for word in ("org-77", "The provider may have billed this", *ADVICE) if word in said]


def test_generation_that_waits_has_no_attempts(team: Team, member: User, owner: User, client_of: ClientOf) -> None:
    waiting = submit(team, member)
    assert "Nothing has been sent to a provider yet." in text(client_of(owner).get(url(waiting)))


@pytest.mark.parametrize("count", [1, 3])
def test_number_of_queries_does_not_grow(
    count: int, team: Team, member: User, owner: User, client_of: ClientOf, django_assert_num_queries: Any
) -> None:
    generation = show(team, member, OutputState.FAILED)
    first = Attempt.objects.get()
    for number in range(2, count + 1):
        first.pk, first.number, first.token = None, number, f"00000000-0000-0000-0000-00000000000{number}"
        first.save()
    client = client_of(owner)
    # session, user, membership; generation, attempts
    with django_assert_num_queries(5):
        client.get(url(generation), headers=HTMX)


@pytest.mark.parametrize("tail", ["studio/", "history/"])
def test_pages_lead_only_admins_there(
    tail: str, failed: Generation, owner: User, member: User, client_of: ClientOf
) -> None:
    link = f'href="{url(failed)}"'
    assert link in client_of(owner).get(f"/t/halden-co/{tail}").content.decode()
    assert link not in client_of(member).get(f"/t/halden-co/{tail}").content.decode()


@pytest.mark.parametrize(
    ("reported", "words"),
    [
        ({}, ""),
        ({"cost": None}, ""),
        ({"cost": {"unit": "tokens", "amount": "1056"}}, "1056 tokens"),
        ({"cost": {"unit": "credits", "amount": "8"}}, "8 credits"),
        ({"cost": {"unit": "usd", "amount": "0.042"}}, "$0.042"),
        ({"cost": {"unit": "pesos", "amount": "3"}}, ""),
    ],
)
def test_cost_is_said_in_the_providers_unit(reported: dict[str, Any], words: str) -> None:
    assert cost_in_words(reported) == words
