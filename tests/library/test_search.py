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
from studio.library.matching import Reading, reading_of, terms_of
from studio.library.search import LONGEST_ADDRESS, LONGEST_Q, LibrarySearch, Sort

FULL = (
    "q=red+fox&by=3&model=gpt-image-2&connection=4&collection=5&tag=1&tag=2&status=draft&status=approved&favourite=1"
    "&rating=3&shape=square&from=2026-01-31&to=2026-02-01&alpha=0&source=edited&sort=rating"
)


def read(query: str) -> Reading:
    search = LibrarySearch.read(query)
    inside = [search.collection, 51] if search.collection else []
    return reading_of(search, team_id=7, user_id=9, tags_of={"hero": [11, 12]}, collections=inside)


@pytest.mark.parametrize(
    ("query", "said", "starts"),
    [
        ("", "'team:7'", ()),
        ("q=green+fox", "(%1$s) & (('7/fox' | '7^fox'))", ("green",)),
        ("q=hero", "(%1$s | '7:tag:11' | '7:tag:12')", ("hero",)),
        ("q=re+-fo", "(('7/re' | '7^re')) & !(('7/fo' | '7^fo'))", ()),
        ("q=red-foxes+lake", "('7/red' & %1$s) & (%2$s)", ("foxes", "lake")),
        ("q=%22red+foxes%22+-lake", "('7/red' & '7/foxes') & !(%1$s)", ("lake",)),
        ("q=-red-foxes+-hero", "'team:7' & !('7:nothing:') & !(%1$s | '7:tag:11' | '7:tag:12')", ("hero",)),
        ("q=猫+東京&alpha=0", "!('7:alpha:1') & (('7/猫' | '7^猫')) & ('7/東京')", ()),
        ("q=猫+hats", "(('7/猫' | '7^猫')) & (%1$s)", ("hats",)),
        ("model=100%25s", "('7:model:100%%s')", ()),
        ("from=2026-02-27&to=2026-03-01", "('7:day:20260227' | '7:day:20260228' | '7:day:20260301')", ()),
        ("from=2026-03-01&to=2026-03-01&q=-fox", "!(('7/fox' | '7^fox')) & ('7:day:20260301')", ()),
        ("to=1969-12-31", "('7:nothing:')", ()),
    ],
)
def test_index_is_asked_for_words_by_how_they_begin_and_for_no_order(
    query: str, said: str, starts: tuple[str, ...]
) -> None:
    reading = read(query)
    assert (reading.asked, reading.starts) == (said, starts)


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
        ("q=-hero", "!('7/hero':* | '7:tag:11' | '7:tag:12')"),
        ('q="red+fox"', "(('7/red' <1> '7/fox'))"),
        ('q=-"red+fox"', "!(('7/red' <1> '7/fox'))"),
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
        ("alpha=0", "!('7:alpha:1')"),
        ("from=2026-02-27&to=2026-03-01&q=fox", "('7/fox':*)"),
        ("from=2026-02-27", "'team:7'"),
    ],
)
def test_search_asks_a_picture_for(query: str, tsquery: str) -> None:
    assert read(query).whole == tsquery


def test_zone_is_no_filter_and_stands_in_no_address() -> None:
    search = LibrarySearch.read("q=fox", zone=ZoneInfo("Asia/Tokyo"))
    assert (search, search.to_query()) == (LibrarySearch(q="fox"), "q=fox")
    assert not LibrarySearch.read("", zone=ZoneInfo("Asia/Tokyo")).is_filtered
    assert search.with_value("from", date(2026, 3, 1)).zone == ZoneInfo("Asia/Tokyo")


@pytest.mark.django_db
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=LONGEST_Q))
def test_whatever_is_typed_is_a_tsquery_of_the_team(q: str) -> None:
    search = LibrarySearch.read(QueryDict(urlencode({"q": q})))
    reading = reading_of(search, team_id=7, user_id=9, tags_of={}, collections=[])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT querytree(asked), 'team:8'::tsvector @@ asked, %s::tsquery FROM library_asked(%s, %s, 7) AS asked",
            [reading.whole, reading.asked, list(reading.starts)],
        )
        [(needed, is_foreign_found, _)] = cursor.fetchall()
    # Something that the index can look up, and of this team alone.
    assert needed not in {"", "T"}
    assert "'team:7'" in needed or "'7/" in needed or "'7:nothing:'" in needed
    assert not is_foreign_found


@pytest.mark.parametrize("q", ['" " "', "-", "---", "- - -", '-"', '-""'])
def test_only_operators_ask_for_nothing_yet(q: str) -> None:
    assert terms_of(q) == []
