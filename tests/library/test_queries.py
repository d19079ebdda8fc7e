"""What the library finds: words, filters, orders, pages and counts, with exact results."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from datetime import timezone as zones
from itertools import repeat
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library import finding
from studio.library.collecting import collect
from studio.library.editing import favourite
from studio.library.facets import Branch, Offer, facets
from studio.library.finding import Count
from studio.library.models import Asset, Collection, CollectionItem, Source, Status, Tag
from studio.library.queries import browse, count, find, ids_matching, neighbours
from studio.library.search import LibrarySearch, Sort
from studio.library.tagging import add_tag, create_tag
from studio.library.words import fold, sort_name, vector_of
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset, make_member

LIBRARY = "/t/halden-co/library/"


def plant(
    team: Team, author: User, prompts: list[str], *, ids: Iterable[int] | None = None, **fields: object
) -> list[Asset]:
    """Make rows without files, many in one statement, as search sees them."""
    keys: Iterable[int | None] = ids or repeat(None)
    rows = [
        Asset(
            pk=pk,
            team=team,
            author=author,
            file_key=uuid4(),
            sha256=uuid4().hex * 2,
            crc32=1,
            size=1,
            width=96,
            height=64,
            content_type="image/png",
            prompt=prompt,
            words=vector_of(prompt),
            sort_name=sort_name(prompt[:200]),
            **fields,
        )
        for prompt, pk in zip(prompts, keys, strict=False)
    ]
    return Asset.objects.bulk_create(rows)


def found(team: Team, user: User, query: str = "") -> list[int]:
    return [asset.pk for asset in find(team, user, LibrarySearch.read(query)).items]


def walked(team: Team, user: User, search: LibrarySearch, *, size: int) -> list[int]:
    """All pages of a search, one after the other."""
    ids: list[int] = []
    cursor = None
    for _ in range(200):
        page = find(team, user, search, cursor=cursor, size=size)
        ids += [asset.pk for asset in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids
    raise AssertionError("the pages do not end")


def make_collection(team: Team, user: User, name: str, *assets: Asset, parent: Collection | None = None) -> Collection:
    made = Collection.objects.create(team=team, name=name, key=fold(name), created_by=user, parent=parent)
    collect(asset_ids=[asset.pk for asset in assets], collection=made, actor_id=user.pk)
    for position, asset in enumerate(assets):
        CollectionItem.objects.filter(collection=made, asset=asset).update(position=position * 10)
    return made


# Words


@pytest.mark.parametrize(
    ("prompt", "q", "is_found"),
    [
        ("A lighthouse at dusk", "light", True),
        ("A lighthouse at dusk", "LIGHTHOUSE dusk", True),
        ("A lighthouse at dusk", "house", False),
        ("A lighthouse at dusk", '"at dusk"', True),
        ("A lighthouse at dusk", '"lighthouse dusk"', False),
        ("A lighthouse at dusk", '"at dus"', False),
        ("A lighthouse at dusk", "lighthouse -dusk", False),
        ("A lighthouse at dusk", "lighthouse -dawn", True),
        ("A lighthouse at dusk", '-"at dawn"', True),
        ("A lighthouse at dusk", "-light", False),
        ("A lighthouse at dusk", "light & (dusk)", True),
        ("A lighthouse at dusk", "%", False),
        ("A lighthouse at dusk", "_", False),
        ("A lighthouse at dusk", "l.*e", False),
        ("A lighthouse at dusk", ".*", False),
        ("A lighthouse at dusk", "light:*", True),
        ("A lighthouse at dusk", "'light'", True),
        ("A lighthouse at dusk", "lighthouse\\", True),
        ("crème brûlée", "creme brulee", True),
        ("creme brulee", "Crème", True),
        ("Straße in Łódź", "strasse lodz", True),
        ("東京都の夜", "京都", True),
        ("東京都の夜", "東京都の夜", True),
        ("東京都の夜", "夜", True),
        ("東京都の夜", "都", True),
        ("東京都の夜", "東", True),
        ("東京都の夜", "東都", False),
        ("東京都の夜", "東京 夜", True),
        ("東京都の夜", "大阪", False),
        ("黒い猫cat", "猫cat", True),
        ("黒い猫cat", "猫", True),
        ("黒い猫。白い犬", "猫白", False),
        ("カメラと写真", "カメラ", True),
        ("한국어 포스터", "한국", True),
        ("한국어 포스터", "어", True),
        ("中", "中", True),
        ("ภาพถ่าย", "ถ่าย", True),
        ("مَرْحَبًا بالعالم", "مرحبا", True),
        ("שלום עולם", "של", True),
        ("हिन्दी पोस्टर", "हिन्दी", True),
        ("Привет, мир", "прив", True),
        ("🦊 in snow", "🦊", True),
        ("🦊 in snow", "🔥", False),
        ("IMG_1234.jpg", "img_1234.jpg", True),
        ("IMG_1234.jpg", "1234", True),
        ("blue-green sea", "blue-gre", True),
        ("blue sea green", "blue-green", False),
    ],
)
def test_words_find(team: Team, viewer: User, prompt: str, q: str, is_found: bool) -> None:
    [asset] = plant(team, viewer, [prompt])
    search = LibrarySearch(q=q)
    assert [each.pk for each in find(team, viewer, search).items] == ([asset.pk] if is_found else [])
    assert count(team, viewer, search) == Count(int(is_found), is_more=False)


def test_words_are_found_in_title_notes_and_file_name_and_phrases_do_not_span_them(team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["prompt"])
    words = vector_of("red title", "blue prompt", "green notes", "grey_file.png")
    Asset.objects.filter(pk=asset.pk).update(words=words)
    for q in ("red", "blue", "green", "grey", '"red title"'):
        assert [each.pk for each in find(team, viewer, LibrarySearch(q=q)).items] == [asset.pk], q
    assert find(team, viewer, LibrarySearch(q='"title blue"')).items == []


def test_words_find_tags_of_that_name(team: Team, other_team: Team, viewer: User) -> None:
    tagged, plain = plant(team, viewer, ["one", "two"])
    [foreign] = plant(other_team, viewer, ["three"])
    add_tag(asset_ids=[tagged.pk], tag=create_tag(team=team, name="Golden Hour"))
    add_tag(asset_ids=[foreign.pk], tag=create_tag(team=other_team, name="Golden Hour"))
    assert found(team, viewer, "q=gold") == [tagged.pk]
    assert found(team, viewer, "q=hour+one") == [tagged.pk]
    assert found(team, viewer, 'q="golden hour"') == [tagged.pk]
    assert found(team, viewer, "q=olden") == []
    assert found(team, viewer, "q=-golden") == [plain.pk]
    assert [asset.pk for asset in browse(team, viewer, LibrarySearch(q="gold")).found.items] == [tagged.pk]
    Tag.objects.filter(team=team).update(name="Dusk", key="dusk")
    assert (found(team, viewer, "q=gold"), found(team, viewer, "q=dusk")) == ([], [tagged.pk])


def test_word_that_many_tags_have_hides_no_tag_of_another(team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["apple"])
    Tag.objects.bulk_create(Tag(team=team, name=f"sea {number}", key=f"sea {number}") for number in range(510))
    add_tag(asset_ids=[asset.pk], tag=create_tag(team=team, name="Zebra"))
    assert found(team, viewer, "q=a+zebra") == [asset.pk]
    assert [each.pk for each in browse(team, viewer, LibrarySearch(q="a zebra")).found.items] == [asset.pk]


def test_search_for_words_of_very_many_tags_is_answered(team: Team, viewer: User) -> None:
    # A character begins a word in these scripts, so that each of the 2,000 tags answers to 56 words of the search.
    groups = ["".join(chr(0x4E00 + 56 * group + place) for place in range(56)) for group in range(4)]
    names = [f"{group}{number:03}" for group in groups for number in range(500)]
    tags = Tag.objects.bulk_create(Tag(team=team, name=name, key=name) for name in names)
    one, other = plant(team, viewer, ["one", "other"])
    for tag in tags[::500]:
        add_tag(asset_ids=[one.pk], tag=tag)
    add_tag(asset_ids=[other.pk], tag=tags[0])
    search = LibrarySearch(q=" ".join("".join(groups)))
    assert [each.pk for each in browse(team, viewer, search).found.items] == [one.pk]
    assert [each.pk for each in find(team, viewer, search).items] == [one.pk]


def test_tags_of_every_name_are_found(team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["one"])
    operators = ("&", "!", "<->", ":*", "(", "'", "\\", "%1$s", "nothing:", "NOT")
    for name in ("..", "CON", "🦊", "100%", "a_b", "日本", "o'neil", *operators):
        tag = create_tag(team=team, name=name)
        add_tag(asset_ids=[asset.pk], tag=tag)
        assert [each.pk for each in find(team, viewer, LibrarySearch(q=name)).items] == [asset.pk], name
        assert find(team, viewer, LibrarySearch(q=f"-{name}")).items == [], name
        tag.delete()


# Filters


def test_filters(team: Team, viewer: User, member: User) -> None:
    [square] = plant(team, viewer, ["square"], model_slug="m-1", status=Status.APPROVED, rating=5)
    Asset.objects.filter(pk=square.pk).update(width=64)
    [tall] = plant(team, member, ["tall"], connection_id=4, connection_name="C", status=Status.DELIVERED, rating=3)
    Asset.objects.filter(pk=tall.pk).update(width=10)
    [wide] = plant(team, member, ["wide"], has_alpha=True, source=Source.EDITED)
    favourite(team_id=team.pk, asset_ids=[wide.pk], user_id=viewer.pk)
    expected = {
        f"by={viewer.pk}": [square],
        f"by={member.pk}": [wide, tall],
        "model=m-1": [square],
        "model=m": [],
        "connection=4": [tall],
        "status=draft": [wide],
        "status=approved&status=delivered": [tall, square],
        "rating=1": [tall, square],
        "rating=4": [square],
        "shape=square": [square],
        "shape=portrait": [tall],
        "shape=landscape&shape=square": [wide, square],
        "alpha=1": [wide],
        "alpha=0": [tall, square],
        "source=edited": [wide],
        "source=generated": [tall, square],
        "favourite=1": [wide],
        "favourite=1&status=approved": [],
    }
    for query, assets in expected.items():
        assert found(team, viewer, query) == [asset.pk for asset in assets], query
    assert found(team, member, "favourite=1") == []
    [liked] = find(team, viewer, LibrarySearch(favourite=True)).items
    assert liked.is_favourite  # type: ignore[attr-defined]  # annotated by `load`


def test_days_are_those_of_the_installation_where_no_zone_is_said(team: Team, viewer: User) -> None:
    moments = [
        datetime(2024, 2, 28, 23, 59, 59, tzinfo=UTC),
        datetime(2024, 2, 29, 0, 0, tzinfo=UTC),
        datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, tzinfo=zones(timedelta(hours=2))),
    ]
    assets = plant(team, viewer, ["a", "b", "c", "d"])
    for asset, moment in zip(assets, moments, strict=True):
        Asset.objects.filter(pk=asset.pk).update(created_at=moment)
    a, b, c, d = (asset.pk for asset in assets)
    assert found(team, viewer, "from=2024-02-29&to=2024-02-29") == [b]
    assert found(team, viewer, "from=2024-02-28&to=2024-12-30") == [b, a]
    assert found(team, viewer, "from=2024-01-01&to=2024-12-31") == [c, b, a]
    assert found(team, viewer, "from=2025-12-31") == [d]
    assert found(team, viewer, "to=2024-02-28") == [a]
    assert found(team, viewer, "from=2027-01-01") == []


def test_weeks_are_those_of_the_calendar(team: Team, viewer: User) -> None:
    days = [date(2024, 12, 29), date(2024, 12, 30), date(2025, 1, 5), date(2025, 1, 6), date(2026, 12, 31)]
    assets = plant(team, viewer, ["a", "b", "c", "d", "e"])
    for asset, day in zip(assets, days, strict=True):
        Asset.objects.filter(pk=asset.pk).update(created_at=datetime.combine(day, time(12), tzinfo=UTC))
    _, b, c, _, e = (asset.pk for asset in assets)
    assert found(team, viewer, "from=2024-12-30&to=2025-01-05") == [c, b]
    assert found(team, viewer, "from=2026-12-28&to=2027-01-03") == [e]


# Hours from UTC in halves and quarters, and two that change their clocks, each in its own part of the year.
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/Los_Angeles", "Pacific/Chatham"]


def test_days_are_those_of_the_zone(team: Team, viewer: User) -> None:
    windows = [date(2026, 3, 7), date(2026, 4, 4), date(2026, 9, 26), date(2026, 10, 31)]
    begins = [datetime.combine(window, time(), tzinfo=UTC) for window in windows]
    moments = [begin + timedelta(minutes=15 * number) for begin in begins for number in range(3 * 96)]
    # The first of a quarter of an hour, and the last of the one before.
    moments += [moment - timedelta(microseconds=1) for moment in moments[::5]]
    moments += [datetime(year, 12, 31, 23, 30, tzinfo=UTC) for year in (1969, 1970, 1999, 2300, 9998)]
    made = dict(zip((asset.pk for asset in plant(team, viewer, ["sea"] * len(moments))), moments, strict=True))
    date_them(made)
    spans = [(day, day) for window in windows for day in days_from(window - timedelta(days=1), 5)]
    spans += [(windows[0], windows[3]), (date(1969, 12, 31), date(1971, 1, 1)), (date(1, 1, 1), windows[1])]
    for zone in map(ZoneInfo, ZONES):
        for since, until in spans:
            search = LibrarySearch(since=since, until=until, zone=zone)
            here = {pk for pk, at in made.items() if since <= at.astimezone(zone).date() <= until and at.year >= 1970}
            assert set(ids_matching(team, viewer, search, newest=max(made)).values_list("pk", flat=True)) == here
            assert count(team, viewer, search).number == min(len(here), 1000)


def days_from(first: date, number: int) -> list[date]:
    return [first + timedelta(days=day) for day in range(number)]


def date_them(made: Mapping[int, datetime]) -> None:
    """Make pictures those of another time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE library_asset SET created_at = m.at FROM unnest(%s::bigint[], %s::timestamptz[]) AS m (id, at)"
            " WHERE m.id = library_asset.id",
            [list(made), list(made.values())],
        )


