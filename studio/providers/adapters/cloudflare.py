"""Cloudflare's run endpoint for the GPT Image models it passes on: fields under `input`, one picture, always a URL."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from studio.providers.adapters.answers import CONTENT_WORDS, Fault, Kind, Kinds, Reply, image_at, inner, read_image
from studio.providers.adapters.asking import JSON, base64_of, bearer, data_url, json_body, key_of, unsupported
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
    ReceivedImage,
    Uploads,
)
from studio.providers.adapters.errors import (
    BadAnswer,
    ContentRefused,
    InsufficientFunds,
    InvalidRequest,
    ModelUnavailable,
    NotPermitted,
    OutcomeUnknown,
    QuotaUsedUp,
    RateLimited,
    Unauthorised,
    UpstreamTransient,
)
from studio.providers.adapters.offers import MEGABYTE, UNASKED, Offer

# Its documents disagree on how these take pictures: a list `images`, or one text `image`.
_EITHER_FORM = frozenset({"openai/gpt-image-1.5"})
# All pictures of a request stand in one JSON body, which is made in memory.
_TOGETHER = 32 * MEGABYTE
# Tokens of this kind belong to an account and are verified there; all others belong to a person.
_ACCOUNT_TOKEN = "cfat_"  # noqa: S105  # a prefix
_OFFER = Offer(
    sizes=re.compile(r"auto|[1-9]\d{2,3}x[1-9]\d{2,3}"),
    values={
        "quality": frozenset({"auto", "low", "medium", "high", "xhigh", "max"}),
        "background": frozenset({"auto", "opaque", "transparent"}),
        "output_format": frozenset({"png", "jpeg", "webp"}),
        "style": frozenset({"vivid", "natural"}),
    },
    references=16,
    reference_bytes=25 * MEGABYTE,
)
_KINDS = Kinds(
    by_name={
        "1000": Unauthorised,
        "6003": Unauthorised,
        "10000": Unauthorised,
        "2003": RateLimited,
        "2016": ContentRefused,
        "2017": ContentRefused,
        "2021": InsufficientFunds,
        "2041": InsufficientFunds,
        "3003": InvalidRequest,
        "3006": InvalidRequest,
        "3007": OutcomeUnknown,
        "3008": OutcomeUnknown,
        "3023": NotPermitted,
        "3036": QuotaUsedUp,
        "3040": RateLimited,
        "3041": NotPermitted,
        "3042": ModelUnavailable,
        "5004": InvalidRequest,
        "5005": InvalidRequest,
        "5007": ModelUnavailable,
        "5016": NotPermitted,
        "5018": NotPermitted,
        "5019": InvalidRequest,
        "7000": InvalidRequest,
        "7003": InvalidRequest,
        # The guardrails read the prompt before and the picture after the work: nobody says which failed.
        "7013": UpstreamTransient,
    }
)
_SPENT = re.compile(r"(?i)spend(?:ing)? limit|cost limit|budget")


class CloudflareAdapter:
    """Generations and edits through Cloudflare. Option of the connection: `account_id`."""

    protocol = "cloudflare"
    label = "Cloudflare"
    needs_secret = True
    default_base_url = "https://api.cloudflare.com/client/v4"
    resends = False
    uploads: Uploads | None = None
    jobs: Jobs | None = None
    hooks: Hooks | None = None

    def forms(self, model: str, references: int) -> int:
        """Two where the documents disagree; they do about one picture only."""
        return 2 if model in _EITHER_FORM and references == 1 else 1

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for `/ai/run`; with references it is an edit, and reads them from disk."""
        _OFFER.check(request)
        secret = key_of(endpoint)
        headers = bearer(secret) | {
            # A remembered answer would be the same picture again; a gateway set to try again would buy a second one.
            "cf-aig-skip-cache": "true",
            "cf-aig-max-attempts": "1",
        }
        body = json_body({"model": request.model, "input": _input(request) | _pictures(request)})
        return HttpRequest("POST", f"{_account(endpoint)}/ai/run", headers, body, JSON, secret)

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:  # noqa: ARG002  # the protocol's
        """Nothing is streamed."""
        return None

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult | JobAccepted:
        """Return the image; neither its cost nor anything else is reported."""
        reply = Reply(answer, _KINDS, prompt=request.prompt, id_header="cf-ray")
        document = reply.document()
        found = inner(document, "result", "image") or inner(document, "result", "result", "image")
        reply.raise_refusal(_find_fault(reply, document), usable=bool(found))
        if not found:
            raise reply.failure(BadAnswer, "The answer holds no image.")
        return ImageResult((_image(found),), reply.request_id)

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the question whether the token is valid."""
        secret = key_of(endpoint)
        account = _account(endpoint)
        owner = account if secret.startswith(_ACCOUNT_TOKEN) else f"{endpoint.base_url.rstrip('/')}/user"
        return HttpRequest("GET", f"{owner}/tokens/verify", bearer(secret), secret=secret)

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return that the token is active."""
        reply = Reply(answer, _KINDS, id_header="cf-ray")
        document = reply.document()
        status = inner(document, "result", "status")
        reply.raise_refusal(_find_fault(reply, document), usable=status is not None)
        if status in ("disabled", "expired"):
            raise reply.failure(Unauthorised, f"The token is {status}.")
        if status != "active":
            raise reply.failure(BadAnswer, "The answer does not say whether the token is active.")
        return Check(
            checked="The token is active.",
            unchecked=(
                "Whether it may run models, whether it belongs to this account id, and whether there are credits "
                "shows only when a picture is made."
            ),
        )


