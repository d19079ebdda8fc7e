"""Pictures in an S3-compatible object store. Imported only where one is configured, because it brings boto3 along.

An object appears under its name whole or not at all: each is one PUT, whose checksum the store verifies. A store that
cannot be asked raises StoreDown; what it does not have is None, or FileNotFoundError where bytes were wanted.
"""

import hashlib
import logging
import mimetypes
import posixpath
import threading
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from storages.backends.s3 import S3Storage

from studio.core.bodies import CHUNK, Body, RemoteBody
from studio.core.crash import crash_point
from studio.core.ranges import content_disposition
from studio.library.errors import StoreDown
from studio.library.names import ORIGINALS
from studio.library.storage import StoredFile

logger = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 15
_TRIES: Final = 3
# While a store does not answer, others are told so at once instead of each waiting for it in a thread of its own.
_QUIET_SECONDS: Final = 2.0
_CONNECTIONS: Final = 64
_ASKERS: Final = 16
_MOST_AT_ONCE: Final = 1000
# From so many names in one folder on, a listing of the folder costs less than asking for each.
_LISTING_PAYS: Final = 8
_PRESIGNED_SECONDS: Final = 60
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_BEYOND: Final = "InvalidRange"

_askers = ThreadPoolExecutor(max_workers=_ASKERS, thread_name_prefix="atelier-objects")


