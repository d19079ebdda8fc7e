"""Server-sent events, taken apart while they arrive or afterwards, and the previews among them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from studio.providers.adapters.base import Answer, Preview
from studio.providers.adapters.reading import decode_base64, read_json

# A preview is at most as large as the picture: some three megabytes of base64 at the usual sizes.
PREVIEW_LIMIT = 12 * 1024 * 1024
_PIECE = 256 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Events:
    """Finds the data of each event; holds one event of at most `limit` bytes and passes over larger ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = bytearray()
        self._data: list[bytes] = []
        self._held = 0
        self._too_large = False
        self._after_return = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return what the events that they complete hold."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        if data:
            self._after_return = data.endswith(b"\r")
        found: list[bytes] = []
        begin = 0
        for end in _LINE_END.finditer(data):
            self._hold(data[begin : end.start()])
            begin = end.end()
            found += self._end_line()
        self._hold(data[begin:])
        return found

    def close(self) -> list[bytes]:
        """Return the last event, which need not have been ended."""
        return [*self._end_line(), *self._end_event()]

    def _hold(self, piece: bytes) -> None:
        self._held += len(piece)
        if self._held > self._limit:
            self._too_large = True
            self._data.clear()
        if self._too_large:
            # Enough to tell an empty line, which ends the event, from any other.
            self._line = bytearray((self._line + piece)[:1])
        else:
            self._line += piece

    def _end_line(self) -> list[bytes]:
        line = bytes(self._line)
        self._line.clear()
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        if name == b"data" and not self._too_large:
            self._data.append(value.removeprefix(b" "))
        return []

    def _end_event(self) -> list[bytes]:
        found = [b"\n".join(self._data)] if self._data else []
        self._data.clear()
        self._held, self._too_large = 0, False
        return found


def events_in(answer: Answer, limit: int) -> Iterator[bytes]:
    """Yield the data of each event of a whole answer, reading it piece by piece."""
    events = Events(limit)
    for piece in _pieces(answer.body):
        yield from events.feed(piece)
    yield from events.close()


def _pieces(body: Path | bytes) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    with body.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def read_event(data: bytes) -> dict[str, Any]:
    """Return an event's data as an object, an empty one where it is none."""
    try:
        document = read_json(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


class StreamedPreviews:
    """Finds the partial images in a stream as OpenAI sends it."""

    def __init__(self) -> None:
        self._events = Events(PREVIEW_LIMIT)

    def feed(self, data: bytes) -> Sequence[Preview]:
        """Take the next bytes of the body and return the previews that they complete."""
        # The cheap look spares reading the final picture, which is read with the answer.
        partial = [data for data in self._events.feed(data) if b"partial_image" in data[:200] + data[-200:]]
        return [preview for data in partial if (preview := _read_preview(read_event(data)))]


def _read_preview(event: dict[str, Any]) -> Preview | None:
    text, index = event.get("b64_json"), event.get("partial_image_index", 0)
    if not str(event.get("type", "")).endswith(".partial_image") or not isinstance(text, str):
        return None
    try:
        return Preview(index if type(index) is int else 0, decode_base64(text))
    except ValueError:
        return None
