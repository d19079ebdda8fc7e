"""AI/ML API: OpenAI's call with fewer values, errors that only their message tells apart, and costs in credits."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studio.providers.adapters.answers import (
    CONTENT_WORDS,
    Fault,
    Kind,
    Kinds,
    Reply,
    find_error,
    inner,
    read_cost,
    reported,
)
from studio.providers.adapters.asking import JSON, bearer, call, json_body, key_of, multipart
from studio.providers.adapters.base import (
    Answer,
    Check,
    Endpoint,
    Hooks,
    HttpRequest,
    ImageRequest,
    ImageResult,
    JobAccepted,
    Jobs,
    PreviewReader,
    Uploads,
)
from studio.providers.adapters.errors import (
    BadAnswer,
    ContentRefused,
    InsufficientFunds,
    ModelUnavailable,
    QuotaUsedUp,
    UnderMaintenance,
)
from studio.providers.adapters.offers import Offer
from studio.providers.adapters.openai import edit_files

HOUR = 3600.0
_OPTIONS = ("size", "quality", "background", "output_format", "moderation")
_REPORTED = ("size", "quality", "background", "output_format")
_MAKE = Offer(
    sizes=re.compile(r"1024x1024|1024x1536|1536x1024"),
    values={
        "quality": frozenset({"low", "medium", "high"}),
        "background": frozenset({"auto", "opaque", "transparent"}),
        "output_format": frozenset({"png", "jpeg", "webp"}),
        "moderation": frozenset({"auto", "low"}),
    },
    compression=True,
)
# Unlike a generation, an edit may ask for several pictures; it knows no moderation.
_EDIT = replace(
    _MAKE,
    values={name: values for name, values in _MAKE.values.items() if name != "moderation"},
    images=10,
    references=16,
    mask=True,
)
_KINDS = Kinds()
# The provider has no codes: these are its words, by status.
_WORDS: Mapping[int, tuple[tuple[re.Pattern[str], Kind], ...]] = {
    # A model it does not know is a wrong value of a list, as a wrong size is; only models have a slash in their names.
    400: (
        (re.compile(r"(?i)invalid (?:enum|discriminator) value\. expected '[\w.-]+/"), ModelUnavailable),
        (CONTENT_WORDS, ContentRefused),
    ),
    403: ((re.compile(r"(?i)credits|balance|top up|billing|payment"), InsufficientFunds),),
    429: ((re.compile(r"(?i)free.tier|free limit"), QuotaUsedUp),),
    500: ((re.compile(r"(?i)under maintenance"), UnderMaintenance),),
}


class AimlapiAdapter:
    """Generations and edits through AI/ML API."""

    protocol = "aimlapi"
    label = "AI/ML API"
    needs_secret = True
    default_base_url = "https://api.aimlapi.com/v1"
    resends = False
    uploads: Uploads | None = None
    jobs: Jobs | None = None
    hooks: Hooks | None = None

    def forms(self, model: str, references: int) -> int:  # noqa: ARG002  # the protocol's
        """One."""
        return 1

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for `/images/generations` or, with references, `/images/edits`."""
        if not request.references:
            _MAKE.check(request)
            body = json_body(_fields(_MAKE, request))
            return call(endpoint, "POST", "/images/generations", body=body, content_type=JSON)
        _EDIT.check(request)
        parts, content_type = multipart(_fields(_EDIT, request).items(), edit_files(request))
        return call(endpoint, "POST", "/images/edits", body=parts, content_type=content_type)

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:  # noqa: ARG002  # the protocol's
        """Nothing is streamed."""
        return None

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult | JobAccepted:
        """Return the images and what they cost."""
        reply = Reply(answer, _KINDS, prompt=request.prompt, id_header="x-inference-id")
        document = reply.document()
        reply.raise_refusal(_find_fault(reply, document), usable=bool(document.get("data")))
        images = reply.images(document.get("data"), request.n)
        return ImageResult(images, reply.request_id, reported(document, *_REPORTED) | _costs(document))

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the question for the balance, which stands beside the path of the other calls."""
        secret = key_of(endpoint)
        root = endpoint.base_url.rstrip("/").removesuffix("/v1")
        return HttpRequest("GET", f"{root}/v2/billing", bearer(secret), secret=secret)

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return what the account holds."""
        reply = Reply(answer, _KINDS.of_accounts(), id_header="x-inference-id")
        document = reply.document()
        balance = document.get("current_balance")
        known = isinstance(balance, int | float) and not isinstance(balance, bool)
        reply.raise_refusal(_find_fault(reply, document), usable=known)
        if not known:
            raise reply.failure(BadAnswer, "The answer holds no balance.")
        return Check(
            checked=f"The key is accepted; the account holds {balance:.2f} USD.",
            unchecked="Which models the account may use shows only when a picture is made.",
        )


def _fields(offer: Offer, request: ImageRequest) -> dict[str, str | int]:
    fields: dict[str, str | int] = {"model": request.model, "prompt": request.prompt, "n": request.n}
    fields |= offer.chosen(request, *_OPTIONS)
    if request.compression is not None and request.output_format in {"jpeg", "webp"}:
        fields["output_compression"] = request.compression
    return fields | {"response_format": "b64_json"}


def _find_fault(reply: Reply, document: Mapping[str, Any]) -> Fault | None:
    """Return the error: a message beside a status that is a number in some answers and a text in others."""
    if fault := find_error(document):
        return fault
    message, stated = document.get("message"), str(document.get("statusCode", ""))
    if not isinstance(message, str) and not stated:
        return None
    message = message if isinstance(message, str) else ""
    status = int(stated) if re.fullmatch(r"[1-5]\d\d", stated) else reply.answer.status
    # Without the prompt, so that nobody's words pause a connection.
    said = reply.clean(message)
    kind = next((kind for words, kind in _WORDS.get(status, ()) if words.search(said)), None)
    return Fault(
        message=message,
        request_id=str(document.get("requestId", "")),
        status=status,
        kind=kind,
        retry_after=HOUR if kind is QuotaUsedUp else None,
    )


def _costs(document: Mapping[str, Any]) -> dict[str, Any]:
    usage = inner(document, "meta", "usage") or document.get("usage")
    cost = read_cost("usd", inner(usage, "usd_spent")) or read_cost("credits", inner(usage, "credits_used"))
    return reported({"usage": usage, "cost": cost}, "usage", "cost")
