"""The addresses that tiles write."""

from django.urls import reverse

from studio.library.templatetags.library import addresses
from studio.teams.models import Team
from tests.factories import make_asset


def test_addresses_of_a_tile_are_those_of_the_router(team: Team) -> None:
    asset = make_asset(team)
    at = addresses(asset, "halden-co", "q=sand&sort=name")
    assert at.page == reverse("library:asset", args=["halden-co", asset.pk]) + "?q=sand&sort=name"
    assert addresses(asset, "halden-co").page == reverse("library:asset", args=["halden-co", asset.pk])
    assert at.original == reverse("library:file", args=["halden-co", asset.pk, "original"])
    assert at.small == reverse("library:file", args=["halden-co", asset.pk, "thumb"])
    asset.has_thumb = False
    assert at.small == at.original


def test_sizes_are_offered_with_their_widths_once_both_are_there(team: Team) -> None:
    asset = make_asset(team)
    asset.width, asset.height = 1200, 2400
    at = addresses(asset, "halden-co")
    assert at.sizes == ""
    asset.has_preview = True
    files = f"/t/halden-co/assets/{asset.pk}/file/"
    assert at.sizes == f"{files}thumb/ 256w, {files}preview/ 800w"
    # A picture smaller than its thumbnail would be has one size only.
    asset.width = asset.height = 64
    assert at.sizes == ""
