"""Tags: the words a team files its pictures under.

Locks are taken in one order everywhere: the team or tags by id, then pictures by id, then what ties them.
"""

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from studio.core.errors import BadInput
from studio.library.errors import BadName, NameTaken, TagGone, TooMany
from studio.library.labels import Label, read_label
from studio.library.models import BulkAct, Tag
from studio.library.sql import ids_with_chosen, rows_of
from studio.live.notify import notify
from studio.teams.models import Team

NAME_LENGTH: Final = 60
MOST_TAGS: Final = 2000
# The closed set of the style sheet; 0 is plain.
HUES: Final = range(7)
HUE_NAMES: Final = ("Plain", "Coral", "Amber", "Green", "Teal", "Blue", "Pink")
_KEY_LENGTH: Final = 120

_ADD: Final = """
    INSERT INTO library_assettag (asset_id, tag_id) SELECT id, %(tag)s FROM chosen
    ON CONFLICT (asset_id, tag_id) DO NOTHING RETURNING asset_id
"""
_REMOVE: Final = """
    DELETE FROM library_assettag t USING chosen
    WHERE t.asset_id = chosen.id AND t.tag_id = %(tag)s RETURNING t.asset_id
"""
_TAGGED: Final = """
    SELECT id FROM library_asset WHERE id IN (SELECT asset_id FROM library_assettag WHERE tag_id = %(tag)s)
    ORDER BY id FOR UPDATE
"""
_LOCKED: Final = "SELECT id FROM chosen"
# Rows that are changed in place ring no trigger, so what moved is read anew for search once, not for each of two tags.
_MOVE: Final = """
    UPDATE library_assettag t SET tag_id = %(into)s FROM chosen
    WHERE t.asset_id = chosen.id AND t.tag_id = %(tag)s
    AND NOT EXISTS (SELECT 1 FROM library_assettag o WHERE o.asset_id = t.asset_id AND o.tag_id = %(into)s)
    RETURNING t.asset_id
"""
_READ_ANEW: Final = "UPDATE library_asset SET search = '' WHERE id = ANY(%(moved)s) RETURNING id"


def add_tag(*, asset_ids: Sequence[int], tag: Tag) -> list[int]:
    """File pictures of the tag's team under it; returns those that were not."""
    with transaction.atomic():
        _hold_open(tag)
        return ids_with_chosen(_ADD, team_id=tag.team_id, asset_ids=asset_ids, tag=tag.pk)


def remove_tag(*, asset_ids: Sequence[int], tag: Tag) -> list[int]:
    """Take a tag from pictures; returns those that had it."""
    with transaction.atomic():
        return ids_with_chosen(_REMOVE, team_id=tag.team_id, asset_ids=asset_ids, tag=tag.pk)


def exchange_tag(*, asset_ids: Sequence[int], tag: Tag, into: Tag) -> list[int]:
    """File pictures under another tag instead of this one; returns those that had this one."""
    with transaction.atomic():
        for one in sorted((tag, into), key=lambda each: each.pk):
            _hold(one)
        # Locked first: a statement that had to wait would not see who was filed under the other tag meanwhile.
        there = ids_with_chosen(_LOCKED, team_id=tag.team_id, asset_ids=asset_ids)
        return _exchange(there, tag, into)


def create_tag(*, team: Team, name: str, hue: int = 0) -> Tag:
    """Make a tag; raises NameTaken when there is one of this name but for case and accents, TooMany at the limit."""
    label = _read(name)
    with transaction.atomic():
        _lock_tags_of(team)
        _refuse_twin(team.pk, label)
        tag = _insert(team, label, hue)
        notify(team_id=team.pk, event="library")
    return tag


def get_or_create_tag(*, team: Team, name: str) -> Tag:
    """Return the team's tag of this name, made if there is none; case and accents make no other tag."""
    label = _read(name)
    found = Tag.objects.filter(team=team, key=label.key).first()
    if found is not None:
        return found
    with transaction.atomic():
        _lock_tags_of(team)
        return Tag.objects.filter(team=team, key=label.key).first() or _insert(team, label, 0)


def add_named_tags(*, asset_ids: Sequence[int], team: Team, names: Sequence[str]) -> list[Tag]:
    """File pictures under tags of these names, made where there are none; all of them or, by a bad name, none."""
    with transaction.atomic():
        tags = {tag.pk: tag for tag in (get_or_create_tag(team=team, name=name) for name in names)}
        for pk in sorted(tags):
            _hold_open(tags[pk])
        for tag in tags.values():
            add_tag(asset_ids=asset_ids, tag=tag)
    return list(tags.values())


