"""A connection as its admins see it: one word for how it is, its figures, its last day as a line. Reads no rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils import timezone

from studio.connections.queries import Health
from studio.generations.cards import Badge
from studio.providers.adapters.base import Adapter
from studio.providers.adapters.errors import ADMIN_MESSAGES
from studio.providers.gateway import adapter_of
from studio.providers.health import is_open
from studio.providers.models import Connection, PausedModel, TestState
from studio.providers.testing import is_running

# Slow: the last hour's median is so many times the day's. Failing: of so many calls fewer than so many succeed.
SLOW: Final = 1.5
ENOUGH_CALLS: Final = 5
GOOD_SHARE: Final = 0.9
# Close to its limit: of the pictures a minute so many were asked for in the last one.
CLOSE_SHARE: Final = 0.8
# A limit here is worth thinking of when the provider held back so many calls in a day.
OFTEN: Final = 3
_WORDS: Final = {
    "auth": "Key rejected",
    "insufficient_funds": "No money",
    "address_refused": "Address refused",
}
_FAILING: Final = Badge("Failing", "bad", "circle-alert")
WIDTH, HEIGHT, MARGIN = 80.0, 24.0, 2.0


@dataclass(frozen=True)
class Row:
    """One connection of the list."""

    connection: Connection
    health: Health

    @property
    def is_shared(self) -> bool:
        """Whether it belongs to the whole installation, so that teams see neither its address nor its key."""
        return self.connection.team_id is None

    @property
    def adapter(self) -> Adapter:
        """What speaks its protocol."""
        return adapter_of(self.connection)

    @property
    def host(self) -> str:
        """Where it leads, without the path."""
        return urlsplit(self.connection.base_url).netloc if self.adapter.needs_secret else ""

    @property
    def last_success(self) -> datetime | None:
        """When a call that succeeded was last sent; `queries.connections_for` brings it along."""
        found: datetime | None = getattr(self.connection, "last_success", None)
        return found

    @property
    def is_testing(self) -> bool:
        """Whether a test is under way."""
        return is_running(self.connection)

    @property
    def badge(self) -> Badge:
        """How it is, in a word."""
        if self.is_testing:
            return Badge("Testing", "busy", "loader-circle")
        return self.trouble or self._figures()

    @property
    def trouble(self) -> Badge | None:
        """What is wrong with it, also while a test is under way."""
        connection = self.connection
        if not connection.enabled:
            return Badge("Paused by an admin", "warn", "pause")
        if kind := connection.paused_kind or self._failed_test():
            return Badge(_WORDS.get(kind, "Paused" if connection.paused_kind else "Test failed"), "bad", "circle-alert")
        if is_open(connection):
            return Badge("Circuit open", "bad", "circle-alert")
        if connection.resume_at is not None and connection.resume_at > timezone.now():
            return Badge("Rate limited", "warn", "clock")
        calls, succeeded = self.health.calls_since_test, self.health.succeeded_since_test
        return _FAILING if calls >= ENOUGH_CALLS and succeeded < GOOD_SHARE * calls else None

    def _figures(self) -> Badge:
        health = self.health
        if not health.calls:
            return Badge("Not used today" if self.last_success else "Never used", "", "clock")
        if health.median and health.median_lately and health.median_lately > SLOW * health.median:
            return Badge("Slow", "warn", "triangle-alert")
        return Badge("Healthy", "ok", "check")

    def _failed_test(self) -> str:
        """The kind of error that the last test met, unless a call has succeeded since."""
        if self.connection.test_state != TestState.FAILED or not self._test_is_last_word:
            return ""
        return str(self.connection.test_report.get("error", "failed"))

    @property
    def _test_is_last_word(self) -> bool:
        tested, since = self.connection.tested_at, self.last_success
        return tested is not None and not (since and since > tested)

    @property
    def why(self) -> str:
        """What an admin has to know about its trouble, and can do."""
        connection = self.connection
        if connection.paused_kind:
            return ADMIN_MESSAGES.get(connection.paused_kind, "")
        if kind := self._failed_test():
            return ADMIN_MESSAGES.get(kind, "")
        if is_open(connection):
            return "The provider failed several times in a row. One call at a time tries whether it is back."
        if self.trouble == _FAILING:
            calls = self.health.calls_since_test
            failed = calls - self.health.succeeded_since_test
            return f"{failed:,} of {calls:,} calls failed. The attempts of each generation say why."
        return ""

    @property
    def said(self) -> str:
        """The provider's own words about that, cleaned."""
        connection = self.connection
        if connection.paused_kind:
            return connection.paused_note
        return str(connection.test_report.get("note", "")) if self._failed_test() else ""

    @property
    def needs_key(self) -> bool:
        """Whether a new key is what would mend it."""
        return (self.connection.paused_kind or self._failed_test()) == "auth"

    @property
    def paused_models(self) -> list[tuple[PausedModel, str]]:
        """The models that are not used there for now, and why."""
        return [(paused, ADMIN_MESSAGES.get(paused.kind, "")) for paused in self.connection.paused_models.all()]

    @property
    def report(self) -> dict[str, Any]:
        """What the last test showed, empty unless it passed; that ends every pause, so one there is came later."""
        connection = self.connection
        holds = connection.test_state == TestState.PASSED and not connection.paused_kind and not is_open(connection)
        return dict(connection.test_report) if holds else {}

    @property
    def checked(self) -> str:
        """What a test has just shown that passed: nothing once a call has succeeded since."""
        return str(self.report.get("checked", "")) if self._test_is_last_word else ""

    @property
    def median(self) -> str:
        """How long half of the calls took at most."""
        return seconds(self.health.median)

    @property
    def slowest(self) -> str:
        """How long 95 of 100 calls took at most."""
        return seconds(self.health.slowest)

    @property
    def share(self) -> str:
        """The part of the calls that succeeded."""
        calls, succeeded = self.health.calls, self.health.succeeded
        if not calls:
            return "–"
        # Rounded down: what is not all must not look like it.
        tenths = succeeded * 1000 // calls
        return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths / 10:.1f}%"

    @property
    def rate_used(self) -> str:
        """The part of the pictures a minute that was asked for in the last one; empty without such a limit."""
        most = self.connection.per_minute
        return f"{min(100, 100 * self.health.pictures_last_minute // most)}%" if most else ""

    @property
    def rate_trouble(self) -> str:
        """What there is to know where pictures a minute run short, here or at the provider; empty where they do not."""
        health, most = self.health, self.connection.per_minute
        said = []
        if most and health.pictures_last_minute >= CLOSE_SHARE * most:
            said.append(
                f"{health.pictures_last_minute} of {most} pictures a minute are used. What is beyond that waits."
            )
        if health.held_back >= OFTEN:
            limit = "A lower limit" if most else "A limit"
            said.append(f"The provider refused {health.held_back:,} calls as too many. {limit} here lets them wait.")
        return " ".join(said)

    @property
    def news(self) -> str:
        """How it learns that a job has ended, where the provider works in jobs."""
        if self.adapter.jobs is None:
            return ""
        return "polling" if self.connection.hook_seen_at is None else "webhooks"

    @property
    def line(self) -> str:
        """The path of its last day: the higher, the longer pictures took."""
        return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in self._points())

    @property
    def area(self) -> str:
        """The same with what lies below."""
        return f"{self.line} L{WIDTH:.0f} {HEIGHT:.0f} L0 {HEIGHT:.0f}Z"

    def _points(self) -> list[tuple[float, float]]:
        hours = self.health.hours
        most, step = max(hours) or 1.0, WIDTH / (len(hours) - 1)
        span = HEIGHT - 2 * MARGIN
        return [(step * index, HEIGHT - MARGIN - span * value / most) for index, value in enumerate(hours)]


def seconds(milliseconds: float | None) -> str:
    """`28 s`, `1.4 s`, `85 ms`, `–`."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.0f} s" if milliseconds >= 10_000 else f"{milliseconds / 1000:.1f} s"
