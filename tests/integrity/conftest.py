"""A small world in which everything holds, made by the product's own services."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.catalogue.services import sync_catalogue
from studio.exports import planning
from studio.exports.models import Export, State
from studio.generations.claiming import Claim, claim_next
from studio.generations.delivery import Missing, Picture, conclude, deliver, file_key, mark_answered, mark_sent
from studio.generations.failing import fail
from studio.generations.models import Attempt, Generation
from studio.ledger.services import grant, refund, top_up
from studio.library.models import Asset, AssetTag, Collection, CollectionItem, Favourite, Tag
from studio.library.store import check_image, put_image
from studio.providers.adapters.base import Answer, ImageResult
from studio.providers.adapters.errors import OutcomeUnknown
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.exports.archives import make_export
from tests.factories import small_png
from tests.generations.making import submit


@dataclass(frozen=True)
class World:
    """Generations in every kind of state, by name; `other` is of another team. One picture is filed and liked.

    `handed` is an export of the five pictures of `done`, two to a page, which waits for somebody to download it.
    """

    team: Team
    other_team: Team
    done: Generation
    partial: Generation
    unknown: Generation
    running: Generation
    queued: Generation
    other: Generation
    filed: Asset
    handed: Export


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """A store of its own for each test."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def world(
    team: Team, other_team: Team, owner: User, member: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> World:
    """Two teams with credits; five generations of one and one of the other."""
    sync_catalogue()
    own = create_connection(team=team, name="Own", protocol="rehearsal", actor=owner)
    theirs = create_connection(team=other_team, name="Theirs", protocol="rehearsal", actor=stranger)
    give_secret(own)
    top_up(team=team, amount=90, actor=owner, reference="INV-1", note="", key="first")
    grant(team=team, amount=10, reason="Welcome", actor=None, key="welcome")
    grant(team=other_team, amount=1, reason="Welcome", actor=None, key="welcome")
    done = submit(team, member, n=5)
    fulfil(done, own)
    partial = submit(team, member, n=2)
    fulfil(partial, own, lost=1)
    unknown = submit(team, member, n=1)
    lose(unknown, own)
    assert done.hold_id is not None
    refund(hold_id=done.hold_id, amount=1, actor=owner, reason="Broken", key="refund")
    running = submit(team, member, n=2)
    claim(running, own)
    queued = submit(team, member, n=1)
    other = submit(other_team, stranger, n=1)
    assert other.connection == theirs
    filed = file_away(done, owner)
    monkeypatch.setattr(planning, "PAGE", 2)
    handed = hand_over(done, owner)
    return World(team, other_team, done, partial, unknown, running, queued, other, filed, handed)


def file_away(generation: Generation, actor: User) -> Asset:
    """Put the first picture of a generation under a tag, into an inner collection, and among a person's favourites."""
    asset = Asset.objects.filter(generation_id=generation.pk).earliest("pk")
    whose = {"team_id": generation.team_id, "created_by": actor}
    outer = Collection.objects.create(name="Outer", key="outer", **whose)
    inner = Collection.objects.create(name="Inner", key="inner", parent=outer, **whose)
    Collection.objects.create(name="Third", key="third", **whose)
    CollectionItem.objects.create(collection=inner, asset=asset, position=0, added_by=actor)
    tag = Tag.objects.create(team_id=generation.team_id, name="Hero", key="hero")
    AssetTag.objects.create(asset=asset, tag=tag)
    Favourite.objects.create(user=actor, asset=asset)
    return asset


def hand_over(generation: Generation, author: User) -> Export:
    """Export the pictures of a generation."""
    ids = Asset.objects.filter(generation_id=generation.pk).values_list("pk", flat=True)
    export = make_export(generation.team, author, ids=list(ids))
    assert export.state == State.READY
    return export


def give_secret(connection: Connection) -> None:
    connection.secret = "sk-" + "s" * 40
    connection.save()


def claim(generation: Generation, connection: Connection) -> Claim:
    claimed = claim_next(connection_id=connection.pk, worker="test")
    assert claimed is not None
    assert claimed.generation_id == generation.pk
    return claimed


def fulfil(generation: Generation, connection: Connection, *, lost: int = 0) -> None:
    """Answer every call of a generation with drawn pictures; the last `lost` ones are missing."""
    claimed = claim(generation, connection)
    for attempt in mark_sent(claimed):
        mark_answered(claimed, attempt, Answer(200, {}, Path("spooled"), 1, 20))
        pictures: Sequence[Picture | Missing] = [
            Missing("bad_image", "Not a picture.")
            if index >= attempt.images - lost
            else store(generation, attempt, index)
            for index in range(attempt.images)
        ]
        ended = deliver(claimed, attempt, ImageResult(images=(), request_id="req-1"), pictures)
    assert ended


def store(generation: Generation, attempt: Attempt, index: int) -> Picture:
    data = small_png(uuid.uuid4().int % 5000)
    checked = check_image(data)
    key = file_key(attempt, index)
    put_image(team_id=generation.team_id, file_key=key, checked=checked, data=data)
    return Picture(key, checked)


def lose(generation: Generation, connection: Connection) -> None:
    """Let the line break after the request was sent."""
    claimed = claim(generation, connection)
    for attempt in mark_sent(claimed):
        fail(claimed, attempt, OutcomeUnknown("The line broke."))
    assert conclude(claimed)
