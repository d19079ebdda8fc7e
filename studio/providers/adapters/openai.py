"""OpenAI's images API.

Requests carry the documented fields only, and options only where the caller chose them: an unknown or misplaced
field is answered with 400. In answers the body's code is read before the HTTP status, because 429 and 400 carry two
meanings each.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from studio.providers.adapters.base import (
    Answer,
    Check,
    Endpoint,
    Hooks,
    HttpRequest,
    ImageRequest,
    ImageResult,
    Jobs,
    PreviewReader,
    ReceivedImage,
    Uploads,
)
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
    Unsupported,
    UpstreamTransient,
)
from studio.providers.adapters.reading import decode_base64, read_json, read_retry_after
from studio.providers.adapters.text import clean_message, storable_json, storable_text

PROMPT_LIMIT = 32_000
MAX_IMAGES = 10
OFFERED: Mapping[str, frozenset[str]] = {
    "quality": frozenset({"auto", "low", "medium", "high", "xhigh", "max"}),
    "background": frozenset({"auto", "opaque", "transparent"}),
    "output_format": frozenset({"png", "jpeg", "webp"}),
    "moderation": frozenset({"auto", "low"}),
}
_SIZE = re.compile(r"auto|[1-9]\d{1,4}x[1-9]\d{1,4}")

_REPORTED = ("usage", "size", "quality", "background", "output_format")

_BY_CODE: Mapping[str, type[ProviderError]] = {
    "insufficient_quota": InsufficientFunds,
    "credit_balance_exhausted": InsufficientFunds,
    "billing_hard_limit_reached": InsufficientFunds,
    "billing_not_active": InsufficientFunds,
    "moderation_blocked": ContentRefused,
    "content_policy_violation": ContentRefused,
    "model_not_found": ModelUnavailable,
    "rate_limit_exceeded": RateLimited,
    "slow_down": RateLimited,
    "invalid_api_key": Unauthorised,
    "unknown_parameter": InvalidRequest,
}
_BY_STATUS: Mapping[int, type[ProviderError]] = {
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


def _error_body(value: object) -> object:
    return {"message": value} if isinstance(value, str) and value else value


Text = Annotated[str, BeforeValidator(_text)]


class _Error(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: Text = ""
    type: Text = ""
    code: Text = ""
    moderation_details: Any = None


class _Envelope(BaseModel):
    error: Annotated[_Error | None, BeforeValidator(_error_body)] = None


class _Reply(BaseModel):
    data: list[Any]
    usage: Any = None
    size: Any = None
    quality: Any = None
    background: Any = None
    output_format: Any = None


class _Item(BaseModel):
    b64_json: Text = ""
    url: Text = ""
    revised_prompt: Text = ""


class OpenAIAdapter:
    """Generations with OpenAI, or with whoever speaks exactly its language."""

    protocol = "openai"
    label = "OpenAI"
    needs_secret = True
    default_base_url = "https://api.openai.com/v1"
    resends = False
    forms = 1
    uploads: Uploads | None = None
    jobs: Jobs | None = None
    hooks: Hooks | None = None

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for `POST /images/generations`."""
        secret = endpoint.secret.strip()
        if not secret.isascii() or not secret.isprintable():
            raise Unauthorised("The key holds characters that no key has.")
        return HttpRequest(
            method="POST",
            url=f"{endpoint.base_url.rstrip('/')}/images/generations",
            headers={"authorization": f"Bearer {secret}"},
            body=generation_body(request),
            content_type="application/json",
            secret=secret,
        )

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:  # noqa: ARG002  # the protocol's
        """Nothing is streamed."""
        return None

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the list of models, which every key may read."""
        secret = endpoint.secret.strip()
        url = f"{endpoint.base_url.rstrip('/')}/models"
        return HttpRequest("GET", url, {"authorization": f"Bearer {secret}"}, secret=secret)

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return the models that the provider lists; that a picture can be made with them is not shown by it."""
        reader = _Reader(ImageRequest(model="", prompt=""), answer)
        document = reader.document()
        reader.raise_refusal(document)
        listed = document.get("data")
        names = [item.get("id") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        models = frozenset(name for name in names if isinstance(name, str))
        return Check(checked="The key is accepted.", unchecked="Whether it may make pictures.", models=models)

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult:
        """Return at most `request.n` images; a damaged one carries its reason instead of bytes."""
        reader = _Reader(request, answer)
        document = reader.document()
        reader.raise_refusal(document)
        return reader.result(document)


def generation_body(request: ImageRequest) -> bytes:
    """Return the JSON body; raises Unsupported for what no OpenAI model takes."""
    _check_offered(request)
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": request.n}
    for name in ("size", "quality", "background", "output_format", "moderation"):
        if chosen := getattr(request, name):
            body[name] = chosen
    if request.compression is not None and request.output_format in {"jpeg", "webp"}:
        body["output_compression"] = request.compression
    if request.user_reference:
        body["safety_identifier"] = hashlib.sha256(request.user_reference.encode()).hexdigest()[:32]
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise _unsupported("The prompt holds half a character that cannot be sent.") from error


def _check_offered(request: ImageRequest) -> None:
    if not request.prompt.strip() or len(request.prompt) > PROMPT_LIMIT:
        raise _unsupported(f"The prompt must have 1 to {PROMPT_LIMIT:,} characters.")
    if not 1 <= request.n <= MAX_IMAGES:
        raise _unsupported(f"One call makes 1 to {MAX_IMAGES} images.")
    if request.size and not _SIZE.fullmatch(request.size):
        raise _unsupported("This size is not offered.")
    for name, values in OFFERED.items():
        if getattr(request, name) and getattr(request, name) not in values:
            raise _unsupported(f"This {name.replace('_', ' ')} is not offered.")
    if request.compression is not None and not 0 <= request.compression <= 100:
        raise _unsupported("Compression must be between 0 and 100.")
    if request.background == "transparent" and request.output_format == "jpeg":
        raise _unsupported("JPEG cannot be transparent. Choose PNG or WebP.")


def _unsupported(message: str) -> Unsupported:
    return Unsupported(message, designer_message=message)


class _Reader:
    """Reads one answer."""

    def __init__(self, request: ImageRequest, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._request_id = self._clean(answer.headers.get("x-request-id", ""), limit=100)

    def document(self) -> dict[str, Any]:
        """Return the body as an object; an unreadable body of an error answer counts as an empty one."""
        try:
            document = read_json(self._answer.read())
        except ValueError as error:
            if 200 <= self._answer.status < 300:
                raise self._failure(BadAnswer, f"The answer cannot be read: {error}") from error
            return {}
        return document if isinstance(document, dict) else {}

    def raise_refusal(self, document: dict[str, Any]) -> None:
        """Raise what the body's code says, else what the status says; return only where pictures may follow."""
        try:
            error = _Envelope.model_validate(document).error
        except ValidationError:
            error = None
        succeeded = 200 <= self._answer.status < 300
        if succeeded and (error is None or document.get("data")):
            return
        error = error or _Error()
        kind = _BY_CODE.get(error.code.lower()) or _BY_CODE.get(error.type.lower()) or self._kind_of_status()
        failure = self._failure(kind, f"The provider answered {self._answer.status}.", error.message)
        failure.retry_after = read_retry_after(self._answer.headers, datetime.now(UTC))
        if isinstance(failure, ContentRefused) and _stage(error) == "output":
            # The picture was made before it was refused.
            failure.sent = True
        raise failure

    def result(self, document: dict[str, Any]) -> ImageResult:
        """Return the images of a good answer."""
        try:
            reply = _Reply.model_validate(document)
        except ValidationError as error:
            raise self._failure(BadAnswer, "The answer holds no list of images.") from error
        if not reply.data:
            raise self._failure(BadAnswer, "The answer holds no image.")
        images = tuple(self._image(item) for item in reply.data[: self._request.n])
        found = {name: getattr(reply, name) for name in _REPORTED}
        return ImageResult(
            images=images,
            request_id=self._request_id,
            reported={name: storable_json(value) for name, value in found.items() if value is not None},
        )

    def _image(self, value: Any) -> ReceivedImage:
        try:
            item = _Item.model_validate(value)
        except ValidationError:
            return ReceivedImage(reason="The item is not an object.")
        revised = storable_text(item.revised_prompt, PROMPT_LIMIT) or None
        if item.b64_json:
            try:
                return ReceivedImage(data=decode_base64(item.b64_json), revised_prompt=revised)
            except ValueError:
                return ReceivedImage(revised_prompt=revised, reason="The picture’s data is damaged.")
        if item.url.startswith(("https://", "http://")) and len(item.url) <= 4096:
            return ReceivedImage(url=item.url, revised_prompt=revised)
        reason = "The picture’s address cannot be used." if item.url else "The item holds no picture."
        return ReceivedImage(revised_prompt=revised, reason=reason)

    def _kind_of_status(self) -> type[ProviderError]:
        status = self._answer.status
        if status in _BY_STATUS:
            return _BY_STATUS[status]
        if 400 <= status < 500:
            return InvalidRequest
        # 520 to 527 come from a gateway in front that lost the provider while it worked.
        if 520 <= status <= 527:
            return OutcomeUnknown
        return UpstreamTransient if status >= 500 else BadAnswer

    def _failure(self, kind: type[ProviderError], message: str, provider_message: str = "") -> ProviderError:
        return kind(
            message,
            status=self._answer.status,
            request_id=self._request_id,
            provider_message=self._clean(provider_message),
        )

    def _clean(self, text: str, limit: int = 500) -> str:
        return clean_message(text, secret=self._answer.secret, prompt=self._request.prompt, limit=limit)


def _stage(error: _Error) -> object:
    details = error.moderation_details
    return details.get("moderation_stage") if isinstance(details, dict) else None
