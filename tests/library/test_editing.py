"""Title and notes of one picture, and two people who write at once."""

from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone

from studio.library.editing import set_notes, set_title
from studio.library.errors import BadName, InTheBin
from studio.library.models import Asset
from studio.library.words import vector_of
from studio.teams.models import Team
from tests.factories import make_asset
from tests.together import at_once


def test_title_renames_what_it_is_found_and_sorted_by(team: Team) -> None:
    asset = make_asset(team, prompt="A lighthouse")
    set_title(asset=asset, title="  Solstice   hero 9 ")
    stored = Asset.objects.get()
    assert (stored.title, stored.caption, stored.sort_name) == (
        "Solstice hero 9",
        "Solstice hero 9",
        "solstice hero 19",
    )
    found = Asset.objects.extra(where=["words @@ to_tsquery('simple', 'solstice & lighthouse')"])
    assert list(found) == [asset]
    set_title(asset=asset, title="")
    stored.refresh_from_db()
    assert (stored.title, stored.caption, stored.sort_name) == ("", "A lighthouse", "a lighthouse")


def test_notes_keep_their_lines(team: Team) -> None:
    asset = make_asset(team, prompt="A lighthouse")
    set_notes(asset=asset, notes="\r\nFor print. \r\n\r\nAsk Maya\u2028twice  \n")
    asset.refresh_from_db()
    assert asset.notes == "For print.\n\nAsk Maya\ntwice"
    found = Asset.objects.extra(where=["words @@ to_tsquery('simple', 'maya & lighthouse')"])
    assert list(found) == [asset]
    assert asset.sort_name == "a lighthouse"


@pytest.mark.parametrize(
    ("title", "message"),
    [("x" * 201, "A title has at most 200 characters; this has 201."), ("a\nb", "A title is one line: ")],
)
def test_bad_title_is_refused(team: Team, title: str, message: str) -> None:
    asset = make_asset(team)
    with pytest.raises(BadName, match=message):
        set_title(asset=asset, title=title)


def test_bad_notes_are_refused(team: Team) -> None:
    asset = make_asset(team)
    set_notes(asset=asset, notes="x\r\n" * 2000)  # 3,999 characters, as the page counts them
    with pytest.raises(BadName, match=r"Notes have at most 4,000 characters; these have 4,001\."):
        set_notes(asset=asset, notes="x" * 4001)
    with pytest.raises(BadName, match="cannot be stored"):
        set_notes(asset=asset, notes="a\x00b")
    asset.refresh_from_db()
    assert asset.notes == "x\n" * 1999 + "x"


def test_picture_in_the_bin_keeps_its_texts(team: Team) -> None:
    asset = make_asset(team)
    Asset.objects.update(binned_at=timezone.now())
    with pytest.raises(InTheBin, match="Restore it to change it"):
        set_title(asset=asset, title="New")
    asset.refresh_from_db()
    assert asset.title == ""


@pytest.mark.django_db(transaction=True)
def test_two_who_write_different_texts_at_once_lose_nothing(team: Team) -> None:
    asset = make_asset(team, prompt="A lighthouse")
    calls: list[Callable[[], object]] = []
    for _ in range(4):
        calls.append(partial(set_title, asset=Asset.objects.get(pk=asset.pk), title="The title"))
        calls.append(partial(set_notes, asset=Asset.objects.get(pk=asset.pk), notes="The notes"))
    at_once(calls)
    asset.refresh_from_db()
    assert (asset.title, asset.notes) == ("The title", "The notes")
    wanted = vector_of("The title", "A lighthouse", "The notes", "")
    assert Asset.objects.extra(where=["words = %s::tsvector"], params=[wanted]).count() == 1
