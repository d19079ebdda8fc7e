"""Searches whose matches lie far along an order: exact through blocks, samples, and words that may go on in many ways.

All ids, or a quarter of them, are of the small sample, and lie far apart: so some hundred pictures are many to the
functions, in many blocks of every size.
"""

import re

import pytest
from django.db import connection
from django.utils import timezone

from studio.accounts.models import User
from studio.library import finding
from studio.library.asking import Matches
from studio.library.finding import Count
from studio.library.models import Asset, Collection, CollectionItem, Word
from studio.library.queries import count, neighbours
from studio.library.search import LibrarySearch, Sort
from studio.library.words import vector_of
from studio.teams.models import Team
from tests.library.test_queries import ORDERED, found, plant, walked

NUMBER = 300
FAR_APART = range(10**6, 10**7, 61)
# As migration 0003 draws the small sample.
SAMPLED = [pk for pk in FAR_APART if (pk % 2147483647 * 2654435761 >> 16) % 256 == 0]
SOMETIMES_SAMPLED = sorted(SAMPLED[: NUMBER // 4] + list(set(FAR_APART[: 64 * NUMBER : 80]) - set(SAMPLED)))


@pytest.fixture(autouse=True)
def narrow_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "SPAN", 10)


def spread(team: Team, user: User, prompts: list[str], ids: list[int] = SAMPLED) -> list[Asset]:
    return plant(team, user, prompts, ids=ids)


@pytest.fixture(params=[SAMPLED, SOMETIMES_SAMPLED], ids=["sampled", "sometimes"])
def shelf(team: Team, viewer: User, request: pytest.FixtureRequest) -> list[Asset]:
    prompts = [
        f"{'zebra' if number % 4 == 0 else 'apple' if number % 4 == 1 else 'apron'} "
        f"{'early' if number < 150 else 'late'} {'poor' if number % 20 else 'rich'} "
        f"wave{number} {'odd' if number % 2 else 'even'}"
        for number in range(NUMBER)
    ]
    assets = spread(team, viewer, prompts, request.param)
    for stars in range(1, 6):
        some = [asset.pk for number, asset in enumerate(assets) if number % 100 == 20 * (stars - 1)]
        Asset.objects.filter(pk__in=some).update(rating=stars)
    return list(Asset.objects.filter(team=team).order_by("pk"))


PHRASES = ['"late poor"', "late-p", "poor-wave", "late-poor-w odd", "early -poor-wave1", '-"early poor" -ap', "-late-p"]


@pytest.mark.parametrize(
    "q", ["", "early", "late", "apron odd", "earl", "ap", "zeb poo", "w odd", "wave odd", "early -ap", *PHRASES]
)
@pytest.mark.parametrize("sort", ORDERED)
def test_pages_are_the_whole_search(team: Team, viewer: User, shelf: list[Asset], sort: Sort, q: str) -> None:
    wanted = [asset for asset in shelf if _has(asset, q)]
    expected = [asset.pk for asset in sorted(wanted, key=ORDERED[sort])]
    search = LibrarySearch(q=q, sort=sort)
    assert walked(team, viewer, search, size=40) == expected
    assert count(team, viewer, search) == Count(len(expected), is_more=False)
    middle = next(asset for asset in shelf if asset.pk == expected[len(expected) // 2])
    around = neighbours(team, viewer, search, middle)
    at = expected.index(middle.pk)
    assert (around.newer, around.older) == (expected[at - 1], expected[at + 1])


def _has(asset: Asset, q: str) -> bool:
    words = asset.prompt.split()
    return all(_has_phrase(words, *said[1:]) != bool(said[0]) for said in re.findall(r'(-?)(?:"([^"]*)"|(\S+))', q))


def _has_phrase(words: list[str], closed: str, typed: str) -> bool:
    *said, last = closed.split() or typed.split("-")
    return any(
        words[at : at + len(said)] == said and (word == last if closed else word.startswith(last))
        for at, word in enumerate(words[len(said) :])
    )


@pytest.mark.parametrize("q", ["", "early", "late", "rich", "ap", "w", "late even"])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_pages_of_manual_order_are_the_whole_search(
    team: Team, viewer: User, shelf: list[Asset], q: str, is_mixed: bool
) -> None:
    made = Collection.objects.create(team=team, name="C", key="c", created_by=viewer)
    order = sorted(shelf, key=lambda asset: hash((asset.pk * 7919) % 1013)) if is_mixed else shelf[::-1]
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=made, asset=asset, position=position, added_by=viewer)
        for position, asset in enumerate(order)
    )
    search = LibrarySearch(q=q, collection=made.pk, sort=Sort.ORDER)
    expected = [asset.pk for asset in order if _has(asset, q)]
    assert walked(team, viewer, search, size=40) == expected
    middle = next(asset for asset in order if asset.pk == expected[len(expected) // 2])
    around = neighbours(team, viewer, search, middle)
    at = expected.index(middle.pk)
    assert (around.newer, around.older) == (expected[at - 1], expected[at + 1])


@pytest.mark.parametrize("sort", ORDERED)
def test_what_is_in_the_bin_is_passed_over(team: Team, viewer: User, shelf: list[Asset], sort: Sort) -> None:
    Asset.objects.filter(pk__in=[asset.pk for asset in shelf[50:200]]).update(binned_at=timezone.now())
    kept = [*shelf[:50], *shelf[200:]]
    expected = [asset.pk for asset in sorted(kept, key=ORDERED[sort])]
    assert walked(team, viewer, LibrarySearch(q="poor", sort=sort), size=40) == [
        pk for pk in expected if pk not in {asset.pk for asset in kept if "rich" in asset.prompt}
    ]


@pytest.mark.parametrize("names", ["ab{}", "'{}", "\\{}", "%{}s %1$s", "\U0010ffff{}", "ab\U0010ffff{}", "猫{}"])
def test_names_of_every_kind_are_passed_block_by_block(team: Team, viewer: User, names: str) -> None:
    assets = spread(team, viewer, [f"{names.format(number % 90)} sea" for number in range(200)])
    plain = plant(team, viewer, ["ab", "", "a", "zz sea", "ab" + "\U0010ffff" * 5, "\U0010ffff" * 5])
    listed = [*assets, *plain]
    expected = [asset.pk for asset in sorted(listed, key=lambda asset: (asset.sort_name.encode(), asset.pk))]
    at_sea = {asset.pk for asset in listed if "sea" in asset.prompt}
    assert walked(team, viewer, LibrarySearch(q="sea", sort=Sort.NAME), size=30) == [
        pk for pk in expected if pk in at_sea
    ]


def test_short_name_does_not_hide_those_it_begins(team: Team, viewer: User) -> None:
    prompts = [f"aa{number} sky" for number in range(100)] + [f"ab{number} sea" for number in range(100)]
    assets = spread(team, viewer, prompts)
    plant(team, viewer, ["ab", "a", ""])
    wanted = [asset.pk for asset in assets[100:]]
    assert walked(team, viewer, LibrarySearch(q="sea", sort=Sort.NAME), size=30) == wanted


@pytest.mark.parametrize("ids", [SAMPLED, SOMETIMES_SAMPLED], ids=["sampled", "sometimes"])
@pytest.mark.parametrize("first", [1, 95, 900, 9900])
def test_names_that_begin_alike_are_passed_by_their_numbers(
    team: Team, viewer: User, ids: list[int], first: int
) -> None:
    prompts = [f"IMG_{first + number}.jpg {'late' if number >= 200 else 'soon'}" for number in range(NUMBER)]
    assets = spread(team, viewer, prompts, ids)
    search = LibrarySearch(q="late", sort=Sort.NAME)
    assert walked(team, viewer, search, size=30) == [asset.pk for asset in assets[200:]]
    around = neighbours(team, viewer, LibrarySearch(q="soon", sort=Sort.NAME), assets[-1])
    assert (around.newer, around.older) == (assets[199].pk, None)


def test_sample_is_even_also_of_every_second_picture(team: Team, viewer: User) -> None:
    assets = plant(team, viewer, ["sea"] * 2000)
    for some in (assets, assets[::2], assets[1::2]):
        for one_in in (4, 32):
            sampled = Asset.objects.filter(Matches(f"'{team.pk}:sample:{one_in}'"), pk__in=[asset.pk for asset in some])
            assert abs(sampled.count() - len(some) / one_in) < len(some) / one_in / 4


def test_sample_counts_what_is_more_than_is_counted(team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    spread(team, viewer, ["sea"] * 30)
    plant(team, viewer, ["sky"] * 20)
    for most, expected in ((29, Count(29, is_more=True)), (30, Count(30, is_more=False))):
        monkeypatch.setattr(finding, "MOST_COUNTED", most)
        assert count(team, viewer, LibrarySearch(q="sea")) == expected


def test_search_follows_a_new_name(team: Team, viewer: User, shelf: list[Asset]) -> None:
    Asset.objects.filter(pk=shelf[0].pk).update(sort_name="aa early")
    assert walked(team, viewer, LibrarySearch(q="early", sort=Sort.NAME), size=40)[0] == shelf[0].pk


# Words that may go on


def test_new_words_are_found_at_once_by_how_they_begin(team: Team, other_team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["lighthouse"])
    assert found(team, viewer, "q=lightn") == []
    Asset.objects.filter(pk=asset.pk).update(words=vector_of("lightning"))
    assert (found(team, viewer, "q=lightn"), found(team, viewer, "q=lighth")) == ([asset.pk], [])
    [foreign] = plant(other_team, viewer, ["lightness"])
    assert found(team, viewer, "q=light") == [asset.pk]
    assert found(other_team, viewer, "q=light") == [foreign.pk]


def test_words_are_kept_once(team: Team, viewer: User) -> None:
    plant(team, viewer, ["red sea", "sea red", "red fox"])
    Asset.objects.update(words=vector_of("red owl"))
    assert sorted(Word.objects.filter(team=team).values_list("word", flat=True)) == ["fox", "owl", "red", "sea"]


@pytest.mark.parametrize("number", [1, 50, 51, 120])
def test_words_of_any_number_go_on(team: Team, viewer: User, number: int) -> None:
    assets = plant(team, viewer, [f"sea{place}" for place in range(number)])
    assert sorted(walked(team, viewer, LibrarySearch(q="sea"), size=60)) == [asset.pk for asset in assets]
    assert sorted(walked(team, viewer, LibrarySearch(q="-sea"), size=60)) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT library_words_from('sea', %s) LIKE '%%:*'", [team.pk])
        [(is_open,)] = cursor.fetchall()
    assert is_open == (number > 50)


def test_long_words_that_go_on_in_many_ways_are_not_too_much_for_one_search(team: Team, viewer: User) -> None:
    letters = [chr(0x12000 + number) for number in range(160)]
    starts = ["".join(letters[number : number + 4]) for number in range(99)]
    plant(team, viewer, [" ".join(start + letter * 56 for start in starts) for letter in letters[110:]])
    assert len(found(team, viewer, "q=" + "+".join(starts))) == 50
    assert count(team, viewer, LibrarySearch(q=f"-{starts[0]}")) == Count(0, is_more=False)
