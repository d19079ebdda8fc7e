"""The media host of an emulator: serves result files on a port of its own and remembers who asked how.

Faults of a result address, asked for like every other fault (`[fault:url_redirect to=http://…]`):
`url_expired`; `url_gone status=410`; `url_redirect to=URL hops=N`; `url_points to=URL` (default: a metadata address);
`url_scheme scheme=data|file|ftp|relative`; `url_needs_key`; `url_hang seconds=N`; `url_cut`; `url_huge megabytes=N`;
`url_wrong_type` (a picture served as text/html); `url_and_base64` (both in one item).
Settings: `url_seconds` (life of an address), `gone_status` (answer after it).
`result_url` gives a right address even where the provider sends base64.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.emulators.faults import Fault
from tests.emulators.loopback import Request, Wire
from tests.emulators.pictures import Picture

TRAP = "/_trap"
NAMES = (
    "result_url",
    "url_expired",
    "url_gone",
    "url_redirect",
    "url_points",
    "url_scheme",
    "url_needs_key",
    "url_hang",
    "url_cut",
    "url_huge",
    "url_wrong_type",
    "url_and_base64",
)
METADATA = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True)
class File:
    """One served result; with `keys`, one of them has to be shown."""

    picture: Picture
    expires_at: float
    fault: Fault = field(default_factory=lambda: Fault(""))
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fetch:
    """One request to the media host."""

    path: str
    status: int
    headers: Mapping[str, str]


class Media:
    """Result files of one emulator."""

    def __init__(self) -> None:
        self.url = ""
        self._numbers = itertools.count(1)
        self.forget()

    def forget(self) -> None:
        """Drop files, fetches and settings."""
        self.files: dict[str, File] = {}
        self.fetches: list[Fetch] = []
        self.trapped = 0
        self.seconds, self.gone_status = 3600.0, 404

    def put(self, picture: Picture, fault: Fault | None = None) -> str:
        """Store a picture and return its address, which is wrong in the way of `fault`."""
        fault = fault or Fault("")
        if fault.name == "url_points":
            return fault.parameters.get("to", METADATA)
        life = -1.0 if fault.name == "url_expired" else self.seconds
        path = f"/{secrets.token_hex(8)}/{next(self._numbers)}.{picture.format}"
        self.files[path] = File(picture, time.time() + life, fault)
        if fault.name == "url_scheme":
            return _schemes(picture, path)[fault.parameters.get("scheme", "data")]
        return f"{self.url}{path}?sig=emulated"

    def protect(self, path: str, picture: Picture, keys: frozenset[str]) -> None:
        """Serve a picture to whoever shows one of the provider's own keys."""
        self.files[path] = File(picture, time.time() + self.seconds, keys=keys)

    async def handle(self, request: Request, wire: Wire) -> None:
        """Answer one fetch."""
        if request.path == TRAP:
            self.trapped += 1
            await wire.answer(200, b"trapped", content_type="text/plain")
            return
        file = self.files.get(request.path)
        status = self._status(file, request)
        # Before it is answered: who has the answer finds it noted.
        self.fetches.append(Fetch(request.path, status, dict(request.headers)))
        if file is None or status not in {200, 302}:
            await wire.answer(status, b"gone", content_type="text/plain")
        else:
            await self._serve(file, request, wire)

    def _status(self, file: File | None, request: Request) -> int:
        if not file or request.method != "GET":
            return 404
        if file.fault.name == "url_gone":
            return int(file.fault.number("status", 410))
        if time.time() > file.expires_at:
            return self.gone_status
        if not _is_let_in(file, request):
            return 401
        return 302 if file.fault.name == "url_redirect" else 200

    async def _serve(self, file: File, request: Request, wire: Wire) -> None:
        fault, data = file.fault, file.picture.data
        kind = "text/html" if fault.name == "url_wrong_type" else f"image/{file.picture.format}"
        if fault.name == "url_redirect":
            await wire.answer(302, b"", location=self._next_hop(request, fault))
            return
        if fault.name == "url_hang":
            await asyncio.sleep(fault.number("seconds", 3600))
        if fault.name == "url_huge":
            megabytes = int(fault.number("megabytes", 200))
            await wire.head(200, {"content-type": kind, "content-length": str(megabytes * 1_000_000)})
            for _ in range(megabytes):
                await wire.write(b"\x00" * 1_000_000)
            return
        await wire.head(200, {"content-type": kind, "content-length": str(len(data))})
        await wire.write(data[: len(data) // 2] if fault.name == "url_cut" else data)

    def _next_hop(self, request: Request, fault: Fault) -> str:
        hop = int(request.target.partition("hop=")[2] or 1)
        if hop < fault.number("hops", 1):
            return f"{self.url}{request.path}?hop={hop + 1}"
        return fault.parameters.get("to", f"{self.url}{TRAP}")


def _is_let_in(file: File, request: Request) -> bool:
    given = request.headers.get("authorization", "")
    if file.fault.name == "url_needs_key":
        return bool(given)
    return not file.keys or given.removeprefix("Bearer ") in file.keys


def _schemes(picture: Picture, path: str) -> dict[str, str]:
    return {
        "data": f"data:image/{picture.format};base64,{picture.text}",
        "file": "file:///etc/hostname",
        "ftp": f"ftp://media.example.net{path}",
        "relative": path,
    }
