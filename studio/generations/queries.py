"""What the studio and the history read."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from statistics import median
from typing import Final

from django.db.models import Prefetch, QuerySet
from django.db.models.fields.json import KeyTextTransform

from studio.accounts.models import User
from studio.generations.models import Attempt, AttemptState, Generation, Output
from studio.generations.spec import GenerationSpec
from studio.library.models import Asset
from studio.teams.models import Team

# So many of a connection's latest answers say how long a model takes; so many of one model's make it worth saying.
LATEST_ANSWERS: Final = 60
ENOUGH_ANSWERS: Final = 3


def feed(team: Team, *, author: User | None = None) -> QuerySet[Generation]:
    """The team's generations, or one member's, newest first, with all that a card or a row shows: two queries."""
    pictures = (
        Output.objects.select_related("asset", "preview")
        .defer("preview__data")
        .annotate(previews=KeyTextTransform("previews", "attempt__connection__options"))
        .order_by("slot")
    )
    generations = Generation.objects.filter(team=team).select_related("author", "model").order_by("-pk")
    if author is not None:
        generations = generations.filter(author=author)
    return generations.prefetch_related(Prefetch("outputs", queryset=pictures))


def inputs_of(generations: Collection[Generation]) -> Mapping[int, Asset]:
    """Return the pictures that generations are made from, by their ids; one query, or none where there are none."""
    wanted = {pk for generation in generations for pk in GenerationSpec.from_json(generation.spec).inputs}
    return Asset.objects.for_tiles().in_bulk(wanted) if wanted else {}


def typical_seconds(generations: Collection[Generation]) -> dict[int, int]:
    """How long models that run at this moment usually take, by model; a model with few answers is left out.

    One query, or none when nothing runs. It reads the newest answers only, so its cost does not grow.
    """
    connections = {generation.connection_id for generation in generations if generation.is_live}
    if not connections:
        return {}
    answered = Attempt.objects.filter(
        connection_id__in=connections, state=AttemptState.CLOSED, latency_ms__isnull=False
    )
    latest = answered.order_by("-sent_at").values_list("generation__model_id", "latency_ms")[:LATEST_ANSWERS]
    by_model: dict[int, list[int]] = defaultdict(list)
    for model_id, latency in latest:
        by_model[model_id].append(latency or 0)
    return {
        model_id: max(1, round(median(latencies) / 1000))
        for model_id, latencies in by_model.items()
        if len(latencies) >= ENOUGH_ANSWERS
    }
