"""What the operator sees of generations."""

import pytest

from studio.accounts.models import User
from studio.generations.models import Attempt
from studio.generations.models import OutputState as Is
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


@pytest.mark.parametrize("what", ["generation", "output", "attempt"])
def test_admin_shows_and_changes_nothing(
    what: str, team: Team, member: User, operator: User, client_of: ClientOf
) -> None:
    generation = show(team, member, Is.DELIVERED)
    client = client_of(operator)
    row = {"generation": generation, "output": generation.outputs.get(), "attempt": generation.attempts.get()}[what]

    assert client.get(f"/admin/generations/{what}/").status_code == 200
    assert client.get(f"/admin/generations/{what}/{row.pk}/change/").status_code == 200
    assert client.get(f"/admin/generations/{what}/add/").status_code == 403
    assert client.post(f"/admin/generations/{what}/{row.pk}/change/", {}).status_code == 403
    assert client.post(f"/admin/generations/{what}/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_admin_finds_calls_that_may_have_been_paid_for_nothing(
    team: Team, member: User, operator: User, client_of: ClientOf
) -> None:
    show(team, member, Is.DELIVERED)
    show(team, member, Is.INTERRUPTED)

    page = client_of(operator).get("/admin/generations/attempt/", {"possible_cost__exact": "1"})

    assert list(page.context["cl"].queryset) == list(Attempt.objects.filter(possible_cost=True))
    assert page.context["cl"].result_count == 1
