"""AIgateway: OpenAI's shape, answered at once or with a job.

Errors are classed by status, which their `code` repeats; their types are named differently from page to page and
serve as words only. The own key of a provider (BYOK) is attached at AIgateway, so no header of ours carries one.

The media host also takes the gateway's key for files of jobs. We never send it there: the addresses in answers are
signed, and asking for the job again signs them anew.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from studio.providers.adapters.answers import (
    BY_STATUS,
    Fault,
    Kinds,
    Reply,
    find_error,
    image_at,
    inner,
    read_cost,
    reported,
)
from studio.providers.adapters.asking import JSON, Body, call, header_option, json_body, multipart
from studio.providers.adapters.base import (
    Answer,
    Check,
    Endpoint,
    HookNews,
    HookRefused,
    Hooks,
    HttpRequest,
    ImageRequest,
    ImageResult,
    JobAccepted,
    JobMissing,
    JobNews,
    JobRunning,
    Jobs,
    PreviewReader,
    Uploads,
)
from studio.providers.adapters.errors import BadAnswer, ContentRefused, OutcomeUnknown
from studio.providers.adapters.jobs import OneByOne, read_job, usable_id
from studio.providers.adapters.offers import MEGABYTE, Offer
from studio.providers.adapters.webhooks import check_signature, read_event

TAG_LIMIT = 64
SECRET_LIMIT = 500
HOOK_SECONDS = 300
# The quality cannot be chosen: the catalogue's `standard` stands for whatever the gateway takes.
_MAKE = Offer(sizes=re.compile(r"[1-9]\d{1,4}x[1-9]\d{1,4}"), values={"quality": frozenset({"standard"})}, images=10)
# A mask is ignored without a word by nearly every model there.
_EDIT = replace(_MAKE, references=1, reference_bytes=25 * MEGABYTE)

# The code repeats the status, and no type is a name here.
_KINDS = Kinds(by_name={str(status): kind for status, kind in BY_STATUS.items() if kind is not OutcomeUnknown})
_MAY_REFUSE_CONTENT = frozenset({200, 400, 403, 422})


class AIgatewayJobs(OneByOne):
    """Jobs of one picture each; asking faster than the pace is answered with 304."""

    pace = 3.0

    def build_poll(self, endpoint: Endpoint, job_id: str) -> HttpRequest:
        """Return the question for the job."""
        return _call(endpoint, "GET", f"/jobs/{job_id}")

    def read_poll(self, answer: Answer, job_id: str, n: int) -> JobNews:  # noqa: ARG002  # a job brings one picture
        """Return what has become of the job, with addresses that are signed anew each time."""
        if answer.status == 304:
            return JobRunning()
        if answer.status == 404:
            return JobMissing()
        reply = Reply(answer, _KINDS)
        job = reply.document()
        fault = _find_fault(job)
        if not reply.succeeded:
            raise reply.refusal(fault or Fault())
        return read_job(reply, job, job_id=job_id, kinds=_KINDS, fault=fault, result=lambda: _job_result(reply, job))

    def build_cancels(self, endpoint: Endpoint, job_id: str) -> Sequence[HttpRequest]:
        """Return what the documentation says, then what its specification says."""
        return (
            _call(endpoint, "POST", f"/jobs/{job_id}/cancel"),
            _call(endpoint, "DELETE", f"/jobs/{job_id}"),
        )


class AIgatewayHooks:
    """Webhooks, signed in one of two headers over the timestamp and the raw body."""

    def build_secret(self, endpoint: Endpoint) -> HttpRequest:
        """Return the question for the key's webhook secret."""
        return _call(endpoint, "GET", "/webhook-secret")

    def read_secret(self, answer: Answer) -> str:
        """Return the secret; raises ProviderError where the account has none yet."""
        reply = Reply(answer, _KINDS.of_accounts())
        document = reply.document()
        reply.raise_refusal(_find_fault(document))
        secret = document.get("secret")
        if not isinstance(secret, str) or not 0 < len(secret) <= SECRET_LIMIT or not secret.isascii():
            raise reply.failure(BadAnswer, "The answer holds no webhook secret.")
        return secret

    def read_hook(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, now: datetime) -> HookNews:
        """Check the signature, then read the event, or the job's bare record."""
        moment, signatures = _signed(headers)
        check_signature(signatures, [endpoint.hook_secret.encode()], moment.encode() + b"." + body)
        if not re.fullmatch(r"[0-9]{1,15}", moment) or abs(now.timestamp() - int(moment)) > HOOK_SECONDS:
            raise HookRefused("The webhook is too old, or from the future.")
        event = read_event(body)
        if job_id := usable_id(inner(event, "data", "job_id")):
            return HookNews(job_id, usable_id(event.get("id")))
        if job_id := usable_id(event.get("id")):
            return HookNews(job_id)
        raise HookRefused("The webhook names no job.")


