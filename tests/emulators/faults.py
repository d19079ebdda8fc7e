"""Everything a provider may do wrong, by name.

A fault is asked for in the prompt, `[fault:rate_limited retry_after=7 times=2]`, or queued through the control door
(`EmulatorControl.fail`). Parameters of every fault: `times=N` in a prompt lets requests through after N faults;
`charged=0` or `charged=1` decides whether the pictures count as paid; `at=PLACE` says which request meets it:
`submit` (the paid call, the default), `poll`, `list`, `cancel`, `upload`, `sign`, `models` or `account`. A fault of a
place other than `submit` can be marked in a prompt for `poll` alone: the polls of that prompt's job meet it.

Kinds: refusals (COMMON at every provider, in its own envelope, and some of its own; 429 and 503 take
`retry_after=SECONDS|date|past|absurd|negative|nan|none|ms|any text`, all take `echo=1`); PICTURES change the list of
results, and those of `oddities` its last one; SPELLINGS change base64 texts; ITEMS change what stands around a result;
DOCUMENTS and TEXTS change the JSON; `mishaps.WIRES` change the bytes. Faults of result addresses stand in `media`,
those of jobs in `jobs`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.emulators import oddities, pictures
from tests.emulators.pictures import Picture

MARKER = re.compile(r"\[fault:(?P<name>[a-z0-9_]+)(?P<parameters>(?: +[a-z_]+=[^\s\]]+)*) *\]")

# Refusals that every emulator knows, each with its provider's status and envelope.
COMMON = (
    "bad_request",
    "unauthorized",
    "payment_required",
    "forbidden",
    "model_not_found",
    "too_large",
    "content_refused",
    "rate_limited",
    "request_timeout",
    "conflict",
    "server_error",
    "server_error_charged",
    "bad_gateway",
    "overloaded",
    "gateway_timeout",
    "error_in_200",
    "teapot",
)
# Besides refusals, these cost nothing; every other fault bills the pictures.
UNPAID = frozenset({"no_content", "moved", "redirect_private", "html", "empty"})


@dataclass(frozen=True)
class Fault:
    """A named misbehaviour with its parameters."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """Return a parameter as a number."""
        return float(self.parameters.get(name, default))

    @property
    def place(self) -> str:
        """Which request meets it."""
        return self.parameters.get("at", "submit")


def find_marker(prompt: str) -> Fault | None:
    """Return the fault a prompt asks for."""
    match = MARKER.search(prompt)
    if not match:
        return None
    return Fault(match["name"], dict(part.split("=", 1) for part in match["parameters"].split()))


def retry_after(wanted: str, now: datetime) -> dict[str, str]:
    """Return the header for `7`, `date`, `past`, `absurd`, `negative`, `nan`, `none`, `ms` or any literal."""
    known = {
        "none": {},
        "date": {"retry-after": format_datetime(now + timedelta(seconds=7), usegmt=True)},
        "past": {"retry-after": format_datetime(now - timedelta(hours=1), usegmt=True)},
        "absurd": {"retry-after": "1000000000000"},
        "negative": {"retry-after": "-5"},
        "nan": {"retry-after": "NaN"},
        "ms": {"retry-after-ms": "1500"},
    }
    return known.get(wanted, {"retry-after": wanted})


def _instead(make: Callable[[], bytes]) -> Callable[[list[Picture]], list[Picture]]:
    return lambda results: [replace(result, data=make()) for result in results]


def _last(make: Callable[[], bytes]) -> Callable[[list[Picture]], list[Picture]]:
    return lambda results: [*results[:-1], replace(results[-1], data=make())]


NO_PICTURE = Picture(b"not a picture")
PICTURES: Mapping[str, Callable[[list[Picture]], list[Picture]]] = {
    "fewer": lambda results: results[:-1],
    "more": lambda results: [*results, pictures.spare()],
    "mixed": lambda results: [result if number % 2 == 0 else NO_PICTURE for number, result in enumerate(results)],
    "same": lambda results: [results[0] for _ in results],
    "other_size": lambda results: [pictures.spare() for _ in results],
    "data_empty": lambda _: [],
    "text_file": _instead(lambda: b"This is a text file, not a picture.\n"),
    "svg": _instead(lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    "html_picture": _instead(lambda: b"<!doctype html><script>alert(1)</script>"),
    "truncated_jpeg": _instead(pictures.truncated_jpeg),
    "bomb": _instead(pictures.bomb),
    **{name: _last(make) for name, make in oddities.ODDITIES.items()},
}


def _lines(text: str) -> str:
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\n"


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "truncated_base64": lambda text: text[:1001],
    "base64_whitespace": _lines,
    "base64_urlsafe": lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    "base64_data_url": lambda text: "data:image/png;base64," + text,
}

HOSTILE_TEXT = "<b>bold</b> \x1b[31mred\x00 \u202eback " + "x" * 1_000_000
ITEMS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no_picture_field": lambda _: {},
    "hostile_text": lambda item: item | {"revised_prompt": HOSTILE_TEXT},
}

ABSURD = {"total_tokens": -(10**18), "input_tokens": float("nan"), "x": "\x00"}


def _absurd(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: ABSURD if name == "usage" else -(10**18) if name in {"creditCost", "cost_cents"} else _absurd(inner)
        for name, inner in value.items()
    }


DOCUMENTS: Mapping[str, Callable[[Any], Any]] = {"absurd_usage": _absurd}

# The JSON of the right answer becomes another text.
TEXTS: Mapping[str, Callable[[str], str]] = {
    "html": lambda _: "<!doctype html><title>Sign in</title><h1>Sign in to continue</h1>",
    "empty": lambda _: "",
    "invalid_json": lambda text: text[: len(text) // 2],
    "no_data": lambda _: '{"created": 1795000000}',
    "data_null": lambda _: '{"created": 1795000000, "data": null}',
    "data_object": lambda _: '{"created": 1795000000, "data": {"b64_json": "AAAA"}}',
    "json_list": lambda _: "[1, 2, 3]",
    "nan": lambda text: '{"made": NaN, ' + text[1:],
    "deep_json": lambda _: '{"data": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "duplicate_keys": lambda text: re.sub(r'^\{("[^"]+": )', r"{\1null, \1", text),
    "overflow": lambda text: '{"made": 9' + "9" * 5000 + ", " + text[1:],
    "surrogates": lambda _: '{"data": [{"b64_json": "\\ud800"}]}',
    "nul": lambda _: '{"data": [{"b64_json": "AAAA\\u0000"}]}',
}


def spelled(results: list[Picture], fault: Fault) -> list[Picture]:
    """Return the results as the fault would have them."""
    if fault.name in PICTURES:
        return PICTURES[fault.name](results)
    if fault.name in SPELLINGS:
        return [replace(result, spelling=SPELLINGS[fault.name](result.text)) for result in results]
    return results
