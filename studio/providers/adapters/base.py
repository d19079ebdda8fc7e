"""The shape every wire protocol has: build a request, read an answer, both without touching the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Endpoint:
    """Where a connection leads; the secret never shows in a repr."""

    protocol: str
    base_url: str
    secret: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageRequest:
    """Pictures wanted from one call; an empty text or None means that the caller chose nothing."""

    model: str
    prompt: str
    n: int = 1
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    compression: int | None = None
    moderation: str = ""
    # A stable reference to the person, hashed before it leaves.
    user_reference: str = ""


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request, ready to send. `secret` travels along so that answers can be cleaned of it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    content_type: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Answer:
    """One whole HTTP answer, its body on disk; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: Path
    size: int
    elapsed_ms: int
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class ReceivedImage:
    """One item of an answer: bytes, an address to fetch them from, or the reason why there is neither."""

    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    revised_prompt: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class ImageResult:
    """What an answer held: at most as many images as asked, and what the provider reported about them.

    `reported` may hold `usage`, `size`, `quality`, `background` and `output_format`; it is safe to store as JSON.
    """

    images: tuple[ReceivedImage, ...]
    request_id: str = ""
    reported: Mapping[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """One wire protocol. Adapters hold no state and do no I/O except reading an answer's body from disk."""

    protocol: str
    label: str
    needs_secret: bool
    default_base_url: str

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the HTTP request; raises Unsupported for what the provider cannot do."""
        ...

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult:
        """Return the images; raises ProviderError. Costs CPU, so call it in a thread."""
        ...