def change_tag(*, tag: Tag, name: str, hue: int) -> None:
    """Rename and colour a tag; no picture is touched. Raises NameTaken where merging is meant."""
    label = _read(name)
    with transaction.atomic():
        _lock_tags_of(tag.team)
        _refuse_twin(tag.team_id, label, but=tag)
        if not Tag.objects.filter(pk=tag.pk).update(name=label.name, key=label.key, hue=_checked(hue)):
            raise _gone(tag)
        notify(team_id=tag.team_id, event="library")
    tag.name, tag.key, tag.hue = label.name, label.key, hue


def merge_tag(*, tag: Tag, into: Tag) -> int:
    """File all pictures of one tag under another and delete the first; returns how many had it.

    One statement for all of them: `emptying.py` has moved what are many before.
    """
    with transaction.atomic():
        lock_tags(tag, into)
        moved = _exchange(_tagged(tag), tag, into)
        Tag.objects.filter(pk=tag.pk).delete()
        notify(team_id=tag.team_id, event="library")
    return len(moved)


def delete_tag(*, tag: Tag) -> None:
    """Take a tag from all its pictures, of which `emptying.py` has left few, and delete it."""
    with transaction.atomic():
        lock_tags(tag)
        _tagged(tag)
        Tag.objects.filter(pk=tag.pk).delete()
        notify(team_id=tag.team_id, event="library")


def lock_tags(*tags: Tag) -> None:
    """Let nobody use, change or delete tags until the transaction ends; raises TagGone when somebody was faster."""
    wanted = {tag.pk: tag for tag in tags}
    there = Tag.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk", flat=True)
    for missing in wanted.keys() - set(there):
        raise _gone(wanted[missing])


def _tagged(tag: Tag) -> list[int]:
    """Return the pictures of a tag, locked."""
    return [pk for (pk,) in rows_of(_TAGGED, {"tag": tag.pk})]


def _exchange(asset_ids: Sequence[int], tag: Tag, into: Tag) -> list[int]:
    moved = ids_with_chosen(_MOVE, team_id=tag.team_id, asset_ids=asset_ids, tag=tag.pk, into=into.pk)
    rows_of(_READ_ANEW, {"moved": moved})
    had_both = ids_with_chosen(_REMOVE, team_id=tag.team_id, asset_ids=asset_ids, tag=tag.pk)
    return sorted([*moved, *had_both])


def _insert(team: Team, label: Label, hue: int) -> Tag:
    if Tag.objects.filter(team=team).count() >= MOST_TAGS:
        raise TooMany(f"A team has at most {MOST_TAGS:,} tags. Merge or delete some first.")
    return Tag.objects.create(team=team, name=label.name, key=label.key, hue=_checked(hue))


def _read(name: str) -> Label:
    label = read_label(name, what="A tag", longest=NAME_LENGTH, key_length=_KEY_LENGTH)
    if "," in label.name:
        raise BadName("A tag has no comma in its name: commas separate tags.")
    return label


def _checked(hue: int) -> int:
    if hue not in HUES:
        raise BadInput("There is no such colour of a tag.")
    return hue


def _refuse_twin(team_id: int, label: Label, *, but: Tag | None = None) -> None:
    others = Tag.objects.filter(team=team_id, key=label.key)
    twin = (others.exclude(pk=but.pk) if but else others).first()
    if twin is not None:
        advice = " Merge the two instead." if but else ""
        raise NameTaken(f"There is a tag {twin.name} already; case and accents make no other tag.{advice}")


def _lock_tags_of(team: Team) -> None:
    """Let one at a time make or rename tags of a team; writing pictures, which only refers to it, goes on."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def _hold(tag: Tag) -> None:
    """Keep a tag from being deleted until the transaction ends; raises TagGone when somebody was faster.

    Before any picture is locked, in the order in which a deletion locks.
    """
    if not rows_of("SELECT 1 FROM library_tag WHERE id = %(tag)s FOR KEY SHARE", {"tag": tag.pk}):
        raise _gone(tag)


def _hold_open(tag: Tag) -> None:
    """Keep a tag for pictures that are to be filed under it; raises TagGone also where an act is emptying it."""
    _hold(tag)
    if BulkAct.objects.emptying_tags().filter(value__tag=tag.pk).exists():
        raise TagGone(f"The tag {tag.name} is being merged or deleted.")


def _gone(tag: Tag) -> TagGone:
    return TagGone(f"The tag {tag.name} was deleted or merged meanwhile.")
