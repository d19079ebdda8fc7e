"""A generation whose pictures were moved to the bin or deleted for good: its story stays, no picture is broken."""

import re

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.generations.models import Generation, OutputState
from studio.library import binning
from studio.library.models import Asset
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.showing import show

STUDIO = "/t/halden-co/studio/"
HISTORY = "/t/halden-co/history/"


@pytest.fixture
def generation(team: Team, member: User, rehearsal: Connection, credits: int) -> Generation:
    """Three pictures: one kept, one in the bin, one purged."""
    made = show(team, member, *[OutputState.DELIVERED] * 3)
    _, binned, purged = _assets(made)
    Asset.objects.filter(pk__in=[binned.pk, purged.pk]).update(binned_at=timezone.now(), binned_by=member)
    binning.purge(team_id=team.pk, asset_ids=[purged.pk], actor_id=None)
    return made


def _assets(generation: Generation) -> list[Asset]:
    return list(Asset.objects.filter(generation_id=generation.pk).order_by("slot"))


def test_card_keeps_a_quiet_place_for_them(generation: Generation, member: User, client_of: ClientOf) -> None:
    kept, binned, purged = _assets(generation)
    page = client_of(member).get(STUDIO).content.decode()
    card = page[page.index(f'id="generation-{generation.pk}"') :]
    assert re.findall(rf'<a href="/t/halden-co/assets/{binned.pk}/">(.*?)</a>', card) == ["In the bin"]
    assert card.count('aria-label="Deleted"') == 1
    assert f"/assets/{kept.pk}/file/" in card
    assert f"/assets/{binned.pk}/file/" not in card
    assert f"/assets/{purged.pk}/" not in card


def test_history_keeps_a_quiet_place_for_them(generation: Generation, member: User, client_of: ClientOf) -> None:
    kept, binned, purged = _assets(generation)
    page = client_of(member).get(HISTORY).content.decode()
    assert page.count("Image 2, in the bin") == page.count("Image 3, deleted") == 1
    assert f"/assets/{kept.pk}/file/" in page
    assert f"/assets/{binned.pk}/file/" not in page
    assert f"/assets/{purged.pk}/" not in page


@pytest.mark.parametrize(("address", "queries"), [(STUDIO, 12), (HISTORY, 7)])
def test_they_cost_no_query(
    generation: Generation,
    member: User,
    client_of: ClientOf,
    django_assert_num_queries: DjangoAssertNumQueries,
    address: str,
    queries: int,
) -> None:
    client = client_of(member)
    with django_assert_num_queries(queries):
        client.get(address)


def test_charge_and_counts_stay(generation: Generation, member: User, client_of: ClientOf) -> None:
    [card] = client_of(member).get(HISTORY).context["cards"]
    assert (card.delivered, card.missing, card.charged) == (3, 0, card.held)
