"""OpenAI's images API, and the servers that speak its language: LocalAI, LiteLLM, vLLM.

Requests carry the documented fields only, and options only where the caller chose them: an unknown or misplaced
field is answered with 400.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from studio.providers.adapters.answers import Fault, Kinds, Reply, find_error, inner, reported
from studio.providers.adapters.asking import JSON, call, header_option, json_body, multipart
from studio.providers.adapters.base import (
    Answer,
    Check,
    Endpoint,
    Hooks,
    HttpRequest,
    ImageRequest,
    ImageResult,
    InputImage,
    JobAccepted,
    Jobs,
    PreviewReader,
    Uploads,
)
from studio.providers.adapters.errors import (
    BadAnswer,
    ContentRefused,
    InsufficientFunds,
    InvalidRequest,
    ModelUnavailable,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Unauthorised,
    UpstreamTransient,
)
from studio.providers.adapters.offers import Offer
from studio.providers.adapters.streams import StreamedPreviews, events_in, read_event

MOST_PREVIEWS = 3
_OPTIONS = ("size", "quality", "background", "output_format", "moderation", "input_fidelity")
_REPORTED = ("usage", "size", "quality", "background", "output_format")
MAKE = Offer(
    sizes=re.compile(r"auto|[1-9]\d{1,4}x[1-9]\d{1,4}"),
    values={
        "quality": frozenset({"auto", "low", "medium", "high", "xhigh", "max"}),
        "background": frozenset({"auto", "opaque", "transparent"}),
        "output_format": frozenset({"png", "jpeg", "webp"}),
        "moderation": frozenset({"auto", "low"}),
    },
    images=10,
    compression=True,
)
# The form of an edit has no field for moderation.
_EDIT = replace(
    MAKE,
    values={name: values for name, values in MAKE.values.items() if name != "moderation"}
    | {"input_fidelity": frozenset({"low", "high"})},
    references=16,
    mask=True,
)

KINDS = Kinds(
    by_name={
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
)


class OpenAIAdapter:
    """Generations and edits with OpenAI, or with whoever speaks its language.

    Options of the connection: `organization` and `project`.
    """

    protocol = "openai"
    label = "OpenAI"
    needs_secret = True
    default_base_url = "https://api.openai.com/v1"
    resends = False
    uploads: Uploads | None = None
    jobs: Jobs | None = None
    hooks: Hooks | None = None

    def forms(self, model: str, references: int) -> int:  # noqa: ARG002  # the protocol's
        """One."""
        return 1

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for `/images/generations` or, with references, `/images/edits`."""
        headers = _headers(endpoint)
        if not request.references:
            MAKE.check(request)
            body = json_body(body_fields(MAKE, request))
            return call(endpoint, "POST", "/images/generations", headers=headers, body=body, content_type=JSON)
        _EDIT.check(request)
        fields = {name: _form_value(value) for name, value in body_fields(_EDIT, request).items()}
        parts, content_type = multipart(({"size": "auto"} | fields).items(), edit_files(request))
        return call(endpoint, "POST", "/images/edits", headers=headers, body=parts, content_type=content_type)

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:
        """Return what finds the partial images of a stream."""
        return StreamedPreviews() if _streams(request) else None

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult | JobAccepted:
        """Return at most `request.n` images; a damaged one carries its reason instead of bytes."""
        reply = Reply(answer, KINDS, prompt=request.prompt)
        if answer.headers.get("content-type", "").strip().lower().startswith("text/event-stream"):
            return _read_stream(reply, request)
        document = reply.document()
        reply.raise_refusal(_find_error(document), usable=bool(document.get("data")))
        images = reply.images(document.get("data"), request.n)
        return ImageResult(images, reply.request_id, reported(document, *_REPORTED))

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the list of models, which costs nothing."""
        return call(endpoint, "GET", "/models", headers=_headers(endpoint))

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return the models that the provider lists, and when those end that have a date."""
        reply = Reply(answer, KINDS.of_accounts())
        document = reply.document()
        listed = document.get("data")
        reply.raise_refusal(_find_error(document), usable=isinstance(listed, list))
        if not isinstance(listed, list):
            raise reply.failure(BadAnswer, "The answer holds no list of models.")
        models = {name: item for item in listed if isinstance(name := inner(item, "id"), str)}
        ends = {name: end for name, item in models.items() if (end := _day(item.get("shutdown_date")))}
        return Check(
            checked=f"The key is accepted; {len(models)} models are listed.",
            unchecked="Whether the account may make pictures and has money left shows only when one is made.",
            models=frozenset(models),
            ends=ends,
        )


def edit_files(request: ImageRequest) -> Iterator[tuple[str, InputImage]]:
    """Yield the pictures of an edit under their names: one is `image`, of several each is `image[]`."""
    name = "image" if len(request.references) == 1 else "image[]"
    for image in request.references:
        yield name, image
    if request.mask:
        yield "mask", request.mask


def _headers(endpoint: Endpoint) -> dict[str, str]:
    found = {name: header_option(endpoint, name) for name in ("organization", "project")}
    return {f"openai-{name}": value for name, value in found.items() if value}


def body_fields(offer: Offer, request: ImageRequest) -> dict[str, Any]:
    """Return the fields of a generation or an edit, its pictures apart."""
    fields: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": request.n}
    fields |= offer.chosen(request, *_OPTIONS)
    if request.compression is not None and request.output_format in {"jpeg", "webp"}:
        fields["output_compression"] = request.compression
    if request.user_reference:
        fields["safety_identifier"] = hashlib.sha256(request.user_reference.encode()).hexdigest()[:32]
    if _streams(request):
        fields |= {"stream": True, "partial_images": min(request.previews, MOST_PREVIEWS)}
    return fields


def _form_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _streams(request: ImageRequest) -> bool:
    # What a stream of several pictures looks like is not documented.
    return request.previews > 0 and request.n == 1


def _read_stream(reply: Reply, request: ImageRequest) -> ImageResult:
    began = ended = False
    for data in events_in(reply.answer, reply.answer.size):
        ended = data.strip() == b"[DONE]"
        if ended:
            break
        event = read_event(data)
        if fault := _find_error(event):
            raise _stream_failure(reply, fault, began)
        kind = str(event.get("type", ""))
        began = began or kind.endswith(".partial_image")
        if kind.endswith(".completed"):
            return ImageResult(reply.images([event], request.n), reply.request_id, reported(event, *_REPORTED))
    reply.raise_refusal(None)
    if ended:
        raise reply.failure(BadAnswer, "The stream ended without a picture.")
    raise reply.failure(OutcomeUnknown, "The stream broke off before the picture.")


def _stream_failure(reply: Reply, fault: Fault, began: bool) -> ProviderError:
    failure = reply.refusal(fault)
    if isinstance(failure, BadAnswer) or (began and failure.retryable):
        return reply.refusal(replace(fault, kind=UpstreamTransient))
    # What was begun may be billed.
    failure.sent = failure.sent or began
    return failure


def _find_error(document: Mapping[str, Any]) -> Fault | None:
    """Return the error, also as servers built with FastAPI put it: `{"detail": "text"}` or a list of reasons."""
    fault = find_error(document)
    detail = document.get("detail")
    if fault or not detail:
        return fault
    reasons = detail if isinstance(detail, list) else [detail]
    texts = [reason if isinstance(reason, str) else inner(reason, "msg") for reason in reasons[:5]]
    return Fault(message=" ".join(text for text in texts if isinstance(text, str)))


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