def test_collection_has_what_is_inside_it(team: Team, viewer: User, other_team: Team, stranger: User) -> None:
    one, two, three, _ = plant(team, viewer, ["one", "two", "three", "four"])
    outer = make_collection(team, viewer, "Outer", three, one)
    make_collection(team, viewer, "Inner", two, one, parent=outer)
    assert found(team, viewer, f"collection={outer.pk}&sort=newest") == [three.pk, two.pk, one.pk]
    assert found(team, viewer, f"collection={outer.pk}") == [three.pk, one.pk, two.pk]
    assert found(team, viewer, f"collection={outer.pk}&q=t") == [three.pk, two.pk]
    assert found(other_team, stranger, f"collection={outer.pk}") == []
    assert found(team, viewer, "collection=999999") == []
    assert count(team, viewer, LibrarySearch(collection=outer.pk)).number == 3


def test_tags_are_all_needed(team: Team, viewer: User) -> None:
    both, one = plant(team, viewer, ["both", "one"])
    first, second = create_tag(team=team, name="First"), create_tag(team=team, name="Second")
    add_tag(asset_ids=[both.pk, one.pk], tag=first)
    add_tag(asset_ids=[both.pk], tag=second)
    assert found(team, viewer, f"tag={first.pk}&tag={second.pk}") == [both.pk]


