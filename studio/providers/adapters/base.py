"""The shape every wire protocol has: build a request, read an answer, both without touching the network.

What only some protocols have comes as parts of an adapter: `uploads`, `jobs` and `hooks`, each None where there is no
such thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from studio.providers.adapters.errors import ProviderError


@dataclass(frozen=True)
class Endpoint:
    """Where a connection leads; the secrets never show in a repr.

    `earlier_secret` was replaced a short while ago: jobs and webhooks of before may still be bound to it.
    """

    protocol: str
    base_url: str
    secret: str = field(default="", repr=False)
    earlier_secret: str = field(default="", repr=False)
    hook_secret: str = field(default="", repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InputImage:
    """A picture that is sent along, on disk: a reference or a mask."""

    path: Path
    size: int
    content_type: str
    name: str


@dataclass(frozen=True)
class ImageRequest:
    """Pictures wanted from one call; an empty text or None means that the caller chose nothing.

    With `references` it is an edit. `uploaded` are their addresses where the protocol wants addresses, and `call_id`
    is the same for every repetition of one call. `form` counts the ways of asking that were refused as invalid
    before, for protocols that know several. `previews` asks for so many unfinished pictures meanwhile.
    """

    model: str
    prompt: str
    n: int = 1
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""
    compression: int | None = None
    moderation: str = ""
    style: str = ""
    input_fidelity: str = ""
    references: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    uploaded: tuple[str, ...] = ()
    previews: int = 0
    call_id: str = ""
    hook_url: str = ""
    form: int = 0
    # A stable reference to the person, hashed before it leaves.
    user_reference: str = ""


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request, ready to send; a body of parts is sent from disk piece by piece.

    `secret` travels along so that answers can be cleaned of it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | tuple[bytes | Path, ...] = field(default=b"", repr=False)
    content_type: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Answer:
    """One whole HTTP answer, its body on disk or, of a small one, in memory; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: Path | bytes = field(repr=False)
    size: int
    elapsed_ms: int
    secret: str = field(default="", repr=False)

    def read(self) -> bytes:
        """Return the body."""
        return self.body if isinstance(self.body, bytes) else self.body.read_bytes()


@dataclass(frozen=True)
class ReceivedImage:
    """One item of an answer: bytes, an address to fetch them from where there are none, or the reason for neither."""

    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    revised_prompt: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class ImageResult:
    """What an answer held: at most as many images as asked, and what the provider reported about them.

    `reported` may hold `usage`, `size`, `quality`, `background`, `output_format` and `cost`, the last as
    `{"unit": "tokens" | "credits" | "cents" | "usd", "amount": "…"}` as the provider put it; it is safe to store.
    """

    images: tuple[ReceivedImage, ...]
    request_id: str = ""
    reported: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobAccepted:
    """The provider works on it and said under which id to ask."""

    job_id: str
    request_id: str = ""


@dataclass(frozen=True)
class JobRunning:
    """The job has not ended."""


@dataclass(frozen=True)
class JobMissing:
    """The provider does not know the job: not yet, or no longer."""


@dataclass(frozen=True)
class JobFailed:
    """The job has ended without a picture; `error` says why."""

    error: ProviderError


JobNews = ImageResult | JobRunning | JobMissing | JobFailed


@dataclass(frozen=True)
class JobPage:
    """Jobs as a list call tells of them, and where the list goes on."""

    jobs: Mapping[str, JobNews]
    cursor: str = ""


@dataclass(frozen=True)
class HookNews:
    """What a genuine webhook is about: a hint to ask for this job. `event_id` tells a repetition where there is one."""

    job_id: str
    event_id: str = ""


class HookRefused(Exception):
    """The webhook is not genuine, or too old; the message never leaves the log."""


@dataclass(frozen=True)
class Check:
    """What the cheapest authenticated call showed.

    `checked` and `unchecked` are sentences for the page. `models` are the model ids that the provider listed, None
    where it lists none; `ends` are the last days of those that end.
    """

    checked: str
    unchecked: str = ""
    models: frozenset[str] | None = None
    ends: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """An unfinished picture of the one that is being made."""

    index: int
    data: bytes = field(repr=False)


class PreviewReader(Protocol):
    """Finds previews in an answer while it arrives. Bounded in memory; what it cannot read it passes over."""

    def feed(self, data: bytes) -> Sequence[Preview]:
        """Take the next bytes of the body and return the previews that they complete."""
        ...


class Uploads(Protocol):
    """Protocols that take references as addresses of their own."""

    def build_upload(self, endpoint: Endpoint, image: InputImage) -> HttpRequest:
        """Return the upload of one picture."""
        ...

    def read_upload(self, answer: Answer) -> str:
        """Return the address of the uploaded picture; raises ProviderError."""
        ...


class Jobs(Protocol):
    """Protocols that answer with a job. `pace` is the shortest time between two questions for one job, in seconds."""

    pace: float

    def build_poll(self, endpoint: Endpoint, job_id: str) -> HttpRequest:
        """Return the question for one job."""
        ...

    def read_poll(self, answer: Answer, job_id: str, n: int) -> JobNews:
        """Return what has become of the job, with at most `n` images; raises ProviderError if nobody can tell now.

        An answer that names another job is a bad one.
        """
        ...

    def build_list(self, endpoint: Endpoint, cursor: str) -> HttpRequest | None:
        """Return the question for many jobs at once, None where there is no such call."""
        ...

    def read_list(self, answer: Answer) -> JobPage:
        """Return one page of jobs; raises ProviderError."""
        ...

    def build_cancels(self, endpoint: Endpoint, job_id: str) -> Sequence[HttpRequest]:
        """Return the ways to cancel a job, to be tried until one is answered with 2xx; none where none is known."""
        ...


class Hooks(Protocol):
    """Protocols that send webhooks."""

    def build_secret(self, endpoint: Endpoint) -> HttpRequest | None:
        """Return the question for the secret that webhooks are signed with, None where it follows from the key."""
        ...

    def read_secret(self, answer: Answer) -> str:
        """Return that secret; raises ProviderError."""
        ...

    def read_hook(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, now: datetime) -> HookNews:
        """Check the signature over the raw body in constant time, then read it; raises HookRefused."""
        ...


class Adapter(Protocol):
    """One wire protocol. Adapters hold no state and do no I/O except reading bodies and input pictures from disk.

    `resends` says that the provider knows a repeated call by its `call_id` and does not work twice, so that one whose
    outcome is unknown may be sent again.
    """

    protocol: str
    label: str
    needs_secret: bool
    default_base_url: str
    resends: bool
    uploads: Uploads | None
    jobs: Jobs | None
    hooks: Hooks | None

    def forms(self, model: str, references: int) -> int:
        """Return how many ways there are to ask for an edit of so many pictures."""
        ...

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the HTTP request; raises Unsupported for what the provider cannot do.

        Where pictures travel in JSON it reads them from disk: call it in a thread.
        """
        ...

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult | JobAccepted:
        """Return the images, or the job that will bring them; raises ProviderError. Costs CPU: call it in a thread."""
        ...

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:
        """Return what finds previews in the answer to this request, None if it was asked for none."""
        ...

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the cheapest authenticated call that the provider documents."""
        ...

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:
        """Return what that call showed; raises ProviderError."""
        ...
