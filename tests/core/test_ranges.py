"""Ranges, known copies and file names."""

from urllib.parse import unquote

import pytest

from studio.core.ranges import content_disposition, is_known, range_of

TAG = '"v1"'


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-99", range(100)),
        ("bytes=0-1000", range(100)),
        ("bytes=99-", range(99, 100)),
        ("bytes=40-59", range(40, 60)),
        ("BYTES= 40 - 59 ", range(40, 60)),
        ("bytes=-1", range(99, 100)),
        ("bytes=-100", range(100)),
        ("bytes=-1000", range(100)),
        ("bytes=-0", range(100, 100)),
        ("bytes=100-", range(100, 100)),
        ("bytes=100-200", range(100, 100)),
        ("bytes=" + "9" * 20 + "-", range(100, 100)),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=a-b", None),
        ("bytes=1-2,4-5", None),
        ("items=0-1", None),
        ("bytes=²-", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_range_of_a_hundred_bytes(asked: str, part: range | None) -> None:
    found = range_of({"Range": asked}, 100, TAG)
    assert (found is None) == (part is None)
    assert found is None or part is None or list(found) == list(part)


def test_range_of_nothing_is_always_unsatisfiable() -> None:
    assert range_of({"Range": "bytes=0-"}, 0, TAG) == range(0)
    assert range_of({"Range": "bytes=-5"}, 0, TAG) == range(0)


@pytest.mark.parametrize(
    ("condition", "tag", "counts"),
    [
        ('"v1"', '"v1"', True),
        ('"v2"', '"v1"', False),
        ('W/"v1"', 'W/"v1"', False),
        ("Wed, 21 Oct 2026 07:28:00 GMT", '"v1"', False),
    ],
)
def test_range_counts_only_for_the_version_it_was_meant_for(condition: str, tag: str, counts: bool) -> None:
    asked = {"Range": "bytes=0-4", "If-Range": condition}
    assert range_of(asked, 100, tag) == (range(5) if counts else None)


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [("", False), ('"v1"', True), ('W/"v1"', True), ('"a", "v1"', True), ("*", True), ('"v2"', False), ("v1", False)],
)
def test_copy_is_known_by_any_of_its_tags(if_none_match: str, known: bool) -> None:
    assert is_known(if_none_match, TAG) is known


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("cat.png", 'attachment; filename="cat.png"'),
        ('a"b\\c%d.png', "attachment; filename=\"a_b_c_d.png\"; filename*=UTF-8''a%22b_c%25d.png"),
        ("../../etc/passwd", "attachment; filename=\"download.._.._etc_passwd\"; filename*=UTF-8''.._.._etc_passwd"),
        ("Café.png", "attachment; filename=\"Cafe.png\"; filename*=UTF-8''Caf%C3%A9.png"),
        ("猫.png", "attachment; filename=\"download.png\"; filename*=UTF-8''%E7%8C%AB.png"),
        ("a\r\nSet-Cookie: x\x00.png", 'attachment; filename="aSet-Cookie: x.png"'),
        ("evil\u202egnp.exe", 'attachment; filename="evilgnp.exe"'),
        ("\ud800.png", "attachment; filename=\"download.png\"; filename*=UTF-8''.png"),
        ("", 'attachment; filename="download"'),
    ],
)
def test_download_is_named(name: str, header: str) -> None:
    assert content_disposition(name, inline=False) == header


def test_download_shown_in_the_page_is_named_too() -> None:
    assert content_disposition("cat.png", inline=True) == 'inline; filename="cat.png"'


def test_long_name_keeps_its_ending() -> None:
    described = content_disposition("ü" * 500 + ".webp", inline=False)
    name = unquote(described.partition("filename*=UTF-8''")[2])
    assert (len(name), name[-5:]) == (180, ".webp")
