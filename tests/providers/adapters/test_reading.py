import base64
import json
import os
from datetime import UTC, datetime

import pytest

from studio.providers.adapters.reading import decode_base64, read_json, read_retry_after

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"<html>",
        b"\xff\xfe{}",
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"usage": 1, "a": {"b": [NaN]}}',
        b"[1, -Infinity]",
        b"[" * 100_000,
        b"[" * 900 + b"NaN" + b"]" * 900,
        b"[" + b"0," * 60_000 + b"0]",
    ],
)
def test_read_json_refuses(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"usage": {"x": NaN}}', {"usage": {"x": "NaN"}}),
        (b'{"meta": {"usage": {"x": -Infinity}}}', {"meta": {"usage": {"x": "-Infinity"}}}),
        (b"[123456789012345678, 1234567890123456789]", [123456789012345678, "1234567890123456789"]),
        (b"[1e999, 1e30, 1.5]", ["1e999", "1e30", 1.5]),
        (b"[-" + b"9" * 5000 + b"]", ["-" + "9" * 99]),
    ],
)
def test_read_json_keeps_absurd_numbers_as_text(raw: bytes, value: object) -> None:
    assert read_json(raw) == value
    json.dumps(value)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_decode_base64_reads_every_spelling(size: int) -> None:
    data = b"\xfb\xff\xbf" + os.urandom(size)
    plain = base64.b64encode(data).decode()
    safe = base64.urlsafe_b64encode(data).decode()

    spellings = [
        plain,
        f"data:image/png;base64,{plain}",
        "\r\n".join(plain[start : start + 8] for start in range(0, len(plain), 8)),
        f" {plain}\n",
        safe,
        safe.rstrip("="),
    ]
    assert [decode_base64(text) for text in spellings] == [data] * 6


@pytest.mark.parametrize(
    "text", ["", "data:image/png;base64,", "====", "AAAAA", "AAA", "AA!A", "AAAA\x00", "\ud800AAA"]
)
def test_decode_base64_refuses_damage(text: str) -> None:
    with pytest.raises(ValueError):
        decode_base64(text)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7.5 "}, 7.5),
        ({"retry-after": "1000000000000"}, 86_400.0),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:07 -0000"}, 7.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 9999 11:00:00 GMT"}, 86_400.0),
        ({"retry-after": "Fri, 99 Nov 2026 11:00:00 GMT"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
    ],
)
def test_read_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, NOW) == seconds
