"""What an operator's export says and holds beyond what people download: enough to build the library up elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final

from studio.exports.facts import Known
from studio.exports.manifest import Facts
from studio.exports.zipformat import Entry, dos_time
from studio.library import files, names
from studio.library.models import Asset, Favourite

RECEIVED: Final = "received"


def with_extras(pictures: Sequence[Known]) -> list[Known]:
    """Add addresses of people, the connection, the bin, and the file as received where it is still there."""
    liked: dict[int, list[str]] = defaultdict(list)
    likes = Favourite.objects.filter(asset__in=[known.asset.pk for known in pictures]).order_by("pk")
    for asset_id, email in likes.values_list("asset", "user__email"):
        liked[asset_id].append(email)
    received = [known.asset for known in pictures if known.asset.has_received]
    sizes = files.sizes_of([asset.received_name for asset in received])
    kept = {asset.pk for asset in received if sizes[asset.received_name] == asset.received_size}
    return [
        replace(known, facts=replace(known.facts, extra=_extra(known.asset, liked[known.asset.pk], kept)))
        for known in pictures
    ]


def with_received(known: Known, name: str) -> tuple[Facts, Entry | None]:
    """Name the file as received, if `with_extras` found one, and return it as an entry of the archive.

    `name` is the picture's. As that is unique by its number, so is this one, which no picture can have.
    """
    asset, facts = known.asset, known.facts
    if RECEIVED not in facts.extra:
        return facts, None
    inside = f"{RECEIVED}/{PurePosixPath(name).stem}-as-received.{names.EXTENSIONS[asset.received_type]}"
    extra = {**facts.extra, RECEIVED: {"file": inside, **facts.extra[RECEIVED]}}
    size, crc32 = asset.received_size or 0, asset.received_crc32 or 0
    entry = Entry(inside.encode(), size, crc32, dos_time(asset.created_at), asset.received_name)
    return replace(facts, extra=extra), entry


def _extra(asset: Asset, liked_by: list[str], kept: set[int]) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "author_email": asset.author.email,
        "favourites": liked_by,
        "connection": asset.connection_name,
        "binned_at": asset.binned_at.isoformat() if asset.binned_at else None,
    }
    if asset.pk in kept:
        extra[RECEIVED] = {
            "sha256": asset.received_sha256,
            "size": asset.received_size,
            "content_type": asset.received_type,
        }
    return extra
