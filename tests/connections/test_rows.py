"""One word for how a connection is, and its figures as text."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from studio.connections.queries import Health
from studio.connections.rows import Row, seconds
from studio.providers.adapters.errors import ADMIN_MESSAGES
from studio.providers.models import Connection

NOW = timezone.now()
WELL = Health(calls=10, succeeded=10, median=20_000.0, slowest=40_000.0)


def row(health: Health = WELL, *, last_success: Any = NOW, **facts: Any) -> Row:
    connection = Connection(pk=1, team_id=1, name="Ours", protocol="openai", base_url="https://api.openai.com/v1")
    for name, value in {**facts, "last_success": last_success}.items():
        setattr(connection, name, value)
    return Row(connection, health)


@pytest.mark.parametrize(
    ("shown", "label", "kind"),
    [
        (row(), "Healthy", "ok"),
        (row(Health(), last_success=None), "Never used", ""),
        (row(Health()), "Not used today", ""),
        (row(Health(calls=9, succeeded=7, calls_since_test=9, succeeded_since_test=7, median=1.0)), "Failing", "bad"),
        (row(Health(calls=9, succeeded=1, calls_since_test=4, succeeded_since_test=1, median=1.0)), "Healthy", "ok"),
        (row(Health(calls=9, succeeded=9, median=20_000.0, median_lately=31_000.0)), "Slow", "warn"),
        (row(Health(calls=9, succeeded=9, median=20_000.0, median_lately=29_000.0)), "Healthy", "ok"),
        (row(enabled=False, paused_kind="auth"), "Paused by an admin", "warn"),
        (row(paused_kind="auth"), "Key rejected", "bad"),
        (row(paused_kind="insufficient_funds"), "No money", "bad"),
        (row(paused_kind="address_refused"), "Address refused", "bad"),
        (row(paused_kind="permission"), "Paused", "bad"),
        (row(failures=5), "Circuit open", "bad"),
        (row(failures=4), "Healthy", "ok"),
        (row(resume_at=NOW + timedelta(hours=1)), "Rate limited", "warn"),
        (row(resume_at=NOW - timedelta(hours=1)), "Healthy", "ok"),
        (row(test_state="running", tested_at=NOW + timedelta(hours=1)), "Testing", "busy"),
        (row(test_state="running", tested_at=NOW - timedelta(hours=1)), "Healthy", "ok"),
    ],
)
def test_badge_says_the_worst_first(shown: Row, label: str, kind: str) -> None:
    assert (shown.badge.label, shown.badge.kind) == (label, kind)


def test_failed_test_counts_until_a_call_succeeds() -> None:
    failed: dict[str, Any] = {
        "test_state": "failed",
        "tested_at": NOW,
        "test_report": {"error": "auth", "note": "Incorrect key."},
    }
    before = row(WELL, **failed, last_success=NOW - timedelta(minutes=1))
    assert (before.badge.label, before.why, before.said) == ("Key rejected", ADMIN_MESSAGES["auth"], "Incorrect key.")
    assert before.needs_key
    after = row(WELL, **failed, last_success=NOW + timedelta(minutes=1))
    assert (after.badge.label, after.why, after.said, after.needs_key) == ("Healthy", "", "", False)


def test_report_is_that_of_a_test_that_passed_unless_a_pause_came_later() -> None:
    passed: dict[str, Any] = {"test_state": "passed", "tested_at": NOW, "test_report": {"checked": "Well."}}
    assert row(**passed).report == {"checked": "Well."}
    assert row(**passed, paused_kind="insufficient_funds").report == {}
    assert row(**passed, failures=5).report == {}
    assert row(test_state="failed", test_report={"error": "auth"}).report == {}


def test_what_a_test_has_shown_counts_until_a_call_succeeds() -> None:
    passed: dict[str, Any] = {"test_state": "passed", "tested_at": NOW, "test_report": {"checked": "Well."}}
    assert row(**passed, last_success=None).checked == "Well."
    assert row(**passed, last_success=NOW - timedelta(minutes=1)).checked == "Well."
    assert row(**passed, last_success=NOW + timedelta(minutes=1)).checked == ""


def test_trouble_is_named_while_a_test_is_under_way() -> None:
    shown = row(paused_kind="insufficient_funds", test_state="running", tested_at=NOW + timedelta(hours=1))
    assert (shown.badge.label, shown.trouble and shown.trouble.label) == ("Testing", "No money")


def test_failing_connection_says_how_many_calls_failed() -> None:
    failing = Health(calls=1300, succeeded=200, calls_since_test=1200, succeeded_since_test=190, median=1.0)
    assert row(failing).why == "1,010 of 1,200 calls failed. The attempts of each generation say why."
    assert row(failing, resume_at=NOW + timedelta(hours=1)).why == ""


@pytest.mark.parametrize(
    ("calls", "succeeded", "share"),
    [(0, 0, "–"), (3, 3, "100%"), (1000, 999, "99.9%"), (10_000, 9_999, "99.9%"), (3, 2, "66.6%"), (2, 0, "0%")],
)
def test_share_is_rounded_down(calls: int, succeeded: int, share: str) -> None:
    assert row(Health(calls=calls, succeeded=succeeded)).share == share


def test_rate_used_needs_a_limit() -> None:
    assert row().rate_used == ""
    assert row(Health(pictures_last_minute=2), per_minute=5).rate_used == "40%"
    assert row(Health(pictures_last_minute=9), per_minute=5).rate_used == "100%"


@pytest.mark.parametrize(
    ("per_minute", "asked", "refused", "said"),
    [
        (None, 50, 2, ""),
        (5, 3, 0, ""),
        (5, 4, 0, "4 of 5 pictures a minute are used. What is beyond that waits."),
        (None, 0, 3, "The provider refused 3 calls as too many. A limit here lets them wait."),
        (
            5,
            5,
            1200,
            "5 of 5 pictures a minute are used. What is beyond that waits. "
            "The provider refused 1,200 calls as too many. A lower limit here lets them wait.",
        ),
    ],
)
def test_rate_trouble_is_said_near_the_limit_and_where_the_provider_refuses(
    per_minute: int | None, asked: int, refused: int, said: str
) -> None:
    assert row(Health(pictures_last_minute=asked, held_back=refused), per_minute=per_minute).rate_trouble == said


def test_line_is_flat_without_calls_and_as_high_as_the_slowest_hour() -> None:
    flat = row(Health()).line
    assert flat.startswith("M0.0 22.0 L3.5 22.0 L")
    assert flat.endswith(" L80.0 22.0")
    high = row(Health(hours=[*[0.0] * 22, 500.0, 1000.0]))
    assert high.line.endswith("L73.0 22.0 L76.5 12.0 L80.0 2.0")
    assert high.area.endswith("L80.0 2.0 L80 24 L0 24Z")


def test_news_of_jobs() -> None:
    assert row().news == ""
    assert row(protocol="pixapi").news == "polling"
    assert row(protocol="aigateway").news == "polling"
    assert row(protocol="aigateway", hook_seen_at=NOW).news == "webhooks"


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(None, "–"), (85.4, "85 ms"), (1440.0, "1.4 s"), (28_400.0, "28 s")]
)
def test_seconds(milliseconds: float | None, text: str) -> None:
    assert seconds(milliseconds) == text
