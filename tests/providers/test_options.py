"""What each protocol can be told."""

from typing import Any

import pytest

from studio.providers.adapters.base import Endpoint
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.errors import ConnectionRefused
from studio.providers.options import OPTIONS, read_options


@pytest.mark.parametrize(
    ("protocol", "given", "read"),
    [
        ("openai", {}, {}),
        (
            "openai",
            {"organization": " org-1 ", "project": "", "previews": "2"},
            {"organization": "org-1", "previews": 2},
        ),
        ("openai", {"previews": 3}, {"previews": 3}),
        ("openai", {"previews": 0}, {"previews": 0}),
        ("aigateway", {"tag": "team 7"}, {"tag": "team 7"}),
        ("pixapi", {"flow": "sync"}, {"flow": "sync"}),
        ("pixapi", {"flow": None}, {}),
        ("apiframe", {}, {}),
        ("aimlapi", {}, {}),
        ("cloudflare", {"account_id": "0a1b"}, {"account_id": "0a1b"}),
        (
            "rehearsal",
            {"delay": "0.5", "failure": "fewer", "failure_rate": 1},
            {"delay": 0.5, "failure": "fewer", "failure_rate": 1.0},
        ),
    ],
)
def test_options_are_read_as_they_are_stored(protocol: str, given: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_options(protocol, given) == read


@pytest.mark.parametrize(
    ("protocol", "given", "field"),
    [
        ("openai", {"previews": "4"}, "previews"),
        ("openai", {"previews": True}, "previews"),
        ("openai", {"previews": "1.5"}, "previews"),
        ("openai", {"organization": "orgä"}, "organization"),
        ("openai", {"project": "a\nb"}, "project"),
        ("openai", {"account_id": "0a1b"}, ""),
        ("aigateway", {"tag": "x" * 65}, "tag"),
        ("pixapi", {"flow": "both"}, "flow"),
        ("cloudflare", {}, "account_id"),
        ("cloudflare", {"account_id": "../user"}, "account_id"),
        ("cloudflare", {"account_id": {"a": 1}}, "account_id"),
        ("rehearsal", {"delay": float("nan")}, "delay"),
        ("rehearsal", {"delay": "soon"}, "delay"),
        ("rehearsal", {"failure_rate": 2}, "failure_rate"),
        ("apiframe", {"tag": "x"}, ""),
    ],
)
def test_what_a_protocol_does_not_know_is_refused(protocol: str, given: dict[str, Any], field: str) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        read_options(protocol, given)
    assert refused.value.field == field


def test_table_names_known_protocols_and_what_their_adapters_read() -> None:
    """An adapter that is handed the table's dearest values must not stumble over them."""
    assert set(OPTIONS) <= set(ADAPTERS)
    for protocol, adapter in ADAPTERS.items():
        values: dict[str, Any] = {}
        for option in OPTIONS.get(protocol, ()):
            sample = (
                option.choices[-1][0] if option.choices else "1" if option.most is not None else "a" * option.longest
            )
            values[option.name] = option.read(sample)
        endpoint = Endpoint(protocol, "https://api.example.com/v1", "sk-0123456789", options=values)
        assert adapter.build_check(endpoint).method == "GET"
