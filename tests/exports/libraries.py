"""A library with everything that an export has to carry, and a way to compare two of them."""

import io
import re
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from studio.accounts.models import User
from studio.library import files
from studio.library.collecting import collect, create_collection, set_cover
from studio.library.models import Asset, Collection, CollectionItem, Favourite, Source, Status
from studio.library.store import check_image
from studio.library.tagging import add_tag, create_tag
from studio.library.words import sort_name, vector_of
from studio.teams.models import Team
from tests.factories import make_asset, small_png


def small_jpeg(number: int) -> bytes:
    """Draw a JPEG that no other number gives."""
    image = Image.new("RGB", (60, 40), ((number * 53) % 256, number % 256, 90))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def describe(asset: Asset, **changes: Any) -> Asset:
    """Change what is known of a picture, and what it is found by."""
    for name, value in changes.items():
        setattr(asset, name, value)
    asset.words = vector_of(asset.title, asset.prompt, asset.notes, asset.file_name)
    asset.sort_name = sort_name(asset.title or asset.prompt[:200] or asset.file_name)
    asset.save(update_fields=[*changes, "words", "sort_name"])
    return asset


def upload(team: Team, author: User, number: int) -> Asset:
    """Make an upload that was turned upright, so that the file as received is another one."""
    received = small_jpeg(number)
    proof = check_image(received)
    asset = make_asset(team, author=author, data=small_png(500 + number), prompt="")
    changes = {
        "source": Source.UPLOADED,
        "file_name": f"IMG_{number}.JPG",
        "credits": 0,
        "spec": {},
        "model_slug": "",
        "model_title": "",
        "received_sha256": proof.sha256,
        "received_crc32": proof.crc32,
        "received_size": proof.size,
        "received_type": "image/jpeg",
    }
    describe(asset, **changes)
    default_storage.save(asset.received_name, ContentFile(received))
    return asset


def fill(team: Team, author: User, fan: User) -> list[Asset]:
    """Fill a library: texts of many scripts, ratings, tags, collections in an order of their own, a bin."""
    assets = [make_asset(team, author=author if number % 2 else fan) for number in range(6)]
    describe(assets[0], title="=Formula, “quoted” and 日本語", rating=5, status=Status.APPROVED, notes="Two\nlines")
    describe(assets[1], prompt="ضوء القمر על הים 🌙", revised_prompt="Moonlight", marks=["c2pa"])
    describe(assets[2], source=Source.EDITED, status=Status.DELIVERED, connection_name="Own account")
    describe(assets[3], binned_at=timezone.now(), binned_by=author)
    assets.append(upload(team, author, 1))
    hero, plain = create_tag(team=team, name="Hero shots", hue=3), create_tag(team=team, name="Ünused & <b>")
    add_tag(asset_ids=[assets[0].pk, assets[3].pk, assets[6].pk], tag=hero)
    outer = create_collection(team=team, actor=author, name="Campaigns", description="All of them\n\nfor 2026")
    inner = create_collection(team=team, actor=author, name="Autumn / 秋", parent=outer)
    create_collection(team=team, actor=author, name="Empty")
    collect(asset_ids=[assets[4].pk, assets[0].pk], collection=outer, actor_id=author.pk)
    for asset in reversed(assets[:4]):
        collect(asset_ids=[asset.pk], collection=inner, actor_id=author.pk)
    set_cover(collection=inner, asset_id=assets[1].pk)
    Favourite.objects.create(user=fan, asset=assets[0])
    assert plain.pk
    return assets


def as_known(team: Team) -> list[dict[str, Any]]:
    """Return everything that must be the same after a round trip, in the order of the pictures."""
    return [_known(asset) for asset in Asset.objects.filter(team=team).select_related("author").order_by("pk")]


def _known(asset: Asset) -> dict[str, Any]:
    fields = (
        "source sha256 crc32 size width height content_type has_alpha colour has_thumb prompt revised_prompt title "
        "notes file_name status rating received_sha256 received_crc32 received_size received_type sort_name "
        "connection_name model_slug model_title spec created_at binned_at"
    )
    items = CollectionItem.objects.filter(asset=asset).order_by("collection__key")
    return {
        **{name: getattr(asset, name) for name in fields.split()},
        "words": sorted(re.findall("'([^']+)'", asset.words)),
        "spec": {key: value for key, value in asset.spec.items() if key != "prompt"},
        "author": asset.author.email,
        "bytes": files.read(asset.original_name),
        "received": files.read(asset.received_name) if asset.has_received else None,
        "tags": list(asset.asset_tags.order_by("tag__key").values_list("tag__name", "tag__hue")),
        "collections": list(items.values_list("collection__name", "collection__parent__name", "is_listed")),
        "favourites": sorted(asset.favourites.values_list("user__email", flat=True)),
    }


def shelves_of(team: Team) -> list[dict[str, Any]]:
    """Return the collections with their pictures in order, by what these are and not by their numbers."""
    return [
        {
            "name": one.name,
            "parent": one.parent.name if one.parent else None,
            "description": one.description,
            "created_at": one.created_at,
            "cover": one.cover.sha256 if one.cover else None,
            "order": list(one.items.order_by("position", "asset").values_list("asset__sha256", flat=True)),
        }
        for one in Collection.objects.filter(team=team).select_related("parent", "cover").order_by("key", "pk")
    ]
