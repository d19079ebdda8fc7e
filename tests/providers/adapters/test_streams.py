import base64
import json
import tracemalloc
from typing import Any

import pytest

from studio.providers.adapters.base import Preview
from studio.providers.adapters.streams import Events, StreamedPreviews, events_in
from tests.providers.adapters.parts import answer_of

PICTURE = base64.b64encode(b"picture").decode()


def partial(**over: Any) -> bytes:
    event = {"type": "image_generation.partial_image", "b64_json": PICTURE, "partial_image_index": 1} | over
    return b"event: image_generation.partial_image\ndata: " + json.dumps(event).encode() + b"\n\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_events_are_found_however_the_bytes_arrive(end: bytes, step: int) -> None:
    stream = end.join([b": ping", b"", b"event: a", b"data: one", b"data:two", b"id: 4", b"", b"", b"data: last"])
    events = Events(1000)

    found = [event for begin in range(0, len(stream), step) for event in events.feed(stream[begin : begin + step])]

    assert [*found, *events.close()] == [b"one\ntwo", b"last"]


def test_events_of_a_whole_answer() -> None:
    assert list(events_in(answer_of(b"data: 1\n\ndata: 2"), 100)) == [b"1", b"2"]


def test_too_large_event_is_passed_over_without_being_held() -> None:
    events = Events(1000)
    tracemalloc.start()

    found = [events.feed(b"data: " + b"x" * 100_000 + b"\ndata: y") for _ in range(100)]

    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert found == [[]] * 100
    assert events.feed(b"\n\ndata: next\n\n") == [b"next"]


def test_previews_are_found_while_the_answer_arrives() -> None:
    reader = StreamedPreviews()
    stream = partial() + partial(type="image_edit.partial_image", partial_image_index=2)

    assert reader.feed(stream[:40]) == []
    assert reader.feed(stream[40:-1]) == [Preview(1, b"picture")]
    assert reader.feed(stream[-1:]) == [Preview(2, b"picture")]


@pytest.mark.parametrize(
    "stream",
    [
        b"data: partial_image\n\n",
        b"data: [DONE]\n\n",
        b'data: ["partial_image"]\n\n',
        b'{"data":[{"b64_json":"AAAA"}]}\n\n',
        partial(b64_json=None),
        partial(b64_json="%%%"),
        partial(type="image_generation.completed"),
        partial(type=None),
    ],
)
def test_what_is_no_preview_is_passed_over(stream: bytes) -> None:
    reader = StreamedPreviews()

    assert [reader.feed(stream), reader.feed(partial())] == [[], [Preview(1, b"picture")]]


def test_odd_number_of_a_preview_counts_as_the_first() -> None:
    assert StreamedPreviews().feed(partial(partial_image_index="two")) == [Preview(0, b"picture")]