def test_other_teams_and_the_bin_are_never_found(team: Team, other_team: Team, viewer: User, stranger: User) -> None:
    kept, binned = plant(team, viewer, ["sea", "sea"])
    [foreign] = plant(other_team, stranger, ["sea"])
    Asset.objects.filter(pk=binned.pk).update(binned_at=timezone.now(), binned_by=viewer)
    assert found(team, viewer, "q=sea") == [kept.pk]
    assert found(other_team, stranger, "q=sea") == [foreign.pk]
    assert list(ids_matching(team, viewer, LibrarySearch(q="sea"), newest=foreign.pk)) == [kept]
    assert list(ids_matching(team, viewer, LibrarySearch(q="sea"), newest=kept.pk - 1)) == []


# Orders and pages


def shelf(team: Team, user: User) -> list[Asset]:
    """Pictures of all kinds: some words near, some far in every order, equal names and ratings among them."""
    prompts = [
        f"{'zebra' if number % 3 == 0 else 'apple'} {'old' if number < 250 else 'new'} "
        f"{'rare' if number in (3, 250) else ''} {'poor' if number % 10 else 'rich'} {number % 7}"
        for number in range(300)
    ]
    assets = plant(team, user, prompts)
    for stars in range(1, 6):
        Asset.objects.filter(pk__in=[a.pk for n, a in enumerate(assets) if n % 50 == 10 * (stars - 1)]).update(
            rating=stars
        )
    return assets


