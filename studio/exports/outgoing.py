"""A library on its way to a file: frozen like any export, written to disk, and gone on with wherever that was cut off.

Beside PATH there are, until it is whole, PATH.part with the bytes and PATH.state, which says of which frozen list they
are and how many of them are certainly on disk. The export keeps its pictures from being purged for as long.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.core.bodies import BodyFailedError
from studio.core.errors import Conflict, StudioError
from studio.exports import freezing, queries, services, upkeep
from studio.exports.archive import ArchiveBody
from studio.exports.errors import NothingToExport
from studio.exports.models import Export, ExportPart, Scope, State
from studio.exports.naming import DEFAULT
from studio.exports.planning import plan, tree_of
from studio.library.models import Asset, Collection
from studio.library.search import LibrarySearch
from studio.teams.models import Team

# Written to disk for good so often; what a power cut costs is what came after the last time.
_SAFE_EVERY: Final = 64 * 1024 * 1024
_TURN_SECONDS: Final = 1.0
# So often a list is written anew because a file vanished while it was sent.
_MOST_LISTS: Final = 5

# Called with what is being done, how much of it is, and how much there is.
OnProgress = Callable[[str, int, int], None]


class OutgoingFailed(StudioError):
    """The archive could not be written; what there is of it is kept."""

    code = "outgoing_failed"


class PathTaken(Conflict):
    """Something is in the way of the file that should be written."""

    code = "path_taken"


@dataclass(frozen=True)
class Job:
    """What is to be written where: a whole library, or one collection with those in it."""

    team: Team
    path: Path
    collection: Collection | None = None

    @property
    def part(self) -> Path:
        """Where the bytes are until all of them are there."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def state(self) -> Path:
        """Where is written down how far it is."""
        return self.path.with_name(f"{self.path.name}.state")


@dataclass(frozen=True)
class _State:
    """How far an archive is: which frozen list, and how many bytes of it are safe."""

    export: int
    etag: str
    safe: int


@dataclass(frozen=True)
class Written:
    """A finished archive."""

    export: Export
    length: int
    etag: str
    resumed_at: int


def write_library(job: Job, *, author: User, on_progress: OnProgress) -> Written:
    """Write the archive, or go on with it; raises PathTaken, OutgoingFailed, NothingToExport, StoreDown."""
    if os.path.lexists(job.path):
        raise PathTaken(f"{job.path} is there already, and nothing is ever overwritten.")
    with _alone(job) as file:
        for _ in range(_MOST_LISTS):
            export, state = _begun(job, author)
            part = _frozen(export, on_progress)
            resumed_at = state.safe if state is not None and state.etag == part.etag else 0
            try:
                _write(job, file, part, resumed_at, on_progress)
            except BodyFailedError:
                services.mark_stale(export.pk)  # the next list names what is gone
                continue
            _put_in_place(job)
            # It has done its work: from now on its pictures may be purged.
            Export.objects.filter(pk=export.pk).update(expires_at=timezone.now())
            return Written(export, part.length, part.etag, resumed_at)
    raise OutgoingFailed("Files vanish from the store faster than they are written. Find out why with verify_storage.")


def _begun(job: Job, author: User) -> tuple[Export, _State | None]:
    """Return the export that an earlier run began, with how far it came, or a new one."""
    state = _read_state(job)
    live = Export.objects.filter(team=job.team, for_operator=True, query=_query(job)).live()
    found = live.filter(pk=state.export).first() if state is not None else None
    if found is None:
        return _new_export(job, author), None
    freezing.begin_anew(found)
    return found, state


def _new_export(job: Job, author: User) -> Export:
    assets = Asset.objects.filter(team=job.team).unpurged()
    if job.collection is not None:
        assets = assets.filter(collection_items__collection__in=tree_of(job.collection.pk)).distinct()
    export = Export(
        team=job.team,
        author=author,
        for_operator=True,
        scope=Scope.COLLECTION if job.collection else Scope.LIBRARY,
        name=job.collection.name if job.collection else Scope.LIBRARY.label,
        query=_query(job),
        pattern=DEFAULT,
        expires_at=timezone.now() + services.LIFE,
    )
    with transaction.atomic():
        export.save()
        export.total = plan(export, assets, collection=job.collection.pk if job.collection else None)
        if not export.total:
            raise NothingToExport("There are no images in this, so there is nothing to export.")
        export.save(update_fields=["total"])
        data = {"export": export.pk, "images": export.total, "what": "export_library"}
        record(action=Action.EXPORT_CREATED, team_id=job.team.pk, actor_id=None, subject=export.name, data=data)
    _write_state(job, _State(export.pk, "", 0))
    return export


