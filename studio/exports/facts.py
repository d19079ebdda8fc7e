"""What the library knows about pictures, read for a whole page of them in three queries."""

from collections import defaultdict
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from studio.exports.manifest import Facts, Filed
from studio.library.models import Asset, AssetTag, Collection, CollectionItem, Tag
from studio.teams.models import Team


@dataclass(frozen=True)
class Known:
    """A picture with everything that is said about it; `folder` is the collection that its file is put under."""

    asset: Asset
    facts: Facts
    folder: tuple[str, ...]


def known_of(asset_ids: Sequence[int], *, home: Group[int] = ()) -> list[Known]:
    """Read pictures in the given order; one in several collections lies in one of `home`, else in its first one."""
    assets = Asset.objects.select_related("author").defer("words", "search").in_bulk(list(asset_ids))
    tags, filed = _tags_of(asset_ids), _filed_of(asset_ids)
    return [
        Known(asset, facts_of(asset, tags=tags[pk], filed=filed[pk]), _folder(filed[pk], home))
        for pk in asset_ids
        for asset in [assets[pk]]
    ]


def facts_of(
    asset: Asset, *, tags: Sequence[tuple[int, str]], filed: Sequence[Filed], extra: Mapping[str, Any] | None = None
) -> Facts:
    """Return what a manifest says about a picture, whatever file of it is handed over."""
    return Facts(
        id=asset.pk,
        key=str(asset.file_key),
        sha256=asset.sha256,
        size=asset.size,
        content_type=asset.content_type,
        width=asset.width,
        height=asset.height,
        has_alpha=asset.has_alpha,
        source=asset.source,
        title=asset.title,
        notes=asset.notes,
        file_name=asset.file_name,
        prompt=asset.prompt,
        revised_prompt=asset.revised_prompt,
        model_slug=asset.model_slug,
        model_title=asset.model_title,
        settings={name: value for name, value in asset.spec.items() if name != "prompt"},
        credits=asset.credits,
        generation=asset.generation_id,
        slot=asset.slot,
        author=asset.author.display_name,
        created_at=asset.created_at.isoformat(),
        status=asset.status,
        rating=asset.rating,
        tags=tags,
        collections=filed,
        extra=extra or {},
    )


def collections_table(team: Team, ids: Group[int] | None) -> list[dict[str, Any]]:
    """Return what the manifest says about these collections and those they are in; of None: about all."""
    found = Collection.objects.filter(team=team).order_by("pk")
    if ids is not None:
        found = found.filter(Q(pk__in=list(ids)) | Q(children__in=list(ids))).distinct()
    return [
        {
            "id": one.pk,
            "parent": one.parent_id,
            "name": one.name,
            "description": one.description,
            "cover": one.cover_id,
            "created_at": one.created_at.isoformat(),
        }
        for one in found
    ]


def tags_table(team: Team, ids: Group[int] | None) -> list[dict[str, Any]]:
    """Return what the manifest says about these tags; of None: about all."""
    found = Tag.objects.filter(team=team).order_by("pk")
    if ids is not None:
        found = found.filter(pk__in=list(ids))
    return [{"id": one.pk, "name": one.name, "hue": one.hue} for one in found]


def _tags_of(asset_ids: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    rows = AssetTag.objects.filter(asset__in=asset_ids).order_by("tag__key").values_list("asset", "tag", "tag__name")
    for asset_id, tag_id, name in rows:
        found[asset_id].append((tag_id, name))
    return found


def _filed_of(asset_ids: Sequence[int]) -> dict[int, list[Filed]]:
    """Return the collections of pictures, each picture's in the order in which it came into them."""
    found: dict[int, list[Filed]] = defaultdict(list)
    rows = (
        CollectionItem.objects.filter(asset__in=asset_ids)
        .order_by("pk")
        .values_list("asset", "collection", "position", "collection__name", "collection__parent__name")
    )
    for asset_id, collection_id, position, name, parent in rows:
        found[asset_id].append(Filed(collection_id, position, (parent, name) if parent else (name,)))
    return found


def _folder(filed: Sequence[Filed], home: Group[int]) -> tuple[str, ...]:
    at_home = [one for one in filed if one.id in home]
    return next((one.path for one in [*at_home, *filed]), ())
