"""How answers of all protocols are read: the document, the error in it, the pictures.

The body's code counts before the HTTP status, because 400, 403 and 429 carry two meanings each. Each protocol says
where its errors stand (`Fault`) and what their names mean (`Kinds`); everything else is here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from studio.providers.adapters.base import Answer, ReceivedImage
from studio.providers.adapters.errors import (
    BadAnswer,
    Conflict,
    ContentRefused,
    InsufficientFunds,
    InvalidRequest,
    ModelUnavailable,
    NotPermitted,
    OutcomeUnknown,
    Overloaded,
    ProviderError,
    RateLimited,
    Unauthorised,
    UpstreamTransient,
)
from studio.providers.adapters.reading import decode_base64, read_json, read_retry_after
from studio.providers.adapters.text import MESSAGE_LIMIT, clean_message, storable_json, storable_text

Kind = type[ProviderError]

REVISED_LIMIT = 32_000
URL_LIMIT = 4096
# What is shorter may be a word, as servers without keys are told "none".
SHORTEST_SECRET = 8
# OpenAI's words for refused content, which others pass on without a code of their own, and words that others use.
CONTENT_WORDS = re.compile(
    r"(?i)safety[ _](?:system|filter)|moderation[ _]blocked|content[ _](?:policy|filter)|policy[ _]violation"
    r"|prompt[ _](?:was[ _])?(?:rejected|refused)"
)
BY_STATUS: Mapping[int, Kind] = {
    401: Unauthorised,
    402: InsufficientFunds,
    403: NotPermitted,
    404: ModelUnavailable,
    # The gateway in between gave up waiting: the picture may have been made and billed behind it.
    408: OutcomeUnknown,
    409: Conflict,
    429: RateLimited,
    451: ContentRefused,
    502: OutcomeUnknown,
    503: Overloaded,
    504: OutcomeUnknown,
}


def _text(value: object) -> str:
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# A text or a whole number as text; anything else, however odd, counts as nothing.
Text = Annotated[str, BeforeValidator(_text)]


@dataclass(frozen=True)
class Kinds:
    """What a protocol's error names and statuses mean; names are lower case."""

    by_name: Mapping[str, Kind] = field(default_factory=dict)
    by_status: Mapping[int, Kind] = field(default_factory=lambda: BY_STATUS)

    def of(self, names: Iterable[str], status: int) -> Kind:
        """Return the meaning of the first name that has one, else that of the status."""
        for name in names:
            if kind := self.by_name.get(name.lower()):
                return kind
        if status in self.by_status:
            return self.by_status[status]
        if 400 <= status < 500:
            return InvalidRequest
        # 520 to 527 come from a gateway in front that lost the provider while it worked.
        if 520 <= status <= 527:
            return OutcomeUnknown
        return UpstreamTransient if status >= 500 else BadAnswer

    def of_accounts(self) -> "Kinds":
        """Return the meanings where no model was asked: if nothing is found there, the address is what is wrong."""
        return replace(self, by_status={**self.by_status, 404: BadAnswer})


@dataclass(frozen=True)
class Fault:
    """What an answer says about an error.

    `names` are its codes, the most telling first; `status` is the one in the body, where there is one. `kind` is set
    where only the protocol can tell, from the message for instance; `made` where the picture may have been made, and
    billed, before it was refused.
    """

    names: tuple[str, ...] = ()
    message: str = ""
    request_id: str = ""
    status: int = 0
    kind: Kind | None = None
    retry_after: float | None = None
    made: bool = False

    @property
    def speaks_of_content(self) -> bool:
        """Whether its names or its words say that the content was refused."""
        return any(CONTENT_WORDS.search(text) for text in (*self.names, self.message))