def _query(job: Job) -> str:
    return LibrarySearch(collection=job.collection.pk).to_query() if job.collection else ""


def _frozen(export: Export, on_progress: OnProgress) -> ExportPart:
    """Measure the list to its end; a worker may be at it as well, and only one of the two is at a time."""
    while True:
        export.refresh_from_db()
        on_progress("measured", export.done, export.total)
        if export.state == State.READY:
            [part] = queries.archives_of(export)
            return part
        if not export.is_live or export.state != State.PREPARING:
            raise OutgoingFailed(export.failure or "The export was ended meanwhile. Run this again.")
        if not upkeep.prepare(seconds=_TURN_SECONDS, pk=export.pk):
            time.sleep(_TURN_SECONDS)


def _write(job: Job, file: int, part: ExportPart, start: int, on_progress: OnProgress) -> None:
    """Write the bytes from `start` on, all of them durable in the end; raises OutgoingFailed where the disk refuses."""
    body = ArchiveBody(part, on_vanished=lambda: services.mark_stale(part.export_id))

    async def all_of_it() -> None:
        at = safe = start
        async for data in body.chunks(start, body.length):
            await asyncio.to_thread(_write_all, file, data)
            at += len(data)
            if at - safe >= _SAFE_EVERY:
                safe = at
                await asyncio.to_thread(_secure, job, file, _State(part.export_id, part.etag, safe))
            on_progress("written", at, body.length)
        if at != body.length:
            raise BodyFailedError(f"{part} ended at {at}, before {body.length}")

    try:
        os.ftruncate(file, start)
        os.lseek(file, start, os.SEEK_SET)
        _secure(job, file, _State(part.export_id, part.etag, start))
        asyncio.run(all_of_it())
        _secure(job, file, _State(part.export_id, part.etag, body.length))
    except OSError as error:
        if isinstance(error, StudioError):
            raise
        raise OutgoingFailed(f"{job.part} cannot be written: {error.strerror}. Run this again to go on.") from error


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _secure(job: Job, file: int, state: _State) -> None:
    """Note how far it is, once that much is on disk."""
    os.fsync(file)
    _write_state(job, state)


def _put_in_place(job: Job) -> None:
    """Give the finished file its name, unless that has been taken meanwhile."""
    try:
        os.link(job.part, job.path)
    except FileExistsError as error:
        raise PathTaken(f"{job.path} has appeared meanwhile. The archive is whole in {job.part}.") from error
    except OSError:  # a file system without second names
        if os.path.lexists(job.path):
            raise PathTaken(f"{job.path} has appeared meanwhile. The archive is whole in {job.part}.") from None
        job.part.rename(job.path)
    job.part.unlink(missing_ok=True)
    job.state.unlink(missing_ok=True)
    folder = os.open(job.path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _alone(job: Job) -> Iterator[int]:
    """Open the unfinished file, for this process alone and for the owner's eyes: it holds addresses of people."""
    try:
        file = os.open(job.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OutgoingFailed(f"{job.part} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PathTaken(f"Another export writes to {job.part} at this moment.") from error
    else:
        yield file
    finally:
        os.close(file)


def _read_state(job: Job) -> _State | None:
    """Read how far an earlier run came; what cannot be read, or says more than there is, counts as nothing."""
    try:
        state = _State(**json.loads(job.state.read_text()))
        whole = job.part.stat().st_size >= int(state.safe)
    except (OSError, ValueError, TypeError):
        return None
    return state if whole and state.safe >= 0 else None


def _write_state(job: Job, state: _State) -> None:
    draft = job.state.with_name(f"{job.state.name}.new")
    with draft.open("w") as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(job.state)
