"""The library's files, wherever they are kept: the one door to the store for everything that is not a write.

Names are those of `names.py`. What cannot be reached raises StoreDown, which is an OSError to a worker and a 503 to a
page; what is not there is None, or FileNotFoundError where bytes were asked for.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from django.core.files.storage import default_storage

from studio.core.bodies import Body
from studio.library.storage import Store, StoredFile

__all__ = ["StoredFile", "body_of", "delete", "is_there", "listing", "move", "read", "sizes_of"]


def body_of(name: str, *, size: int | None = None) -> Body:
    """Return the bytes of a file for `stream_response` or an archive.

    Raises FileNotFoundError. With `size`, the length it must have, the store is not asked before the first bytes are
    wanted: then a file that is gone or of another length raises only where its bytes begin.
    """
    return _store().body(name, size)


def is_there(name: str, size: int) -> bool:
    """Whether there is a file of this name with exactly this many bytes."""
    return _store().sizes([name])[name] == size


def sizes_of(names: Iterable[str]) -> dict[str, int | None]:
    """Return the length of each file, None for what is not there; many names cost a remote store few questions."""
    return _store().sizes(list(names))


def read(name: str) -> bytes:
    """Return the whole of a file that is known to be small enough; raises FileNotFoundError."""
    with _store().open(name) as file:
        return bytes(file.read())


def delete(names: Iterable[str]) -> None:
    """Remove files; one that is not there is no fault."""
    _store().remove(list(names))


def move(name: str, target: str) -> None:
    """Give a file another name, which must be free; raises FileNotFoundError, and FileExistsError if it is taken."""
    _store().move(name, target)


def listing(folder: str = "", *, after: str = "") -> Iterator[StoredFile]:
    """Walk every file below a folder, in the order of the bytes of their names, from the one that follows `after`."""
    return _store().listing(folder, after)


def _store() -> Store:
    return cast("Store", default_storage)
