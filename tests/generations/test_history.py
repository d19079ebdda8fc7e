"""The history: every prompt of the team, with what came of it."""

import re
from html import unescape

import pytest
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.catalogue.models import ImageModel
from studio.generations.models import OutputState as Is
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.making import submit
from tests.generations.pages import text
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

HISTORY = "/t/halden-co/history/"


def numbers(page: str) -> list[str]:
    """The generations of the rows, in their order."""
    return re.findall(r'<li data-generation="(\d+)"', page)


@pytest.mark.parametrize(
    ("outputs", "row"),
    [
        ([Is.WAITING], "No images Rehearsal Low, 1:1 PN Priya Nair 1 held Queued"),
        ([Is.DELIVERED, Is.RUNNING], "Rehearsal Low, 1:1 PN Priya Nair 2 held 1 of 2 ready"),
        ([Is.DELIVERED] * 6, "+2 Rehearsal Low, 1:1 PN Priya Nair 6 cr Done"),
        ([Is.DELIVERED, Is.FAILED], "Rehearsal Low, 1:1 PN Priya Nair 1 cr 1 of 2"),
        ([Is.FAILED], "No images Rehearsal Low, 1:1 PN Priya Nair 0 cr Failed"),
        ([Is.INTERRUPTED], "No images Rehearsal Low, 1:1 PN Priya Nair 0 cr Interrupted"),
        ([Is.CANCELLED], "No images Rehearsal Low, 1:1 PN Priya Nair 0 cr Cancelled"),
    ],
)
def test_history_row(outputs: list[Is], row: str, team: Team, member: User, client_of: ClientOf) -> None:
    generation = show(team, member, *outputs)

    response = client_of(member).get(HISTORY)

    assert response.status_code == 200
    assert row in text(response)
    page = response.content.decode().partition("<main")[2].partition("</main>")[0]
    assert page.count('class="thumb"') == min(4, outputs.count(Is.DELIVERED))
    assert f'href="/t/halden-co/studio/?from={generation.pk}#composer"' in page
    assert f'href="/t/halden-co/generations/{generation.pk}/"' in page


def test_history_of_a_viewer_offers_no_reuse(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    generation = show(team, member, Is.FAILED)

    page = client_of(viewer).get(HISTORY).content.decode()

    assert numbers(page) == [str(generation.pk)]
    assert "?from=" not in page


def test_history_is_404_for_a_stranger(team: Team, stranger: User, client_of: ClientOf) -> None:
    assert client_of(stranger).get(HISTORY).status_code == 404


def test_history_without_generations_says_what_will_be_here(member: User, client_of: ClientOf) -> None:
    assert "Every prompt of the team is kept here" in text(client_of(member).get(HISTORY))


def test_history_shows_prompts_as_text(team: Team, member: User, client_of: ClientOf) -> None:
    show(team, member, Is.FAILED, prompt='<img src=x onerror="alert(1)">')

    page = client_of(member).get(HISTORY).content.decode()

    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in page
    assert "<img src=x" not in page


def test_history_pages_lead_on_and_back(team: Team, member: User, client_of: ClientOf) -> None:
    made = [str(submit(team, member, n=1).pk) for _ in range(26)]
    client = client_of(member)

    first = client.get(HISTORY).content.decode()
    [older] = re.findall(r'href="([^"]*before=[^"]*)"', first)
    submit(team, member, n=1)
    second = client.get(unescape(older)).content.decode()

    assert numbers(first) == made[:1:-1]
    assert numbers(second) == made[1::-1]
    assert f'href="{HISTORY}"' in second.split('class="pager"')[1]
    assert "before=" not in second.split('class="pager"')[1]


@pytest.mark.parametrize("before", ["abc", "-1", "", "9" * 30])
def test_history_unreadable_place_is_the_first_page(before: str, team: Team, member: User, client_of: ClientOf) -> None:
    generation = submit(team, member)

    page = client_of(member).get(HISTORY, {"before": before}).content.decode()

    assert numbers(page) == [str(generation.pk)]


@pytest.mark.parametrize("count", [1, 3])
def test_history_query_count(
    count: int, team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        show(team, member, Is.DELIVERED, Is.DELIVERED)
    client = client_of(member)

    with django_assert_num_queries(7):
        client.get(HISTORY)


@pytest.mark.parametrize("gone", [{"enabled": False}, {"announced_end": "2026-01-01"}])
def test_model_that_is_gone_stays_readable(
    gone: dict[str, object], team: Team, member: User, client_of: ClientOf
) -> None:
    generation = show(team, member, Is.DELIVERED)
    asset = generation.outputs.get().asset
    assert asset is not None
    ImageModel.objects.filter(slug="rehearsal").update(**gone)
    client = client_of(member)

    history, page = text(client.get(HISTORY)), text(client.get(f"/t/halden-co/assets/{asset.pk}/"))

    assert "Rehearsal Low, 1:1 PN Priya Nair 1 cr Done" in history
    assert "Rehearsal" in page
    assert "Three paper boats" in text(client.get(f"/t/halden-co/studio/?from={generation.pk}"))