class ObjectStorage(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """Objects under the names of files; the same name again replaces the object."""

    presigns: bool
    public_url: str | None

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"security_token": None, "session_profile": None, **options})
        self._clients: dict[str | None, Any] = {}
        self._making = threading.Lock()
        self._silent_until = 0.0

    def get_default_settings(self) -> dict[str, Any]:
        """Return what options there are; ours are whether and where browsers may fetch objects themselves."""
        return {**super().get_default_settings(), "presigns": False, "public_url": None}

    def body(self, name: str, size: int | None) -> Body:
        """Return the bytes of an object; only where `size` is not known is it asked for, with its first bytes."""
        if size is not None:
            return RemoteBody(lambda start, stop: self._part(name, start, stop, size), length=size)
        opening, length = self._opening(name)
        return RemoteBody(lambda start, stop: self._part(name, start, stop, length), length=length, opening=opening)

    def sizes(self, names: Sequence[str]) -> dict[str, int | None]:
        """Measure objects; of many in one folder by its listing."""
        folders = defaultdict(list)
        for name in names:
            folders[name.rpartition("/")[0]].append(name)
        asked: list[tuple[str, list[str]]] = []
        for folder, wanted in folders.items():
            asked += [(folder, wanted)] if len(wanted) >= _LISTING_PAYS else [("", [name]) for name in wanted]
        found: dict[str, int | None] = {}
        for sizes in [self._some_sizes(*asked[0])] if len(asked) == 1 else _askers.map(self._sizes_of, asked):
            found.update(sizes)
        return found

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects that may be gone already."""
        for start in range(0, len(names), _MOST_AT_ONCE):
            keys = [{"Key": self._key(name)} for name in names[start : start + _MOST_AT_ONCE]]
            with self._asking("removal"):
                answer = self.client.delete_objects(Bucket=self.bucket_name, Delete={"Objects": keys, "Quiet": True})
            if refused := answer.get("Errors"):
                logger.error("The object store did not remove %s: %s", refused[0].get("Key"), refused[0].get("Code"))
                raise StoreDown

    def move(self, name: str, target: str) -> None:
        """Copy within the store, then remove; cut off in between, both are there."""
        if self._size_of(target) is not None:
            raise FileExistsError(target)
        with self._asking(name):
            source = {"Bucket": self.bucket_name, "Key": self._key(name)}
            self.client.copy_object(Bucket=self.bucket_name, Key=self._key(target), CopySource=source)
        self.remove([name])

    def listing(self, folder: str, after: str) -> Iterator[StoredFile]:
        """Walk in pages, each of which is asked for when the one before is used up."""
        inside = len(f"{self.location}/") if self.location else 0
        prefix = self._key(folder).rstrip("/") + "/" if folder or self.location else ""
        asked = {"Bucket": self.bucket_name, "Prefix": prefix, "MaxKeys": _MOST_AT_ONCE}
        asked |= {"StartAfter": self._key(after)} if after else {}
        while True:
            with self._asking(f"listing of {prefix}"):
                page = self.client.list_objects_v2(**asked)
            for entry in page.get("Contents", ()):
                name = entry["Key"][inside:]
                if posixpath.normpath(name) == name:  # an object called `a/../b` would be taken for `b`
                    yield StoredFile(name, entry["Size"], entry["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            asked |= {"ContinuationToken": page["NextContinuationToken"]}

    def address_of(self, name: str, *, filename: str, content_type: str) -> str:
        """Return an address at which anybody may fetch this one object for a minute, under a name for a person."""
        asked = {
            "Bucket": self.bucket_name,
            "Key": self._key(name),
            "ResponseContentDisposition": content_disposition(filename, inline=False),
            "ResponseContentType": content_type,
            "ResponseCacheControl": "private, no-store",
        }
        client = self._client_for(self.public_url)
        return str(client.generate_presigned_url("get_object", Params=asked, ExpiresIn=_PRESIGNED_SECONDS))

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        return self._size_of(name) is not None

    def size(self, name: str) -> int:
        """Return the length of an object; raises FileNotFoundError."""
        size = self._size_of(name)
        if size is None:
            raise FileNotFoundError(name)
        return size

    def delete(self, name: str) -> None:
        """Remove an object that may be gone already."""
        self.remove([name])

    @property
    def client(self) -> Any:
        """The one client of this process; boto3's clients may be used by all threads at once."""
        return self._client_for(self.endpoint_url)

    def _client_for(self, endpoint: str | None) -> Any:
        with self._making:
            if endpoint not in self._clients:
                self._clients[endpoint] = self._create_session().client(
                    "s3", region_name=self.region_name, endpoint_url=endpoint, config=self._config()
                )
            return self._clients[endpoint]

    def _config(self) -> Config:
        """Checksums beyond our own are asked for only where the protocol demands one: not every store knows them."""
        return Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            max_pool_connections=_CONNECTIONS,
            signature_version="s3v4",
            s3={"addressing_style": self.addressing_style or "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    def _key(self, name: str) -> str:
        return str(self._normalize_name(name))

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        """Read an object whole: what is opened here are pictures, which are decoded whole anyway."""
        if mode != "rb":
            raise ValueError(f"Objects are read or saved whole, never opened as {mode!r}.")
        with self._asking(name):
            answer = self.client.get_object(Bucket=self.bucket_name, Key=self._key(name))
            return ContentFile(answer["Body"].read(), name=name)

    def _save(self, name: str, content: File[Any]) -> str:
        """Put an object and look whether it is there: a store that took the bytes and lost them is found out."""
        content.seek(0)
        data = content.read()
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with self._asking(name):
            self.client.put_object(
                Bucket=self.bucket_name,
                Key=self._key(name),
                Body=data,
                ContentType=kind,
                ContentMD5=b64encode(digest).decode(),
            )
        if self._size_of(name) != len(data):
            logger.error("The object store took %s and does not have it.", name)
            raise StoreDown
        if name.startswith(f"{ORIGINALS}/"):
            crash_point("after_file")
        return name

    def _size_of(self, name: str) -> int | None:
        try:
            with self._asking(name):
                return int(self.client.head_object(Bucket=self.bucket_name, Key=self._key(name))["ContentLength"])
        except FileNotFoundError:
            return None

    def _sizes_of(self, asked: tuple[str, list[str]]) -> dict[str, int | None]:
        return self._some_sizes(*asked)

    def _some_sizes(self, folder: str, wanted: list[str]) -> dict[str, int | None]:
        """Measure one object by itself, or several by the listing of their folder."""
        if len(wanted) == 1:
            return {wanted[0]: self._size_of(wanted[0])}
        sizes: dict[str, int | None] = dict.fromkeys(wanted)
        sizes.update((file.name, file.size) for file in self.listing(folder, "") if file.name in sizes)
        return sizes

    def _opening(self, name: str) -> tuple[bytes, int]:
        """Return the first bytes of an object, and how many it has: one question for most thumbnails."""
        part = self._get(name, 0, CHUNK)
        if part is None:
            return b"", 0
        try:
            return part.read(CHUNK), part.whole
        finally:
            part.close()

    def _part(self, name: str, start: int, stop: int, length: int) -> "_Part":
        part = self._get(name, start, stop)
        whole = part.whole if part else 0
        if part is None or whole != length:
            if part:
                part.close()
            raise FileNotFoundError(f"{name} has {whole} bytes instead of {length}")
        return part

    def _get(self, name: str, start: int, stop: int) -> "_Part | None":
        """Begin to read a part of an object; None if it ends before."""
        asked = f"bytes={start}-{stop - 1}"
        try:
            with self._asking(name):
                answer = self.client.get_object(Bucket=self.bucket_name, Key=self._key(name), Range=asked)
        except _Beyond:
            return None
        return _Part(self, name, answer)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Ask the store something, unless it did not answer a moment ago."""
        if time.monotonic() < self._silent_until:
            raise StoreDown
        with self.translated(what):
            yield

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Say in our own words what the client raises."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _ABSENT:
                raise FileNotFoundError(what) from error
            if code == _BEYOND:
                raise _Beyond from error
            logger.error("The object store refuses %s: %s", what, error)  # noqa: TRY400  # its text says all there is
            raise StoreDown from error
        except BotoCoreError as error:
            self._silent_until = time.monotonic() + _QUIET_SECONDS
            logger.error("The object store cannot be asked for %s: %s", what, error)  # noqa: TRY400  # as above
            raise StoreDown from error


class _Beyond(Exception):
    """A range begins after the end of its object."""


class _Part:
    """An answer that is being read; closing it early ends its connection."""

    def __init__(self, storage: ObjectStorage, name: str, answer: dict[str, Any]) -> None:
        self._storage = storage
        self._name = name
        self._stream = answer["Body"]
        total = str(answer.get("ContentRange", "")).rpartition("/")[2]
        self.whole = int(total) if total.isdecimal() else int(answer["ContentLength"])

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        with self._storage.translated(self._name):
            return bytes(self._stream.read(size))

    def close(self) -> None:
        """Let go of the connection, whether all of it was read or not."""
        self._stream.close()
