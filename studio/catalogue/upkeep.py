"""Ends of models: what providers announce, and who has to be told."""

import logging
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from studio.catalogue.listing import RANKED_DAYS
from studio.catalogue.models import ImageModel
from studio.providers.adapters.base import Check
from studio.providers.adapters.errors import ProviderError
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.models import Connection
from studio.providers.testing import ask_for_check
from studio.usage.queries import teams_that_used

logger = logging.getLogger(__name__)

# The protocol whose list of models says when one ends.
ANNOUNCING: Final = "openai"


def note_announced_ends() -> None:
    """Ask the providers when their models end, and write down what they say.

    A model that is listed without a date has none announced; one that is not listed says nothing about its end, since
    an account may not be allowed to see it. Of several dates the earliest counts.
    """
    checks = [check for connection in _believed() if (check := _ask(connection)) is not None]
    listed = {name for check in checks for name in check.models or ()}
    for model in ImageModel.objects.filter(protocol=ANNOUNCING, remote_name__in=listed):
        end = _earliest(model.remote_name, checks)
        if end != model.announced_end:
            ImageModel.objects.filter(pk=model.pk).update(announced_end=end)


def claim_ends_to_tell() -> list[tuple[int, int]]:
    """Return models that are about to end, each with a team that used it lately; each end of a model only once."""
    found = []
    for model in ImageModel.objects.current():
        if not model.ends_soon or model.told_end == model.last_day:
            continue
        untold = ImageModel.objects.filter(pk=model.pk, told_end=model.told_end)
        if untold.update(told_end=model.last_day):
            since = timezone.now() - timedelta(days=RANKED_DAYS)
            found += [(model.pk, team_id) for team_id in teams_that_used(model.slug, since=since)]
    return found


def _believed() -> QuerySet[Connection]:
    """Connections to the provider itself, and the operator's: the server of one team must not end a model for all."""
    usable = Connection.objects.usable().filter(protocol=ANNOUNCING)
    return usable.filter(Q(team=None) | Q(base_url=ADAPTERS[ANNOUNCING].default_base_url)).order_by("pk")


def _ask(connection: Connection) -> Check | None:
    try:
        return ask_for_check(connection)
    except ProviderError as error:
        logger.warning("Connection %d does not say when its models end: %s.", connection.pk, error.kind)
        return None


def _earliest(remote_name: str, checks: Iterable[Check]) -> date | None:
    return min((check.ends[remote_name] for check in checks if remote_name in check.ends), default=None)
