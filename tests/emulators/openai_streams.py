"""The events of OpenAI's image streams.

Faults of streams: `stream_error after=N` (an event carrying an error after N events), `stream_refused` (the same with
moderation_blocked), `stream_cut after=N` (the connection ends after N events), `stream_strange` (comments and events of
unknown types between the others).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.emulators.faults import Fault
from tests.emulators.serving import dump

NAMES = frozenset({"stream_error", "stream_refused", "stream_cut", "stream_strange"})
_DETAILS = ("size", "quality", "background", "output_format")


def events(
    kind: str,
    document: Mapping[str, Any],
    partials: Sequence[Mapping[str, Any]],
    finals: Sequence[Mapping[str, Any]],
) -> list[bytes]:
    """Return the events of a stream of one `kind`: image_generation or image_edit; the items hold the pictures."""
    common = {"created_at": document["created"]} | {name: document[name] for name in _DETAILS}
    told = {"usage": document["usage"]} if "usage" in document else {}
    shown = [
        (f"{kind}.partial_image", {**item, **common, "partial_image_index": index})
        for index, item in enumerate(partials)
    ]
    shown += [(f"{kind}.completed", {**item, **common, **told}) for item in finals]
    return [event(name, {"type": name, **fields}) for name, fields in shown]


def event(name: str, document: Any) -> bytes:
    """Return one event."""
    return b"event: " + name.encode() + b"\ndata: " + b"".join(dump(document)) + b"\n\n"


def misled(stream: list[bytes], fault: Fault | None, error: Mapping[str, Any]) -> list[bytes]:
    """Return the stream as the fault would have it."""
    name = fault.name if fault else ""
    kept = stream[: int(fault.number("after", len(stream) - 1))] if fault else stream
    if name in {"stream_error", "stream_refused"}:
        return [*kept, event("error", error)]
    if name == "stream_cut":
        return kept
    if name == "stream_strange":
        strange = event("image_generation.thinking", {"type": "image_generation.thinking", "b64_json": "AAAA"})
        return [b": keep-alive\n\n", *(piece for one in stream for piece in (strange, one))]
    return stream
