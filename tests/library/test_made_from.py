"""What a picture was made from, on its own page, and the way from there to the studio."""

import re

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library.binning import bin_assets, purge
from studio.library.models import Asset
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset

# An asset of a generation that is made up.
pytestmark = [pytest.mark.django_db, pytest.mark.breaks_invariants]


def edited(team: Team, references: list[int], mask: int | None = None, **changes: object) -> Asset:
    """Make a picture whose snapshot names others."""
    asset = make_asset(team, generation_id=7)
    Asset.objects.filter(pk=asset.pk).update(spec={**asset.spec, "references": references, "mask": mask}, **changes)
    return asset


def made_from(page: str) -> list[tuple[str, str]]:
    """Each input on the page: where its link leads, and its words."""
    section = page.partition("<h2>Made from</h2>")[2].partition("</section>")[0]
    links = re.findall(r'<li><a href="([^"]+)">(.*?)</a></li>', section, re.DOTALL)
    return [
        (href, " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", inside, flags=re.DOTALL).split()))
        for href, inside in links
    ]


def test_inputs_are_shown_in_their_order_with_links(team: Team, viewer: User, client_of: ClientOf) -> None:
    beach, pier, mask = (make_asset(team, prompt=prompt) for prompt in ("Beach", "Pier", "Cut-out"))
    asset = edited(team, [pier.pk, beach.pk], mask.pk)

    page = client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()

    assert made_from(page) == [
        (f"/t/halden-co/assets/{pier.pk}/", "Pier"),
        (f"/t/halden-co/assets/{beach.pk}/", "Beach"),
        (f"/t/halden-co/assets/{mask.pk}/", "Mask: Cut-out"),
    ]


def test_inputs_that_are_gone_are_said_to_be(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    binned, purged = make_asset(team, prompt="Beach"), make_asset(team)
    bin_assets(team_id=team.pk, asset_ids=[binned.pk, purged.pk], actor_id=member.pk, at=timezone.now())
    purge(team_id=team.pk, asset_ids=[purged.pk], actor_id=None)
    asset = edited(team, [binned.pk, purged.pk])

    page = client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()

    assert [words for _, words in made_from(page)] == ["Beach In the bin", "Reference image 2, deleted for good"]
    assert f"/assets/{purged.pk}/file/" not in page


def test_inputs_of_another_team_are_never_shown(
    team: Team, other_team: Team, viewer: User, client_of: ClientOf
) -> None:
    foreign = make_asset(other_team, prompt="Secret")
    asset = edited(team, [foreign.pk])

    assert "Made from" not in client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()


def test_imported_picture_names_none_of_this_installation(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = edited(team, [make_asset(team).pk], generation_id=None)

    assert "Made from" not in client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_inputs_cost_one_query_more(
    count: int, team: Team, viewer: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    asset = edited(team, [make_asset(team).pk for _ in range(count)])
    client = client_of(viewer)

    with django_assert_num_queries(14):  # as in test_views_look.py for a picture of a generation, and the inputs
        assert client.get(f"/t/halden-co/assets/{asset.pk}/").status_code == 200


@pytest.mark.parametrize(("fixture", "is_offered"), [("member", True), ("viewer", False)])
def test_edit_leads_to_the_studio(
    fixture: str, is_offered: bool, request: pytest.FixtureRequest, team: Team, client_of: ClientOf
) -> None:
    asset = make_asset(team)
    client = client_of(request.getfixturevalue(fixture))

    page = client.get(f"/t/halden-co/assets/{asset.pk}/").content.decode()
    grid = client.get("/t/halden-co/library/").content.decode()

    assert (f'href="/t/halden-co/studio/?reference={asset.pk}#composer"' in page) == is_offered
    assert ('data-tile="edit"' in grid) == is_offered


def test_edit_is_not_offered_of_what_is_in_the_bin(team: Team, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    bin_assets(team_id=team.pk, asset_ids=[asset.pk], actor_id=member.pk, at=timezone.now())

    assert "?reference=" not in client_of(member).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()
