"""Checks that the stored connections and the code agree."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import Error, Tags, register

from studio.providers.adapters.registry import ADAPTERS
from studio.providers.models import Connection


@register(Tags.database)
def every_protocol_is_known(databases: Sequence[str] | None = None, **_: Any) -> list[Error]:
    """Find connections whose protocol has no adapter in this release; runs with `check --database default`."""
    if not databases:
        return []
    unknown = Connection.objects.exclude(protocol__in=ADAPTERS).values_list("name", "protocol")
    return [
        Error(f"The connection {name!r} speaks {protocol!r}, which this release does not know.", id="providers.E001")
        for name, protocol in unknown
    ]
