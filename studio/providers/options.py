"""What a connection may be told besides its address and key: one table, for forms, commands and the operator."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.providers.adapters.rehearsal import FAILURES, MOST_DELAY
from studio.providers.errors import ConnectionRefused

_PLAIN: Final = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True)
class Option:
    """One setting of a protocol; blank means that nothing is said. `choices` pairs each value with its wording."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    choices: Sequence[tuple[str, str]] = ()
    pattern: re.Pattern[str] = _PLAIN
    longest: int = 200
    # The greatest number, where it is one; a whole one if this is.
    most: float | None = None
    # Faults to rehearse are set by whoever runs the installation, not on the page.
    on_page: bool = True

    def read(self, value: object) -> str | float:
        """Return the value as it is stored, an empty text for nothing; raises ConnectionRefused."""
        text = "" if value is None else str(value).strip()
        if not text:
            if self.required:
                raise self._refusal(f"{self.label} is missing.")
            return ""
        if self.choices and text not in dict(self.choices):
            raise self._refusal(f"{self.label} must be one of {', '.join(dict(self.choices))}.")
        if self.most is not None:
            return self._number(text, self.most)
        if len(text) > self.longest or not self.pattern.fullmatch(text):
            raise self._refusal(f"{self.label} does not look right.")
        return text

    def _refusal(self, message: str) -> ConnectionRefused:
        return ConnectionRefused(message, field=self.name)

    def _number(self, text: str, most: float) -> float:
        try:
            number = int(text) if isinstance(most, int) else float(text)
        except ValueError as error:
            raise self._refusal(f"{self.label} must be a number.") from error
        if not (math.isfinite(number) and 0 <= number <= most):
            raise self._refusal(f"{self.label} must be between 0 and {most:g}.")
        return number


OPTIONS: Final[Mapping[str, Sequence[Option]]] = {
    "openai": (
        Option("organization", "Organization", help="Only for keys that belong to several, such as org-…"),
        Option("project", "Project", help="Only for keys that belong to several, such as proj_…"),
        Option(
            "previews",
            "Previews",
            help="Unfinished pictures, shown while one is made. They are billed, and several are asked for one by one.",
            choices=[("0", "None"), ("1", "1"), ("2", "2"), ("3", "3")],
            most=3,
        ),
    ),
    "aigateway": (Option("tag", "Tag", help="The gateway’s own usage page sums up under it.", longest=64),),
    "pixapi": (
        Option(
            "flow",
            "Answers",
            choices=[("async", "As tasks"), ("sync", "At once")],
            help="As tasks unless the server in between only knows the other.",
        ),
    ),
    "cloudflare": (
        Option(
            "account_id",
            "Account ID",
            help="On the overview page of Workers AI.",
            required=True,
            pattern=re.compile(r"[0-9A-Za-z]+"),
            longest=64,
        ),
    ),
    "rehearsal": (
        Option("delay", "Delay", most=float(MOST_DELAY), on_page=False),
        Option("failure", "Failure", choices=[(name, name) for name in sorted(FAILURES)], on_page=False),
        Option("failure_rate", "Failure rate", most=1.0, on_page=False),
    ),
}


def options_of(protocol: str) -> Sequence[Option]:
    """Return what a protocol can be told."""
    return OPTIONS.get(protocol, ())


def read_options(protocol: str, given: Mapping[str, Any]) -> dict[str, str | float]:
    """Return what is said, checked and as it is stored; raises ConnectionRefused, also for what is not known."""
    known = {option.name: option for option in options_of(protocol)}
    if unknown := sorted(set(given) - set(known)):
        raise ConnectionRefused(f"A connection of this protocol knows no option {unknown[0]!r}.")
    read = {name: option.read(given.get(name)) for name, option in known.items()}
    return {name: value for name, value in read.items() if value != ""}
