"""Usage records: complete, once for each output, never changed."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from studio.accounts.models import User
from studio.teams.models import Team
from studio.usage.models import UsageRecord
from studio.usage.services import record_usage

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_invariants]  # records of outputs that are made up


def record(team: Team, member: User, **changes: Any) -> UsageRecord:
    facts: dict[str, Any] = {
        "generation_id": 1,
        "output_id": 2,
        "asset_id": 3,
        "model_slug": "gpt-image-2",
        "connection_name": "Main",
        "quality": "high",
        "size": "1024x1024",
        "credits": 22,
        "price_version": 4,
        "latency_ms": 28_400,
    }
    return record_usage(team_id=team.pk, member_id=member.pk, **facts | changes)


def test_record_keeps_every_fact(team: Team, member: User) -> None:
    record(team, member, estimate_usd=Decimal("0.21100"), reported={"usage": {"output_tokens": 7024}})
    kept = UsageRecord.objects.get()
    assert (kept.team, kept.member, kept.generation_id, kept.output_id, kept.asset_id) == (team, member, 1, 2, 3)
    assert (kept.model_slug, kept.connection_name, kept.quality) == ("gpt-image-2", "Main", "high")
    assert (kept.size, kept.credits, kept.price_version) == ("1024x1024", 22, 4)
    assert kept.latency_ms == 28_400
    assert (kept.estimate_usd, kept.reported) == (Decimal("0.21100"), {"usage": {"output_tokens": 7024}})


def test_record_without_a_report_keeps_an_empty_one(team: Team, member: User) -> None:
    record(team, member)
    kept = UsageRecord.objects.get()
    assert (kept.estimate_usd, kept.reported) == (None, {})


@pytest.mark.parametrize("changes", [{"asset_id": 9}, {"output_id": 9}])
def test_second_record_of_an_output_or_asset_is_refused(team: Team, member: User, changes: dict[str, int]) -> None:
    record(team, member)
    with pytest.raises(IntegrityError), transaction.atomic():
        record(team, member, **changes)
    assert UsageRecord.objects.count() == 1


def test_negative_credits_are_refused(team: Team, member: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        record(team, member, credits=-1)


@pytest.mark.parametrize("sql", ["UPDATE usage_usagerecord SET credits = 0", "DELETE FROM usage_usagerecord"])
def test_database_refuses_to_rewrite_usage(team: Team, member: User, sql: str) -> None:
    record(team, member)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert UsageRecord.objects.get().credits == 22