ORDERED: dict[Sort, Callable[[Asset], tuple[object, ...]]] = {
    Sort.NEWEST: lambda asset: (-asset.pk,),
    Sort.OLDEST: lambda asset: (asset.pk,),
    Sort.RATING: lambda asset: (-asset.rating, -asset.pk),
    Sort.NAME: lambda asset: (asset.sort_name, asset.pk),
}


@pytest.mark.parametrize(
    "q", ["", "old", "new", "zebra", "rare", "poor", "nothing", "zebra -old", '"apple new"', "ol", "zeb", "ne ri"]
)
@pytest.mark.parametrize("sort", ORDERED)
def test_pages_of_every_order_are_the_whole_search(
    team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch, sort: Sort, q: str
) -> None:
    """With a window of a few pictures, so that the index, the sample and the bound behind it are all used."""
    monkeypatch.setattr(finding, "SPAN", 10)
    assets = list(Asset.objects.filter(pk__in=[asset.pk for asset in shelf(team, viewer)]))
    wanted = [asset for asset in assets if all((word in asset.prompt) != minus for word, minus in _words(q))]
    expected = [asset.pk for asset in sorted(wanted, key=ORDERED[sort])]
    search = LibrarySearch(q=q, sort=sort)
    assert walked(team, viewer, search, size=3) == expected
    assert walked(team, viewer, search, size=60) == expected
    assert count(team, viewer, search) == Count(len(expected), is_more=False)


