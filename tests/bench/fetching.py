"""A reader that takes bytes as quickly as the other end gives them, and keeps none unless it is asked to."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_BUFFER = 1024 * 1024


@dataclass(frozen=True)
class Taken:
    """What came, and how quickly."""

    status: int
    headers: Mapping[str, str]
    length: int
    first_byte: float
    seconds: float

    @property
    def rate(self) -> float:
        """Megabytes a second."""
        return self.length / self.seconds / 1e6


def take(url: str, *, cookie: str = "", headers: Mapping[str, str] | None = None, into: Path | None = None) -> Taken:
    """Fetch an address to its end."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
    sent = {"Cookie": cookie, **(headers or {})} if cookie else dict(headers or {})
    began = time.monotonic()
    connection.request("GET", parts.path, headers=sent)
    answer = connection.getresponse()
    buffer = memoryview(bytearray(_BUFFER))
    length = answer.readinto(buffer[:1])
    first = time.monotonic() - began
    file = into.open("wb") if into else None
    try:
        if file:
            file.write(buffer[:length])
        while count := answer.readinto(buffer):
            length += count
            if file:
                file.write(buffer[:count])
    finally:
        if file:
            file.close()
        connection.close()
    return Taken(
        answer.status,
        {name.lower(): value for name, value in answer.getheaders()},
        length,
        first,
        time.monotonic() - began,
    )


def read_range(url: str, start: int, stop: int, *, cookie: str) -> bytes:
    """Fetch a part, as a download that goes on does."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
    connection.request("GET", parts.path, headers={"Cookie": cookie, "Range": f"bytes={start}-{stop - 1}"})
    answer = connection.getresponse()
    assert answer.status == 206, answer.status
    data = answer.read()
    connection.close()
    return data
