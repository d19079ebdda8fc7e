"""What was delivered, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Aggregate, Count, FloatField, Sum

from studio.teams.models import Team
from studio.usage.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Used:
    """How many pictures were delivered, what they cost, and how many milliseconds half of them took at most."""

    pictures: int = 0
    credits: int = 0
    median_ms: float | None = None


class Median(Aggregate):
    """What half of the values are below."""

    template = "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def used_by_model(team: Team, *, since: datetime) -> Mapping[str, Used]:
    """What a team got of each model, by the model's slug, most pictures first."""
    records = UsageRecord.objects.filter(team=team, created_at__gte=since)
    rows = records.values("model_slug").annotate(
        pictures=Count("pk"), cost=Sum("credits"), median_ms=Median("latency_ms")
    )
    ranked = rows.order_by("-pictures", "-cost", "model_slug")
    return {row["model_slug"]: Used(row["pictures"], row["cost"], row["median_ms"]) for row in ranked}


def teams_that_used(model_slug: str, *, since: datetime) -> list[int]:
    """The ids of the teams that got pictures of a model."""
    records = UsageRecord.objects.filter(model_slug=model_slug, created_at__gte=since)
    return list(records.order_by("team").values_list("team_id", flat=True).distinct())
