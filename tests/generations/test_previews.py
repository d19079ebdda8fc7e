"""Unfinished pictures on the page: a tile shows the newest until the final picture replaces it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.generations.claiming import claim_next
from studio.generations.models import Attempt, AttemptState, Generation, Output, Preview
from studio.generations.models import OutputState as Is
from studio.generations.requesting import request_of
from studio.library.binning import bin_assets, purge
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset
from tests.generations.making import submit
from tests.generations.pages import CREATE, HTMX, STUDIO, text
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

WEBP = b"RIFF\x04\x00\x00\x00WEBP"


@pytest.fixture
def running(team: Team, member: User) -> Generation:
    """One picture under way, of which the second preview has come."""
    generation = show(team, member, Is.RUNNING)
    Preview.objects.create(output=Output.objects.get(generation=generation), number=2, data=WEBP)
    return generation


def address(generation: Generation, number: int = 2, slot: int = 0) -> str:
    return f"{CREATE}{generation.pk}/preview/{slot}/{number}/"


def test_preview_is_sent_to_the_team_alone(
    running: Generation, viewer: User, stranger: User, other_team: Team, client_of: ClientOf
) -> None:
    response = client_of(viewer).get(address(running))

    assert (response.status_code, response.content, response["Content-Type"]) == (200, WEBP, "image/webp")
    assert response["Cache-Control"] == "private, max-age=3600"
    assert client_of(stranger).get(address(running)).status_code == 404
    assert client_of(stranger).get(address(running).replace("halden-co", "elsewhere")).status_code == 404


def test_preview_that_was_replaced_is_the_later_one_until_it_is_gone(
    running: Generation, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)

    assert client.get(address(running, number=1)).content == WEBP
    assert client.get(address(running, number=3)).status_code == 404
    assert client.get(address(running, slot=1)).status_code == 404
    Preview.objects.all().delete()
    assert client.get(address(running)).status_code == 404


def test_tile_shows_the_preview_and_how_many_there_will_be(
    running: Generation, rehearsal: Connection, viewer: User, client_of: ClientOf
) -> None:
    before = client_of(viewer).get(f"{CREATE}{running.pk}/", headers=HTMX)
    Connection.objects.filter(pk=rehearsal.pk).update(options={"previews": 3})

    after = client_of(viewer).get(f"{CREATE}{running.pk}/", headers=HTMX)

    assert f'<img src="{address(running)}" alt=""' in after.content.decode()
    assert "Preview 2 Cancel" not in text(before)
    assert re.search(r"Preview 2(?! of)", text(before))
    assert "Preview 2 of 3" in text(after)
    # The finished picture is the last step.
    assert '<progress class="meter" value="2" max="4"' in after.content.decode()
    assert "<progress" not in before.content.decode()


@pytest.mark.parametrize(
    ("options", "changes", "planned"),
    [
        ({"previews": 2}, {}, [1, 1, 1]),
        ({"previews": 2}, {"references": 1}, [3]),
        ({"previews": 2}, {"model_slug": "rehearsal"}, [3]),
        ({"previews": 0}, {}, [3]),
        ({"previews": "2"}, {}, [3]),
        ({}, {}, [3]),
    ],
)
def test_each_picture_is_asked_for_by_itself_where_previews_tell_them_apart(
    options: dict[str, Any],
    changes: dict[str, Any],
    planned: list[int],
    rehearsal: Connection,
    team: Team,
    member: User,
) -> None:
    openai = create_connection(team=team, name="OpenAI", protocol="openai", secret="sk-test", actor=None)
    Connection.objects.filter(pk__in=[openai.pk, rehearsal.pk]).update(options=options)
    references = [make_asset(team).pk for _ in range(changes.pop("references", 0))]
    generation = submit(team, member, n=3, references=references, **{"model_slug": "gpt-image-2"} | changes)

    assert claim_next(connection_id=generation.connection_id, worker="worker-1")

    attempts = generation.attempts.order_by("number")
    assert [attempt.images for attempt in attempts] == planned
    # The same rule decides what each of them asks for.
    wanted = 2 if planned == [1, 1, 1] else 0
    assert {request_of(attempt).previews for attempt in attempts.select_related("connection", "via")} == {wanted}


def test_tile_says_what_remains_of_the_usual_time(
    running: Generation, team: Team, member: User, client_of: ClientOf
) -> None:
    for _ in range(3):
        show(team, member, Is.DELIVERED)
    Attempt.objects.filter(state=AttemptState.CLOSED).update(latency_ms=20_000)
    Generation.objects.filter(pk=running.pk).update(started_at=timezone.now() - timedelta(seconds=11))
    client = client_of(member)

    assert re.search(r"Preview 2, about (9|8) s", text(client.get(f"{CREATE}{running.pk}/", headers=HTMX)))
    Generation.objects.filter(pk=running.pk).update(started_at=timezone.now() - timedelta(seconds=60))
    assert re.search(r"Preview 2(?!,)", text(client.get(f"{CREATE}{running.pk}/", headers=HTMX)))


def test_card_shows_what_it_is_made_from(team: Team, member: User, client_of: ClientOf) -> None:
    kept, binned, purged = make_asset(team), make_asset(team), make_asset(team)
    generation = submit(team, member, references=[kept.pk, binned.pk, purged.pk])
    bin_assets(team_id=team.pk, asset_ids=[binned.pk, purged.pk], actor_id=member.pk, at=timezone.now())
    purge(team_id=team.pk, asset_ids=[purged.pk], actor_id=None)

    page = client_of(member).get(f"{CREATE}{generation.pk}/", headers=HTMX).content.decode()

    section = page.partition('<p class="made-from">')[2].partition("</p>")[0]
    assert re.findall(r'href="/t/halden-co/assets/(\d+)/" aria-label="([^"]+)"', section) == [
        (str(kept.pk), "Reference image 1"),
        (str(binned.pk), "Reference image 2, in the bin"),
        (str(purged.pk), "Reference image 3, deleted"),
    ]
    assert re.findall(r'src="/t/halden-co/assets/(\d+)/file/thumb/"', section) == [str(kept.pk)]


@pytest.mark.parametrize("count", [1, 3])
def test_feed_with_inputs_costs_one_query_more(
    count: int, team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        show(team, member, Is.DELIVERED, references=[make_asset(team).pk])
    client = client_of(member)

    with django_assert_num_queries(13):  # as in test_views.py with nothing that runs, and the inputs
        client.get(STUDIO)


def test_pictures_of_the_feed_can_be_edited_by_members(
    team: Team, member: User, viewer: User, client_of: ClientOf
) -> None:
    show(team, member, Is.DELIVERED)

    assert 'name="reference"' in client_of(member).get(STUDIO).content.decode()
    assert 'name="reference"' not in client_of(viewer).get(STUDIO).content.decode()
