"""Searches as addresses: what is read, what is written, what is refused; and what PostgreSQL is asked."""

from datetime import date
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import BadInput
from studio.library.matching import Part, Reading, reading_of, terms_of
from studio.library.search import LONGEST_ADDRESS, LONGEST_Q, LibrarySearch, Sort

FULL = (
    "q=red+fox&by=3&model=gpt-image-2&connection=4&collection=5&tag=1&tag=2&status=draft&status=approved&favourite=1"
    "&rating=3&shape=square&from=2026-01-31&to=2026-02-01&alpha=0&source=edited&sort=rating"
)


def read(query: str) -> Reading:
    search = LibrarySearch.read(query)
    inside = [search.collection, 51] if search.collection else []
    return reading_of(search, team_id=7, user_id=9, tags_of={"hero": [11, 12]}, collections=inside)


def asked(query: str) -> str:
    return read(query).whole


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("", []),
        ("q=red+fox", [Part("(%1$s)", ("red",)), Part("(%1$s)", ("fox",))]),
        ("q=hero", [Part("(%1$s | '7:tag:11' | '7:tag:12')", ("hero",))]),
        ("q=red-fox", [Part("(('7/red' <1> %1$s))", ("fox",))]),
        ("q=%22red%22+-fox", [Part("('7/red')"), Part("!(%1$s)", ("fox",), minus=True)]),
        ("q=猫+cat&alpha=0", [Part("!'7:alpha:1'", minus=True), Part("(%1$s)", ("猫",)), Part("(%1$s)", ("cat",))]),
        ("q=猫cat", [Part("((%1$s <1> %2$s))", ("猫", "cat"))]),
        ("model=100%25s", [Part("('7:model:100%%s')")]),
    ],
)
def test_parts_leave_room_for_the_words_that_may_go_on(query: str, parts: list[Part]) -> None:
    assert read(query).parts == tuple(parts)


def test_address_is_read_and_written_whole() -> None:
    search = LibrarySearch.read(FULL)
    assert search == LibrarySearch(
        q="red fox",
        by=3,
        model="gpt-image-2",
        connection=4,
        collection=5,
        tags=(1, 2),
        status=("draft", "approved"),
        favourite=True,
        rating=3,
        shape=("square",),
        since=date(2026, 1, 31),
        until=date(2026, 2, 1),
        alpha=False,
        source=("edited",),
        sort=Sort.RATING,
    )
    assert search.to_query() == FULL
    assert LibrarySearch.read(QueryDict(FULL)) == search


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("", ""),
        ("q=&by=&tag=&status=&sort=&from=&alpha=&rating=0&favourite=0", ""),
        ("unknown=1&cursor=5&select=1&q=a", "q=a"),
        ("tag=3&tag=1&tag=3", "tag=1&tag=3"),
        ("status=delivered&status=draft&status=draft", "status=draft&status=delivered"),
        ("status=draft&status=shortlisted&status=approved&status=delivered", ""),
        ("sort=newest", ""),
        ("sort=order", ""),
        ("collection=5&sort=order", "collection=5"),
        ("collection=5&sort=newest", "collection=5&sort=newest"),
        ("q=%20a%00b%0A+c+", "q=a+b+c"),
        ("q=東京+%26+%D8%B3", "q=東京+%26+س"),
        ("q=%25+_+%5C+%2B+%3D", "q=%25+_+%5C+%2B+%3D"),
        ("q=a&q=b", "q=b"),
    ],
)
def test_address_has_one_form(address: str, canonical: str) -> None:
    assert LibrarySearch.read(address).to_query() == canonical


@pytest.mark.parametrize(
    "address",
    [
        "by=me",
        "by=-1",
        "by=%D9%A1",
        "by=" + "9" * 19,
        "collection=1;drop",
        "tag=x",
        "&".join(f"tag={number}" for number in range(21)),
        "status=lost",
        "shape=round",
        "source=stolen",
        "rating=6",
        "rating=-1",
        "alpha=yes",
        "favourite=2",
        "from=31.1.2026",
        "from=2026-02-30",
        "to=20260101",
        "from=2026-02-02&to=2026-02-01",
        "sort=best",
        "model=" + "m" * 61,
        "model=a%0Ab",
        "q=" + "x" * (LONGEST_Q + 1),
        "q=" + "x" * 10_240,
    ],
)
def test_what_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(BadInput) as refused:
        LibrarySearch.read(address)
    assert refused.value.message.endswith(".")


def test_longest_search_fits_where_it_is_kept() -> None:
    search = LibrarySearch.read("q=" + "%25" * LONGEST_Q)
    assert len(search.to_query()) == 3 * LONGEST_Q + 2 <= LONGEST_ADDRESS


def test_filters_come_and_go() -> None:
    search = LibrarySearch.read("q=fox&tag=1&tag=2&collection=5&status=draft")
    assert search.without("tag", 1).to_query() == "q=fox&collection=5&tag=2&status=draft"
    assert search.without("tag").to_query() == "q=fox&collection=5&status=draft"
    assert search.without("collection").to_query() == "q=fox&tag=1&tag=2&status=draft"
    assert search.without("q").with_value("status", "approved").to_query() == (
        "collection=5&tag=1&tag=2&status=draft&status=approved"
    )
    assert search.with_value("alpha", False).to_query() == "q=fox&collection=5&tag=1&tag=2&status=draft&alpha=0"
    assert search.with_value("from", date(2026, 1, 2)).without("from") == search
    assert LibrarySearch.read("q=fox").with_value("collection", 5).sort == Sort.ORDER
    assert LibrarySearch.read("q=fox&sort=name").with_value("collection", 5).sort == Sort.NAME
    assert search.to_query(sort=Sort.NAME) == "q=fox&collection=5&tag=1&tag=2&status=draft&sort=name"


