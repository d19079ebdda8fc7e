"""Writing usage records."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from studio.usage.models import UsageRecord


def record_usage(
    *,
    team_id: int,
    member_id: int,
    generation_id: int,
    output_id: int,
    asset_id: int,
    model_slug: str,
    connection_name: str,
    quality: str,
    size: str,
    credits: int,
    price_version: int,
    latency_ms: int | None,
    estimate_usd: Decimal | None = None,
    reported: Mapping[str, Any] | None = None,
) -> UsageRecord:
    """Note what one delivered output cost; call it in the transaction that delivers.

    The database refuses a second record of the same output or asset.
    """
    return UsageRecord.objects.create(
        team_id=team_id,
        member_id=member_id,
        generation_id=generation_id,
        output_id=output_id,
        asset_id=asset_id,
        model_slug=model_slug,
        connection_name=connection_name,
        quality=quality,
        size=size,
        credits=credits,
        price_version=price_version,
        latency_ms=latency_ms,
        estimate_usd=estimate_usd,
        reported=dict(reported or {}),
    )