@pytest.mark.parametrize("q", ["ne", "old", "zeb po", "-new"])
@pytest.mark.parametrize("sort", ORDERED)
def test_pages_of_words_and_filters_are_the_whole_search(
    team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch, sort: Sort, q: str
) -> None:
    """Where filters leave few, these are looked through for the words; elsewhere the words are looked up."""
    monkeypatch.setattr(finding, "SPAN", 10)
    assets = list(Asset.objects.filter(pk__in=[asset.pk for asset in shelf(team, viewer)]))
    words = _words(q)
    wanted = [a for a in assets if a.rating >= 2 and all((word in a.prompt) != minus for word, minus in words)]
    expected = [asset.pk for asset in sorted(wanted, key=ORDERED[sort])]
    search = LibrarySearch(q=q, rating=2, sort=sort)
    assert walked(team, viewer, search, size=3) == expected
    assert count(team, viewer, search) == Count(len(expected), is_more=False)
    Asset.objects.update(status=Status.APPROVED)
    many = LibrarySearch(q=q, status=(Status.APPROVED,), sort=sort)
    assert walked(team, viewer, many, size=9) == walked(team, viewer, LibrarySearch(q=q, sort=sort), size=9)


def _words(q: str) -> list[tuple[str, bool]]:
    if q.startswith('"'):
        return [(q.strip('"'), False)]
    return [(word.removeprefix("-"), word.startswith("-")) for word in q.split()]


@pytest.mark.parametrize("q", ["", "old", "new", "rare", "rich", "ri"])
def test_pages_of_manual_order_are_the_whole_search(
    team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch, q: str
) -> None:
    monkeypatch.setattr(finding, "SPAN", 10)
    assets = shelf(team, viewer)
    outer = make_collection(team, viewer, "Outer", *reversed(assets[:280]))
    make_collection(team, viewer, "B", *assets[200:], parent=outer)
    make_collection(team, viewer, "A", *assets[285:295], parent=outer)
    order = [*reversed(assets[:280]), *assets[285:295], *assets[280:285], *assets[295:]]
    expected = [asset.pk for asset in order if q in asset.prompt]
    search = LibrarySearch(q=q, collection=outer.pk, sort=Sort.ORDER)
    assert walked(team, viewer, search, size=7) == expected
    assert count(team, viewer, search).number == len(expected)


@pytest.mark.parametrize("sort", [*ORDERED, Sort.ORDER])
def test_neighbours_are_those_of_the_search(
    team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch, sort: Sort
) -> None:
    monkeypatch.setattr(finding, "SPAN", 5)
    assets = shelf(team, viewer)
    outer = make_collection(team, viewer, "Outer", *assets[:150])
    make_collection(team, viewer, "Inner", *reversed(assets[140:]), parent=outer)
    search = LibrarySearch(q="rich", sort=sort, collection=outer.pk if sort == Sort.ORDER else None)
    ids = walked(team, viewer, search, size=60)
    assert len(ids) == 30
    rows = {asset.pk: asset for asset in Asset.objects.filter(pk__in=ids)}
    for before, pk, after in zip([None, *ids], ids, [*ids[1:], None], strict=False):
        around = neighbours(team, viewer, search, rows[pk])
        assert (around.newer, around.older) == (before, after)