def test_order_is_no_filter() -> None:
    assert not LibrarySearch.read("sort=name").is_filtered
    assert LibrarySearch.read("alpha=0").is_filtered
    assert LibrarySearch.read("q=-").is_filtered


@pytest.mark.parametrize(
    ("query", "tsquery"),
    [
        ("", "'team:7'"),
        ("q=Red+fox", "('7/red':*) & ('7/fox':*)"),
        ("q=hero", "('7/hero':* | '7:tag:11' | '7:tag:12')"),
        ("q=-hero", "'team:7' & !('7/hero':* | '7:tag:11' | '7:tag:12')"),
        ('q="red+fox"', "(('7/red' <1> '7/fox'))"),
        ('q=-"red+fox"', "'team:7' & !(('7/red' <1> '7/fox'))"),
        ('q="red fox', "(('7/red' <1> '7/fox'))"),
        ("q=“red fox”", "(('7/red' <1> '7/fox'))"),
        ("q=img_12.jpg", "(('7/img' <1> '7/12' <1> '7/jpg':*))"),
        ("q=東京都", "(('7/東京' <1> '7/京都'))"),
        ("q=猫", "('7/猫':*)"),
        ('q="猫"', "('7/猫':*)"),
        ("q=東京tower", "(('7/東京' <2> '7/tower':*))"),
        ("q=-", "'team:7'"),
        ('q="', "'team:7'"),
        ('q="" - --', "'team:7'"),
        ("q=%25", "('7:nothing:')"),
        ("q='", "('7:nothing:')"),
        ("q=red+red", "('7/red':*)"),
        ("by=3&connection=4&model=o'x", "('7:by:3') & ('7:model:o''x') & ('7:connection:4')"),
        ("model=a\\b", r"('7:model:a\\b')"),
        ("tag=1&tag=2", "('7:tag:1') & ('7:tag:2')"),
        ("status=draft&status=approved", "('7:status:draft' | '7:status:approved')"),
        ("collection=5", "('7:in:5' | '7:in:51')"),
        ("favourite=1", "('7:fav:9')"),
        ("rating=4", "('7:rating:4' | '7:rating:5')"),
        ("alpha=1", "('7:alpha:1')"),
        ("alpha=0", "'team:7' & !'7:alpha:1'"),
        ("from=2026-02-27&to=2026-03-01", "('7:day:20260227' | '7:day:20260228' | '7:day:20260301')"),
        (
            "from=2023-12-31&to=2025-02-01",
            "('7:year:2024' | '7:month:202501' | '7:day:20231231' | '7:day:20250201')",
        ),
        ("from=9999-12-30&to=9999-12-31", "('7:nothing:')"),
        ("to=1970-01-01", "('7:day:19700101')"),
        ("to=1969-12-31", "('7:nothing:')"),
    ],
)
def test_search_is_asked_as(query: str, tsquery: str) -> None:
    assert asked(query) == tsquery


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize("query", ["from=0001-01-01", "to=9999-12-31", "from=9999-12-31", "to=0001-01-01"])
def test_endless_spans_are_asked_in_few_tokens(query: str, zone: str) -> None:
    search = LibrarySearch.read(query, zone=ZoneInfo(zone))
    tsquery = reading_of(search, team_id=7, user_id=9, tags_of={}, collections=[]).whole
    assert tsquery.count("|") < 120


def test_days_of_other_zones_are_asked_in_parts_of_those_of_utc() -> None:
    search = LibrarySearch.read("from=2026-03-01&to=2026-04-02", zone=ZoneInfo("Asia/Kathmandu"))
    tsquery = reading_of(search, team_id=7, user_id=9, tags_of={}, collections=[]).whole
    begin = [*(f"hour:20260228{hour}" for hour in range(19, 24)), *(f"quarter:2026022818{n}" for n in (1, 2, 3))]
    end = [*(f"hour:20260402{hour:02}" for hour in range(18)), "quarter:20260402180"]
    first, last = (" | ".join(f"'7:{token}'" for token in tokens) for tokens in (begin, end))
    whole = "'7:month:202603' | '7:day:20260401'"
    assert tsquery == f"({whole} | ('7:day:20260228' & ({first})) | ('7:day:20260402' & ({last})))"


def test_zone_is_no_filter_and_stands_in_no_address() -> None:
    search = LibrarySearch.read("q=fox", zone=ZoneInfo("Asia/Tokyo"))
    assert (search, search.to_query()) == (LibrarySearch(q="fox"), "q=fox")
    assert not LibrarySearch.read("", zone=ZoneInfo("Asia/Tokyo")).is_filtered
    assert search.with_value("from", date(2026, 3, 1)).zone == ZoneInfo("Asia/Tokyo")


@pytest.mark.django_db
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=LONGEST_Q))
def test_whatever_is_typed_is_a_tsquery_of_the_team(q: str) -> None:
    search = LibrarySearch.read(QueryDict(urlencode({"q": q})))
    tsquery = reading_of(search, team_id=7, user_id=9, tags_of={}, collections=[]).whole
    with connection.cursor() as cursor:
        cursor.execute("SELECT querytree(%s::tsquery), 'team:8'::tsvector @@ %s::tsquery", [tsquery] * 2)
        [(needed, is_foreign_found)] = cursor.fetchall()
    # Something that the index can look up, and of this team alone.
    assert needed not in {"", "T"}
    assert "'team:7'" in needed or "'7/" in needed or "'7:nothing:'" in needed
    assert not is_foreign_found


@pytest.mark.parametrize("q", ['" " "', "-", "---", "- - -", '-"', '-""'])
def test_only_operators_ask_for_nothing_yet(q: str) -> None:
    assert terms_of(q) == []