class AIgatewayAdapter:
    """Generations and edits with AIgateway.

    Options of the connection: `tag`, under which the gateway's own usage page sums up what was spent.
    """

    protocol = "aigateway"
    label = "AIgateway"
    needs_secret = True
    default_base_url = "https://api.aigateway.sh/v1"
    resends = False
    uploads: Uploads | None = None
    jobs: Jobs | None = AIgatewayJobs()
    hooks: Hooks | None = AIgatewayHooks()

    def forms(self, model: str, references: int) -> int:  # noqa: ARG002  # the protocol's
        """One."""
        return 1

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for `/images/generations` or, with a reference, `/images/edits`."""
        offer = _EDIT if request.references else _MAKE
        offer.check(request)
        fields: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": request.n}
        fields |= offer.chosen(request, "size") | {"response_format": "b64_json"}
        if request.references:
            parts, content_type = multipart(fields.items(), [("image", request.references[0])])
            return _call(endpoint, "POST", "/images/edits", body=parts, content_type=content_type)
        if request.hook_url:
            fields["webhook_url"] = request.hook_url
        return _call(endpoint, "POST", "/images/generations", body=json_body(fields), content_type=JSON)

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:  # noqa: ARG002  # the protocol's
        """Nothing is streamed."""
        return None

    def read_answer(self, request: ImageRequest, answer: Answer) -> ImageResult | JobAccepted:
        """Return the images, or the job; any good answer with the id of a job is one, whatever its status."""
        reply = Reply(answer, _KINDS, prompt=request.prompt)
        document = reply.document()
        items = document.get("data")
        reply.raise_refusal(_find_fault(document, answer.status), usable=bool(items))
        if not items and (job_id := usable_id(document.get("id"))):
            return JobAccepted(job_id, reply.request_id)
        images = reply.images(items, request.n)
        return ImageResult(images, reply.request_id, _reported(reply, document))

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the question for the balance, which costs nothing."""
        return _call(endpoint, "GET", "/balance")

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return that the key is good: how the balance is written is not documented."""
        reply = Reply(answer, _KINDS.of_accounts())
        document = reply.document()
        reply.raise_refusal(_find_fault(document))
        return Check(
            checked="The key is accepted and the account answers.",
            unchecked="Whether a model may be used and the balance is enough shows only when a picture is made.",
        )


def _call(endpoint: Endpoint, method: str, path: str, *, body: Body = b"", content_type: str = "") -> HttpRequest:
    tag = header_option(endpoint, "tag", TAG_LIMIT)
    headers = {"x-aig-tag": tag} if tag else {}
    return call(endpoint, method, path, headers=headers, body=body, content_type=content_type)


def _find_fault(document: Mapping[str, Any], status: int = 0) -> Fault | None:
    """Return the error; that the prompt was refused is known by its words only, and from some statuses only."""
    fault = find_error(document)
    if fault is None:
        return None
    refused = status in _MAY_REFUSE_CONTENT and fault.speaks_of_content
    return replace(fault, message=fault.message or fault.names[-1], kind=ContentRefused if refused else None)


def _job_result(reply: Reply, job: Mapping[str, Any]) -> ImageResult:
    """Return the one picture of a job: its address stands in one of two places, or in both."""
    for url in (inner(job, "result", "file_url"), job.get("result_url")):
        image = image_at(url)
        if image.url:
            return ImageResult((image,), reply.request_id, _reported(reply, job))
    raise reply.failure(BadAnswer, "The job has ended without the address of a picture.")


def _reported(reply: Reply, document: Mapping[str, Any]) -> dict[str, Any]:
    found = reported(document, "usage", "size", "quality", "background", "output_format")
    for amount in (reply.answer.headers.get("x-cost-cents"), inner(document, "usage", "cost_cents")):
        if cost := read_cost("cents", amount):
            return found | {"cost": cost}
    return found


def _signed(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the moment and the signatures: from the headers of the documentation, else from that of the clients."""
    if signature := headers.get("aig-signature"):
        return headers.get("aig-timestamp", "").strip(), [signature]
    pairs = [part.strip().partition("=") for part in headers.get("x-gateway-signature", "").split(",")]
    moments = [value for name, _, value in pairs if name == "t"]
    return moments[0] if moments else "", [value for name, _, value in pairs if name == "v1"]