class Reply:
    """One answer, read step by step."""

    def __init__(self, answer: Answer, kinds: Kinds, *, prompt: str = "", id_header: str = "x-request-id") -> None:
        self.answer = answer
        self.succeeded = 200 <= answer.status < 300
        self._kinds = kinds
        self._prompt = prompt
        self.request_id = self.clean(answer.headers.get(id_header, ""), limit=100)

    def document(self) -> dict[str, Any]:
        """Return the body as an object; an unreadable body of an error answer counts as an empty one."""
        try:
            document = read_json(self.answer.read())
        except ValueError as error:
            if self.succeeded:
                raise self.failure(BadAnswer, f"The answer cannot be read: {error}") from error
            return {}
        return document if isinstance(document, dict) else {}

    def raise_refusal(self, fault: Fault | None, *, usable: bool = False) -> None:
        """Raise what the answer says went wrong; return where it is good, or a good one is `usable` all the same."""
        if self.succeeded and (fault is None or usable):
            return
        raise self.refusal(fault or Fault())

    def refusal(self, fault: Fault) -> ProviderError:
        """Return the error that the answer tells of."""
        kind = fault.kind or self._kinds.of(fault.names, fault.status or self.answer.status)
        failure = self.failure(kind, f"The provider answered {self.answer.status}.", fault.message)
        failure.request_id = failure.request_id or self.clean(fault.request_id, limit=100)
        failure.retry_after = read_retry_after(self.answer.headers, datetime.now(UTC))
        if fault.retry_after is not None:
            failure.retry_after = fault.retry_after
        if fault.made:
            failure.sent = True
        return failure

    def failure(self, kind: Kind, message: str, provider_message: str = "") -> ProviderError:
        """Return an error of this kind with what is known about the answer."""
        return kind(
            message,
            status=self.answer.status,
            request_id=self.request_id,
            provider_message=self.clean(provider_message),
        )

    def images(self, items: object, n: int) -> tuple[ReceivedImage, ...]:
        """Return at most `n` images; a damaged one carries its reason. Raises BadAnswer where there is none."""
        if not isinstance(items, list):
            raise self.failure(BadAnswer, "The answer holds no list of images.")
        if not items:
            raise self.failure(BadAnswer, "The answer holds no image.")
        return tuple(self._without_key(read_image(item)) for item in items[:n])

    def _without_key(self, image: ReceivedImage) -> ReceivedImage:
        """Return the image with a prompt that the whole team may read."""
        secret = self.answer.secret
        if len(secret) < SHORTEST_SECRET or not image.revised_prompt:
            return image
        return replace(image, revised_prompt=image.revised_prompt.replace(secret, "[key]"))

    def clean(self, text: str, limit: int = MESSAGE_LIMIT) -> str:
        """Return the provider's text without the key and the prompt."""
        return clean_message(text, secret=self.answer.secret, prompt=self._prompt, limit=limit)


def _error_body(value: object) -> object:
    return {"message": value} if isinstance(value, str) and value else value


class _Error(BaseModel):
    message: Text = ""
    type: Text = ""
    code: Text = ""
    request_id: Text = ""
    moderation_details: Any = None


class _Envelope(BaseModel):
    error: Annotated[_Error | None, BeforeValidator(_error_body)] = None


def find_error(document: Mapping[str, Any]) -> Fault | None:
    """Return the error of an envelope in OpenAI's shape, `{"error": {…}}` or `{"error": "text"}`, None without one."""
    try:
        error = _Envelope.model_validate(document).error
    except ValidationError:
        return None
    if error is None:
        return None
    return Fault(
        names=(error.code, error.type),
        message=error.message,
        request_id=error.request_id,
        made=inner(error.moderation_details, "moderation_stage") == "output",
    )


class _Item(BaseModel):
    b64_json: Text = ""
    url: Text = ""
    revised_prompt: Text = ""


def read_image(value: object) -> ReceivedImage:
    """Read one item in OpenAI's shape: base64, an address, or both."""
    try:
        item = _Item.model_validate(value)
    except ValidationError:
        return ReceivedImage(reason="The item is not an object.")
    revised = storable_text(item.revised_prompt, REVISED_LIMIT) or None
    if item.b64_json:
        try:
            data = decode_base64(item.b64_json)
            return ReceivedImage(data=data, url=image_at(item.url).url, revised_prompt=revised)
        except ValueError:
            return ReceivedImage(revised_prompt=revised, reason="The picture’s data is damaged.")
    return image_at(item.url, revised)


def image_at(url: object, revised_prompt: str | None = None) -> ReceivedImage:
    """Return the picture at an address that a provider named."""
    if isinstance(url, str) and url.startswith(("https://", "http://")) and url == storable_text(url, URL_LIMIT):
        return ReceivedImage(url=url, revised_prompt=revised_prompt)
    reason = "The picture’s address cannot be used." if url else "The item holds no picture."
    return ReceivedImage(revised_prompt=revised_prompt, reason=reason)


def reported(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return what the document says under these names, safe to store."""
    return {name: storable_json(document[name]) for name in names if document.get(name) is not None}


def read_cost(unit: str, amount: object) -> dict[str, str] | None:
    """Return the cost as the provider put it, None where it is no sensible amount."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        return None
    text = str(amount).strip()
    try:
        number = Decimal(text) if len(text) <= 40 else Decimal("NaN")
    except InvalidOperation:
        return None
    return {"unit": unit, "amount": text} if number.is_finite() and number >= 0 else None


def inner(document: object, *path: str) -> Any:
    """Return what stands at the end of a path of names, None where it breaks off."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document