def test_neighbours_of_a_picture_outside_the_collection_are_none(team: Team, viewer: User) -> None:
    inside, outside = plant(team, viewer, ["in", "out"])
    made = make_collection(team, viewer, "C", inside)
    around = neighbours(team, viewer, LibrarySearch(collection=made.pk, sort=Sort.ORDER), outside)
    assert (around.newer, around.older) == (None, None)


def test_pages_are_stable_while_pictures_come_and_go(team: Team, viewer: User) -> None:
    assets = plant(team, viewer, [f"sea {number}" for number in range(6)])
    ids = [asset.pk for asset in reversed(assets)]
    first = find(team, viewer, LibrarySearch(q="sea"), size=2)
    plant(team, viewer, ["sea anew"])
    Asset.objects.filter(pk=ids[1]).update(binned_at=timezone.now(), binned_by=viewer)
    second = find(team, viewer, LibrarySearch(q="sea"), cursor=first.next_cursor, size=2)
    assert [[asset.pk for asset in page.items] for page in (first, second)] == [ids[:2], ids[2:4]]


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        (Sort.NEWEST, "abc"),
        (Sort.NEWEST, "-1"),
        (Sort.NEWEST, "9" * 30),
        (Sort.NEWEST, "1.2"),
        (Sort.NEWEST, ""),
        (Sort.RATING, "1"),
        (Sort.RATING, "1.x"),
        (Sort.RATING, "1.22"),
        (Sort.NAME, "1"),
        (Sort.NAME, "x.name"),
        (Sort.NAME, "1." + "n" * 121),
        (Sort.NAME, "1.a\x00b"),
        (Sort.ORDER, "1.2"),
        (Sort.ORDER, "1.2.3.4"),
        (Sort.ORDER, "1.x.3"),
    ],
)
def test_unreadable_cursor_is_the_first_page(team: Team, viewer: User, sort: Sort, cursor: str) -> None:
    [asset] = plant(team, viewer, ["sea"])
    made = make_collection(team, viewer, "C", asset)
    search = LibrarySearch(sort=sort, collection=made.pk if sort == Sort.ORDER else None)
    assert [each.pk for each in find(team, viewer, search, cursor=cursor).items] == [asset.pk]


def test_name_of_a_cursor_may_hold_anything(team: Team, viewer: User) -> None:
    names = ["a.b.c", "a'b", "a%b", "a b", "日本", "12.5", "..."]
    assets = plant(team, viewer, names)
    expected = [asset.pk for asset in sorted(assets, key=lambda asset: (asset.sort_name.encode(), asset.pk))]
    assert walked(team, viewer, LibrarySearch(sort=Sort.NAME), size=1) == expected


# Counts and what is offered


