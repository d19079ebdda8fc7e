"""Tags and collections that go: their pictures leave first, many of them in turns, and then they are deleted.

From the moment it is asked for, no picture joins what goes. If it is stopped, what is left stays as it was.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q

from studio.accounts.models import User
from studio.core.errors import BadInput, Conflict
from studio.library import acting, bulk
from studio.library.acts import EMPTYING
from studio.library.collecting import lock_collections
from studio.library.models import BulkAct, Collection, Tag
from studio.library.tagging import lock_tags
from studio.teams.models import Team


def merge_tag(*, tag: Tag, into: Tag, actor: User) -> BulkAct:
    """File all pictures of one tag under another, or begin to, and delete the first when that is done."""
    if tag.pk == into.pk or tag.team_id != into.team_id:
        raise BadInput("A tag is merged into another tag of the same team.")
    value = {"tag": tag.pk, "name": tag.name, "into": into.pk, "into_name": into.name}
    with transaction.atomic():
        lock_tags(tag, into)
        others = BulkAct.objects.emptying_tags().filter(Q(value__tag__in=[tag.pk, into.pk]) | Q(value__into=tag.pk))
        act = _begin(tag.team, actor, "merge_tag", value, others.first())
    return acting.go(act, to_do=act.total)


def delete_tag(*, tag: Tag, actor: User) -> BulkAct:
    """Take a tag from all its pictures, or begin to, and delete it when that is done."""
    with transaction.atomic():
        lock_tags(tag)
        others = BulkAct.objects.emptying_tags().filter(Q(value__tag=tag.pk) | Q(value__into=tag.pk))
        act = _begin(tag.team, actor, "delete_tag", {"tag": tag.pk, "name": tag.name}, others.first())
    return acting.go(act, to_do=act.total)


def delete_collection(*, collection: Collection, actor: User) -> BulkAct:
    """Take all pictures out of a collection, or begin to, and delete it when that is done."""
    value = {"collection": collection.pk, "name": collection.name}
    with transaction.atomic():
        lock_collections(collection)
        others = BulkAct.objects.emptying_collections().filter(value__collection=collection.pk)
        act = _begin(collection.team, actor, "delete_collection", value, others.first())
    return acting.go(act, to_do=act.total)


def _begin(team: Team, actor: User, act: str, value: Mapping[str, Any], other: BulkAct | None) -> BulkAct:
    """Write down an act unless `other` is in its way; the same of the same person is this one, pressed twice."""
    if other is None:
        made = BulkAct.objects.create(team=team, actor=actor, act=act, value=value)
        acting.freeze_few(made, bulk.pictures_of(made))
        return made
    if (other.actor_id, other.act, other.value) == (actor.pk, act, value):
        return other
    raise Conflict(f"{other.value['name']} is being {EMPTYING[other.act].participle}. Wait until that is done.")
