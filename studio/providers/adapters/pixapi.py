"""Pixapi: OpenAI's shape behind tasks, or answered at once.

Its documentation knows two envelopes for errors: `code` is a number beside a `type`, or is itself the name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from studio.providers.adapters.answers import BY_STATUS, Fault, Kinds, Reply, find_error, inner, read_cost, reported
from studio.providers.adapters.asking import JSON, call, json_body, multipart, unsupported
from studio.providers.adapters.base import (
    Answer,
    Check,
    Endpoint,
    Hooks,
    HttpRequest,
    ImageRequest,
    ImageResult,
    JobAccepted,
    JobMissing,
    JobNews,
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
    Overloaded,
    RateLimited,
    Unauthorised,
    UpstreamTransient,
)
from studio.providers.adapters.jobs import OneByOne, read_job, usable_id
from studio.providers.adapters.offers import Offer

FLOWS: Mapping[str, str] = {"async": "/async/images", "sync": "/images"}
# Models without a choice of quality have the catalogue's `standard`, which stands for whatever Pixapi takes.
STANDARD = "standard"
_MAKE = Offer(
    sizes=re.compile(r"auto|[1-9]\d{1,4}x[1-9]\d{1,4}"),
    values={"quality": frozenset({STANDARD, "low", "medium", "high", "auto"})},
    images=10,
)
_EDIT = replace(_MAKE, references=16)

_KINDS = Kinds(
    by_name={
        "invalid_request_error": InvalidRequest,
        "unauthorized": Unauthorised,
        "insufficient_credits": InsufficientFunds,
        "model_not_found": ModelUnavailable,
        "prompt_rejected": ContentRefused,
        "rate_limited": RateLimited,
        "internal_error": UpstreamTransient,
        # For a while, says the provider, and worth another attempt: not the end of the model.
        "model_unavailable": Overloaded,
    },
    by_status={**BY_STATUS, 422: ContentRefused},
)


class PixapiTasks(OneByOne):
    """Tasks. How they are cancelled is not documented, and neither is what a failed one says."""

    pace = 2.0

    def build_poll(self, endpoint: Endpoint, job_id: str) -> HttpRequest:
        """Return the question for the task."""
        return call(endpoint, "GET", f"/tasks/{job_id}")

    def read_poll(self, answer: Answer, job_id: str, n: int) -> JobNews:
        """Return what has become of the task."""
        if answer.status == 404:
            return JobMissing()
        reply = Reply(answer, _KINDS)
        task = reply.document()
        fault = find_error(task)
        if not reply.succeeded:
            raise reply.refusal(fault or Fault())
        return read_job(
            reply,
            task,
            job_id=job_id,
            kinds=_KINDS,
            fault=fault,
            result=lambda: _result(reply, task.get("result"), n, task),
        )

    def build_cancels(self, endpoint: Endpoint, job_id: str) -> Sequence[HttpRequest]:  # noqa: ARG002  # the protocol's
        """No way is known."""
        return ()


class PixapiAdapter:
    """Generations and edits with Pixapi.

    Options of the connection: `flow`, which is `async` (tasks, as long as nothing is said) or `sync`.
    """

    protocol = "pixapi"
    label = "Pixapi"
    needs_secret = True
    default_base_url = "https://api.pixapi.ai/v1"
    resends = False
    uploads: Uploads | None = None
    jobs: Jobs | None = PixapiTasks()
    hooks: Hooks | None = None

    def forms(self, model: str, references: int) -> int:  # noqa: ARG002  # the protocol's
        """Two for several pictures: whether they go as a repeated `image` or as `image[]` is not documented."""
        return 2 if references > 1 else 1

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for a generation or, with references, for an edit."""
        offer = _EDIT if request.references else _MAKE
        offer.check(request)
        path = _flow(endpoint)
        fields: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": request.n}
        fields |= offer.chosen(request, "size", "quality")
        if request.quality == STANDARD:
            del fields["quality"]
        if not request.references:
            return call(endpoint, "POST", f"{path}/generations", body=json_body(fields), content_type=JSON)
        name = "image[]" if request.form else "image"
        parts, content_type = multipart(fields.items(), [(name, image) for image in request.references])
        return call(endpoint, "POST", f"{path}/edits", body=parts, content_type=content_type)

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:  # noqa: ARG002  # the protocol's
        """Nothing is streamed."""
        return None

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult | JobAccepted:
        """Return the images, or the task that will bring them."""
        reply = Reply(answer, _KINDS, prompt=request.prompt)
        document = reply.document()
        items = document.get("data")
        reply.raise_refusal(find_error(document), usable=bool(items))
        if not items and (job_id := usable_id(document.get("id"))):
            return JobAccepted(job_id, reply.request_id)
        return _result(reply, document, request.n)

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the list of models, which costs nothing."""
        return call(endpoint, "GET", "/models")

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return the models that are listed."""
        reply = Reply(answer, _KINDS.of_accounts())
        document = reply.document()
        listed = document.get("data")
        reply.raise_refusal(find_error(document), usable=isinstance(listed, list))
        if not isinstance(listed, list):
            raise reply.failure(BadAnswer, "The answer holds no list of models.")
        models = frozenset(name for item in listed if isinstance(name := inner(item, "id"), str))
        return Check(
            checked=f"The key is accepted; {len(models)} models are listed.",
            unchecked="Whether the account has credits left shows only when a picture is made.",
            models=models,
        )


def _flow(endpoint: Endpoint) -> str:
    flow = endpoint.options.get("flow") or "async"
    if not isinstance(flow, str) or flow not in FLOWS:
        raise unsupported(f"The connection’s option 'flow' must be one of {', '.join(FLOWS)}.")
    return FLOWS[flow]


def _result(reply: Reply, document: object, n: int, task: Mapping[str, Any] | None = None) -> ImageResult:
    """Return the images. That credits are told is documented, where is not: beside the images or outside of them."""
    images = reply.images(inner(document, "data"), n)
    found = reported(document, "usage", "size", "quality") if isinstance(document, Mapping) else {}
    for amount in (inner(document, "costCredits"), inner(task, "costCredits")):
        if cost := read_cost("credits", amount):
            return ImageResult(images, reply.request_id, found | {"cost": cost})
    return ImageResult(images, reply.request_id, found)
