"""What was delivered, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Sum

from studio.teams.models import Team
from studio.usage.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Used:
    """How many pictures were delivered, and what they cost."""

    pictures: int = 0
    credits: int = 0


def used_by_model(team: Team, *, since: datetime) -> Mapping[str, Used]:
    """What a team got of each model, by the model's slug, most pictures first."""
    records = UsageRecord.objects.filter(team=team, created_at__gte=since)
    rows = records.values("model_slug").annotate(pictures=Count("pk"), cost=Sum("credits"))
    ranked = rows.order_by("-pictures", "-cost", "model_slug")
    return {row["model_slug"]: Used(row["pictures"], row["cost"]) for row in ranked}


def teams_that_used(model_slug: str, *, since: datetime) -> list[int]:
    """The ids of the teams that got pictures of a model."""
    records = UsageRecord.objects.filter(model_slug=model_slug, created_at__gte=since)
    return list(records.order_by("team").values_list("team_id", flat=True).distinct())