def test_count_stops_early(team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(team, viewer, ["sea"] * 12)
    monkeypatch.setattr(finding, "MOST_COUNTED", 10)
    for span in (3000, 5):
        monkeypatch.setattr(finding, "SPAN", span)
        counted = count(team, viewer, LibrarySearch(q="sea"))
        assert (counted, str(counted)) == (Count(10, is_more=True), "10+")
        page = browse(team, viewer, LibrarySearch(q="sea"), size=3)
        assert (page.counted, len(page.found.items)) == (Count(10, is_more=True), 3)
    assert str(Count(1000, is_more=True)) == "1,000+"


def test_count_of_a_later_page_is_that_of_the_search(team: Team, viewer: User) -> None:
    assets = plant(team, viewer, ["sea"] * 5)
    page = browse(team, viewer, LibrarySearch(q="sea"), cursor=str(assets[1].pk))
    assert ([asset.pk for asset in page.found.items], page.counted.number) == ([assets[0].pk], 5)


def test_facets_are_what_there_is_to_choose(team: Team, other_team: Team, viewer: User, member: User) -> None:
    left = make_member(team, name="Zoë Left")
    one, two, three = plant(team, left, ["1", "2", "3"], model_slug="m-1", model_title="One", connection_id=4)
    plant(team, member, ["4"], model_slug="m-2", model_title="Two", source=Source.UPLOADED, status=Status.APPROVED)
    plant(other_team, viewer, ["5"], model_slug="m-9", model_title="Foreign")
    left.memberships.all().delete()
    tag = create_tag(team=team, name="Hero", hue=3)
    outer = make_collection(team, viewer, "Outer", one, two)
    inner = make_collection(team, viewer, "Inner", two, three, parent=outer)
    Asset.objects.filter(pk=one.pk).update(binned_at=timezone.now(), binned_by=viewer)
    favourite(team_id=team.pk, asset_ids=[two.pk], user_id=viewer.pk)
    offered = facets(team, viewer)
    owner = team.memberships.earliest("pk").user
    assert offered.members == [
        Offer(viewer.pk, "Jonas Weber"),
        Offer(owner.pk, "Maya Lindqvist"),
        Offer(member.pk, "Priya Nair"),
        Offer(left.pk, "Zoë Left"),
    ]
    assert offered.models == [Offer("m-1", "One"), Offer("m-2", "Two")]
    assert offered.connections == [Offer(4, "4")]
    assert [(each.id, each.name, each.key, each.hue) for each in offered.tags] == [(tag.pk, "Hero", "hero", 3)]
    two_in, inner_in = Count(2, is_more=False), Count(2, is_more=False)
    assert offered.collections == [Branch(outer.pk, "Outer", two_in, [Branch(inner.pk, "Inner", inner_in)])]
    assert {name: counted.number for name, counted in offered.counts.items()} == {
        "all": 3,
        "favourites": 1,
        "shortlisted": 0,
        "approved": 1,
        "uploads": 1,
    }
    assert offered.newest == Asset.objects.filter(team=team).latest("pk").pk
    assert offered.inside(outer.pk) == [inner.pk]
    assert offered.inside(999) is None


def test_empty_library_offers_its_members(team: Team) -> None:
    owner = team.memberships.earliest("pk").user
    offered = facets(team, owner)
    assert (offered.members, offered.newest) == ([Offer(owner.pk, "Maya Lindqvist")], 0)
    assert (offered.models, offered.tags, offered.collections, offered.views) == ([], [], [], [])


# Costs


# Session, user, membership with team, what is offered, page and count, tiles, balance, the switch's teams. Nothing
# found spares the tiles; the head of a collection comes with what is offered, its cover with the tiles.
@pytest.mark.parametrize(
    ("query", "queries"),
    [
        ("", 8),
        ("q=sea", 8),
        ("q=hero+-dusk", 8),
        ("sort=rating", 8),
        ("status=approved", 7),
        ("collection={}&sort=name", 8),
    ],
)
@pytest.mark.parametrize("number", [1, 3, 130])
def test_library_takes_the_same_queries_for_few_and_many(
    team: Team,
    viewer: User,
    client_of: ClientOf,
    django_assert_num_queries: DjangoAssertNumQueries,
    query: str,
    queries: int,
    number: int,
) -> None:
    assets = plant(team, viewer, ["sea"] * number)
    tag = create_tag(team=team, name="Hero")
    add_tag(asset_ids=[asset.pk for asset in assets], tag=tag)
    made = make_collection(team, viewer, "C", *assets)
    client = client_of(viewer)
    with django_assert_num_queries(queries):
        assert client.get(f"{LIBRARY}?{query.format(made.pk)}").status_code == 200


def test_no_statement_reads_the_whole_table(team: Team, viewer: User) -> None:
    """The functions forbid it, whatever the planner thinks of a small or unknown table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, proconfig FROM pg_proc "
            "WHERE starts_with(proname, 'library_find_') OR proname = 'library_count'"
        )
        settings = dict(cursor.fetchall())
    by_hand = {"library_find_order", "library_find_order_back"}
    assert len(settings) == 11
    for name in settings.keys() - by_hand:
        assert {"enable_seqscan=off", "plan_cache_mode=force_custom_plan", "jit=off"} <= set(settings[name]), name


def test_whatever_is_asked_is_answered(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team, prompt="sea")
    client = client_of(viewer)
    for q in ("%", "_", "*", "!", "& | !", "' OR 1=1 --", "\\", '"', "(((", ".*", "[a-z]+", "\u202eabc", "😀" * 50):
        assert client.get(LIBRARY, {"q": q}).status_code == 200, q
    for params in ({"q": "x" * 10_240}, {"status": "lost"}, {"by": "x"}, {"from": "yesterday"}, {"sort": "best"}):
        assert client.get(LIBRARY, params).status_code == 400, params
    assert CollectionItem.objects.count() == 0
