"""What the tests of emulators ask with: plain requests, forms, small pictures, a receiver of webhooks."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from PIL import Image

from tests.emulators import loopback
from tests.emulators.control import EmulatorControl
from tests.emulators.loopback import LoopbackServer, Wire

# Name of the part, file name, type, bytes.
FilePart = tuple[str, str, str, bytes]


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The `error` of the body."""
        return self.document["error"]


def request(
    method: str, url: str, data: bytes | None = None, kind: str = "", headers: Mapping[str, str] | None = None
) -> Answered:
    """Send one request and return the answer, whatever its status."""
    every = dict(headers or {}) | ({"content-type": kind} if kind else {})
    try:
        with urlopen(Request(url, data, every, method=method), timeout=30) as answer:
            return Answered(answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()})
    except HTTPError as error:
        with error:
            return Answered(error.code, error.read(), {k.lower(): v for k, v in error.headers.items()})


def ask(
    emulator: EmulatorControl, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
) -> Answered:
    """Ask the API with its key and a JSON body; `path` comes after the base URL."""
    every = {"authorization": f"Bearer {emulator.key}"} if headers is None else headers
    data, kind = (None, "") if body is None else (json.dumps(body).encode(), "application/json")
    return request(method, f"{emulator.base_url}{path}", data, kind, every)


def send_form(
    emulator: EmulatorControl,
    path: str,
    fields: Mapping[str, str],
    files: Sequence[FilePart],
    *,
    headers: Mapping[str, str] | None = None,
) -> Answered:
    """Post a multipart form with the key."""
    pieces = [
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, filename, kind, data in files:
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
        pieces.append(f"--X\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n".encode() + data + b"\r\n")
    every = {"authorization": f"Bearer {emulator.key}"} if headers is None else headers
    body = b"".join([*pieces, b"--X--\r\n"])
    return request("POST", f"{emulator.base_url}{path}", body, "multipart/form-data; boundary=X", every)


def small_picture(colour: Any = "red", size: tuple[int, int] = (64, 64), form: str = "PNG", mode: str = "RGB") -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, form)
    return out.getvalue()


def part(name: str, data: bytes, kind: str = "image/png") -> FilePart:
    """Return one file of a form."""
    return name, f"{name}.png", kind, data


@dataclass
class Receiver:
    """Somebody who takes webhooks."""

    url: str = ""
    status: int = 200
    seen: list[loopback.Request] = field(default_factory=list)

    async def handle(self, request: loopback.Request, wire: Wire) -> None:
        """Take one."""
        self.seen.append(request)
        await wire.answer(self.status)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen for webhooks for the length of the block."""
    receiver = Receiver()
    with LoopbackServer(receiver.handle) as server:
        receiver.url = f"{server.url}/hooks"
        yield receiver