def _account(endpoint: Endpoint) -> str:
    account_id = endpoint.options.get("account_id")
    if not isinstance(account_id, str) or not re.fullmatch(r"[0-9A-Za-z]{1,64}", account_id):
        raise unsupported("This connection lacks its Cloudflare account id. Whoever looks after it can add it.")
    return f"{endpoint.base_url.rstrip('/')}/accounts/{account_id}"


def _input(request: ImageRequest) -> dict[str, Any]:
    chosen = _OFFER.chosen(request, "quality", "size", "style", "background", "output_format")
    # Fields that a model does not have are refused, so what happens anyway is not asked for.
    return {"prompt": request.prompt} | {name: value for name, value in chosen.items() if value != UNASKED.get(name)}


def _pictures(request: ImageRequest) -> dict[str, Any]:
    if not request.references:
        return {}
    if sum(image.size for image in request.references) > _TOGETHER:
        raise unsupported(f"The reference pictures may have {_TOGETHER // MEGABYTE} MB together here.")
    if request.form:
        return {"image": base64_of(request.references[0])}
    return {"images": [data_url(image) for image in request.references]}


def _image(found: object) -> ReceivedImage:
    if isinstance(found, str) and found.startswith("data:"):
        return read_image({"b64_json": found})
    return image_at(found)


def _find_fault(reply: Reply, document: Mapping[str, Any]) -> Fault | None:
    """Return the error, in Cloudflare's usual shape or in that of its gateway."""
    errors = list(_errors(document))
    if not errors:
        return None
    names = tuple(str(code) for error in errors if (code := error.get("internalCode", error.get("code"))))
    message = next((text for error in errors if isinstance(text := error.get("message"), str) and text), "")
    # Without the prompt, so that nobody's words pause a connection.
    said = reply.clean(message)
    kind: Kind | None = None
    if CONTENT_WORDS.search(said):
        kind = ContentRefused
    elif reply.answer.status == 429 and _SPENT.search(said):
        kind = InsufficientFunds
    return Fault(
        names,
        message,
        kind=kind,
        retry_after=_until_midnight() if "3036" in names else None,
        # The guardrail blocks the prompt or the picture under one code.
        made="2017" in names,
    )


def _errors(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what tells of an error: the document itself at the gateway, and what it holds."""
    if "internalCode" in document:
        yield document
    for name in ("errors", "error"):
        held = document.get(name)
        for error in held[:10] if isinstance(held, list) else [held]:
            if isinstance(error, Mapping):
                yield error
            elif isinstance(error, str) and error:
                yield {"message": error}
    if document.get("success") is False:
        yield {}


def _until_midnight() -> float:
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()
