"""Making exports and taking them back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.formats import date_format

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.exports import freezing, handed, tasks, upkeep
from studio.exports.errors import NothingToExport, TooManyExports
from studio.exports.models import Export, Scope, State, What
from studio.exports.naming import DEFAULT, Pattern
from studio.exports.planning import plan
from studio.library.models import Asset, AssetQuerySet, Collection
from studio.library.search import LibrarySearch, Sort
from studio.library.selection import Selection
from studio.teams.models import Team

# Long enough for a slow line and a weekend; until then its pictures cannot be purged.
LIFE: Final = timedelta(days=7)
# Lists are small, so this only stops a script that runs wild.
MOST_LIVE: Final = 100
# Converted files take space of their own, and time of the machine that all teams share.
MOST_PREPARING: Final = 5
MOST_CONVERTED: Final = 20_000
# As many as are measured while a person waits; a store that is slow hands the rest to the queue.
AT_ONCE: Final = 2000
PREVIEWS_AT_ONCE: Final = 100
PATIENCE: Final = 8.0


@dataclass(frozen=True)
class Wish:
    """In which form a person wants the pictures."""

    what: What = What.ORIGINALS
    format: str = ""
    side: int | None = None
    quality: int | None = None
    pattern: str = DEFAULT
    part_bytes: int | None = None
    only_new: bool = False


def create_export(*, team: Team, author: User, selection: Selection, wish: Wish) -> Export:
    """Freeze which pictures an export is of, and prepare it at once if it is short, else in the queue.

    Raises NothingToExport, TooManyExports, BadPattern, or what `Selection.assets` raises.
    """
    Pattern(wish.pattern)
    export, assets, collection = _drafted(team, author, selection, wish)
    with transaction.atomic():
        _check_room(team)
        if export.only_new:
            assets = handed.not_handed(export, assets)
        export.save()
        export.total = plan(export, assets, collection=collection)
        _check_size(export)
        if selection.search is not None:
            handed.note(export)
        export.save(update_fields=["total"])
        data = {"export": export.pk, "images": export.total, "what": export.what}
        record(action=Action.EXPORT_CREATED, team_id=team.pk, actor_id=author.pk, subject=export.name, data=data)
    return _begun(export)


def renewed(export: Export) -> Export:
    """Write the list of an export anew whose files have gone; return it as it is then."""
    freezing.begin_anew(export)
    return _begun(export)


def revoke_export(*, export: Export, actor: User) -> bool:
    """End an export for everybody, running downloads too, within seconds; whether it was still alive."""
    with transaction.atomic():
        live = Export.objects.live().filter(pk=export.pk)
        changes = {"state": State.REVOKED, "revoked_at": timezone.now(), "revoked_by": actor}
        if live.filter(state=State.PREPARING).update(**changes):
            handed.take_back(export)
        elif not live.update(**changes):
            return False
        data = {"export": export.pk, "images": export.total}
        record(action=Action.EXPORT_REVOKED, team_id=export.team_id, actor_id=actor.pk, subject=export.name, data=data)
        upkeep.tell(export)
    return True


def mark_stale(export_id: int) -> None:
    """Note that a file of the list is gone; the next request writes the list anew."""
    Export.objects.filter(pk=export_id, state=State.READY).update(state=State.STALE)


def newest_of(team: Team) -> int:
    """Return the number of the team's newest picture, 0 for none."""
    found: int | None = Asset.objects.for_team(team).aggregate(newest=Max("pk"))["newest"]
    return found or 0


def _drafted(team: Team, author: User, selection: Selection, wish: Wish) -> tuple[Export, AssetQuerySet, int | None]:
    """Return the row, its pictures, and the collection whose order they keep."""
    assets = selection.assets(team, author)
    search = selection.search or LibrarySearch()
    export = Export(
        team=team,
        author=author,
        scope=scope_of(selection),
        name=name_of(team, selection),
        query=search.to_query(),
        what=wish.what,
        format=wish.format,
        side=wish.side,
        quality=wish.quality,
        pattern=wish.pattern,
        part_bytes=wish.part_bytes,
        # Ticked pictures are wanted as they are ticked: two lists of them have nothing to do with each other.
        only_new=wish.only_new and selection.search is not None,
        expires_at=timezone.now() + LIFE,
    )
    by_hand = search.collection if search.sort == Sort.ORDER else None
    return export, assets, by_hand


def scope_of(selection: Selection) -> Scope:
    """Return what a selection is of."""
    if selection.search is None:
        return Scope.ASSET if len(selection.ids) == 1 else Scope.SELECTION
    if not selection.search.is_filtered:
        return Scope.LIBRARY
    only = LibrarySearch(collection=selection.search.collection)
    return Scope.COLLECTION if selection.search.without("sort") == only.without("sort") else Scope.SEARCH


def name_of(team: Team, selection: Selection) -> str:
    """Return what an export of this selection is called."""
    scope, search = scope_of(selection), selection.search
    if scope == Scope.ASSET:
        asset = Asset.objects.for_team(team).filter(pk=selection.ids[0]).first()
        return asset.caption[:120] if asset else "Image"
    if scope == Scope.COLLECTION and search is not None:
        found = Collection.objects.filter(team=team, pk__in=[search.collection or 0]).first()
        return found.name if found else "Collection"
    if scope == Scope.SEARCH and search is not None:
        return f"Search “{search.q[:100]}”" if search.q else "Filtered library"
    return scope.label


def _check_room(team: Team) -> None:
    """Hold the team to its limits; one at a time, so that none slips in between."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    live = Export.objects.for_team(team).live()
    if live.count() >= MOST_LIVE:
        raise TooManyExports(
            f"Your team keeps {MOST_LIVE} downloads, which is as many as it may. Revoke some that nobody needs."
        )
    if live.filter(state=State.PREPARING).count() >= MOST_PREPARING:
        raise TooManyExports(f"{MOST_PREPARING} downloads of your team are being prepared. Wait until one is ready.")


def _check_size(export: Export) -> None:
    if not export.total:
        if export.only_new:
            last = handed.previous_of(export)
            since = f" since {date_format(timezone.localtime(last.created_at), 'j M Y, H:i')}" if last else ""
            raise NothingToExport(f"There is nothing new{since}.")
        raise NothingToExport("There are no images in this, so there is nothing to download.")
    if export.what == What.CONVERTED and export.total > MOST_CONVERTED:
        raise NothingToExport(
            f"One download converts at most {MOST_CONVERTED:,} images; this would be {export.total:,}. "
            "Choose originals, or fewer images."
        )


def _begun(export: Export) -> Export:
    """Prepare what is short; ring for the rest, and for what took too long."""
    most = {What.ORIGINALS: AT_ONCE, What.PREVIEWS: PREVIEWS_AT_ONCE}.get(What(export.what), 0)
    if export.total <= most:
        upkeep.prepare(seconds=PATIENCE, pk=export.pk)
    export.refresh_from_db()
    if export.state == State.PREPARING:
        transaction.on_commit(tasks.ring, robust=True)
    upkeep.tell(export)
    return export
