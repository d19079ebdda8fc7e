"""What was delivered, in numbers."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection

from studio.accounts.models import User
from studio.teams.models import Team
from studio.usage.models import UsageRecord
from studio.usage.queries import Used, teams_that_used, used_by_model
from tests.catalogue.making import use

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_invariants]  # records of outputs that are made up

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def test_use_is_summed_by_model_most_pictures_first(team: Team, member: User, other_team: Team, stranger: User) -> None:
    with time_machine.travel("2026-10-31T23:59Z"):
        use(team, member, "gpt-image-2")
    with time_machine.travel("2026-11-02T00:00Z"):
        use(team, member, "rehearsal", credits=1)
        for cost, latency in ((6, 20_000), (22, 30_000)):
            use(team, member, "gpt-image-2", credits=cost, latency_ms=latency)
        use(team, member, "a-dearer-one", credits=9, latency_ms=None)
        use(other_team, stranger, "gpt-image-1.5")
    assert list(used_by_model(team, since=SINCE).items()) == [
        ("gpt-image-2", Used(2, 28, 25_000.0)),
        ("a-dearer-one", Used(1, 9, None)),
        ("rehearsal", Used(1, 1, 9_000.0)),
    ]


def test_teams_that_used_a_model_are_named_once(team: Team, member: User, other_team: Team, stranger: User) -> None:
    with time_machine.travel("2026-11-02T00:00Z"):
        use(team, member, "gpt-image-2")
        use(team, member, "gpt-image-2")
    with time_machine.travel("2026-10-02T00:00Z"):
        use(other_team, stranger, "gpt-image-2")
    assert teams_that_used("gpt-image-2", since=SINCE) == [team.pk]
    assert teams_that_used("gpt-image-1.5", since=SINCE) == []


def test_use_of_a_month_is_read_from_the_index_alone(team: Team) -> None:
    rows = UsageRecord.objects.filter(team=team, created_at__gte=SINCE).values_list(
        "model_slug", "credits", "latency_ms"
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    assert "Index Only Scan using usagerecord_team_time" in rows.explain()
