"""Apiframe v2: every call is answered with a job.

Every object of a request forbids unknown fields, so each model has the fields that its own schema lists. Sizes in
pixels are asked for as shapes. References are addresses: pictures are uploaded right before the call, since an upload
lives for an hour only.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from studio.providers.adapters.answers import BY_STATUS, Fault, Kinds, Reply, find_error, image_at, inner, read_cost
from studio.providers.adapters.asking import JSON, call, json_body, multipart, unsupported
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
    InputImage,
    JobAccepted,
    JobMissing,
    JobNews,
    JobPage,
    Jobs,
    PreviewReader,
    Uploads,
)
from studio.providers.adapters.errors import BadAnswer, ModelUnavailable, OutcomeUnknown, Overloaded
from studio.providers.adapters.jobs import read_job, usable_id
from studio.providers.adapters.offers import MEGABYTE, Offer
from studio.providers.adapters.text import storable_text
from studio.providers.adapters.webhooks import check_signature, read_event

MOST_IMAGES = 10
SHAPES: Mapping[str, str] = {"1024x1024": "1:1", "1536x1024": "3:2", "1024x1536": "2:3"}
_COMMON = Offer(
    sizes=re.compile("|".join(SHAPES)),
    values={
        "quality": frozenset({"low", "medium", "high", "auto"}),
        "output_format": frozenset({"png", "jpeg", "webp"}),
    },
    prompt_limit=2000,
    images=MOST_IMAGES,
    references=16,
    reference_bytes=25 * MEGABYTE,
)


@dataclass(frozen=True)
class _Model:
    """Under which name a model's parameters stand, and which there are."""

    place: str
    offer: Offer


def _with(**values: frozenset[str]) -> Offer:
    return replace(_COMMON, values={**_COMMON.values, **values})


_MODELS: Mapping[str, _Model] = {
    "gpt-image-1.5": _Model(
        "gptImageParams",
        _with(
            background=frozenset({"auto", "transparent", "opaque"}),
            input_fidelity=frozenset({"low", "high"}),
        ),
    ),
    "gpt-image-2": _Model(
        "gptImage2Params",
        _with(background=frozenset({"auto", "opaque"}), moderation=frozenset({"auto", "low"})),
    ),
}

_KINDS = Kinds()
# That its queue or database is away does not say whether the job was taken: to be asked again under the same name.
_ORDER_KINDS = Kinds(by_status={**BY_STATUS, 503: OutcomeUnknown})
# An upload costs nothing and may be repeated: 502 says that their storage failed.
_UPLOAD_KINDS = Kinds(by_status={**BY_STATUS, 500: Overloaded, 502: Overloaded, 504: Overloaded})


class ApiframeUploads:
    """Pictures on Apiframe's own storage, for an hour or two."""

    def build_upload(self, endpoint: Endpoint, image: InputImage) -> HttpRequest:
        """Return the upload of one picture."""
        parts, content_type = multipart([], [("file", image)])
        return call(endpoint, "POST", "/uploads", sign=_signed, body=parts, content_type=content_type)

    def read_upload(self, answer: Answer) -> str:
        """Return the address of the uploaded picture."""
        reply = Reply(answer, _UPLOAD_KINDS)
        document = reply.document()
        reply.raise_refusal(_find_fault(document))
        url = image_at(document.get("url")).url
        if not url:
            raise reply.failure(BadAnswer, "The answer holds no address of the upload.")
        return url


class ApiframeJobs:
    """Jobs of one to ten pictures, told one by one or a hundred at once. How they are cancelled is not documented."""

    pace = 2.0

    def build_poll(self, endpoint: Endpoint, job_id: str) -> HttpRequest:
        """Return the question for the job."""
        return call(endpoint, "GET", f"/jobs/{job_id}", sign=_signed)

    def read_poll(self, answer: Answer, job_id: str, n: int) -> JobNews:
        """Return what has become of the job; an id that Apiframe cannot read is no job of its, like an unknown one."""
        if answer.status in {400, 404}:
            return JobMissing()
        reply = Reply(answer, _KINDS)
        job = reply.document()
        if not reply.succeeded:
            raise reply.refusal(_find_fault(job) or Fault())
        return _read_job(reply, job, job_id, n)

    def build_list(self, endpoint: Endpoint, cursor: str) -> HttpRequest:
        """Return the question for the newest jobs, or for those after the cursor."""
        query = {"limit": "100", "cursor": cursor} if cursor else {"limit": "100"}
        return call(endpoint, "GET", f"/jobs?{urlencode(query)}", sign=_signed)

    def read_list(self, answer: Answer) -> JobPage:
        """Return one page of jobs; a job without an id is passed over."""
        reply = Reply(answer, _KINDS)
        document = reply.document()
        reply.raise_refusal(_find_fault(document))
        listed = document.get("jobs")
        if not isinstance(listed, list):
            raise reply.failure(BadAnswer, "The answer holds no list of jobs.")
        jobs = {
            job_id: _read_job(reply, job, job_id, MOST_IMAGES)
            for job in listed
            if isinstance(job, dict) and (job_id := usable_id(job.get("id")))
        }
        cursor = document.get("nextCursor")
        more = document.get("hasMore") is not False and isinstance(cursor, str) and len(cursor) <= 1000
        return JobPage(jobs, str(cursor) if more else "")

    def build_cancels(self, endpoint: Endpoint, job_id: str) -> Sequence[HttpRequest]:  # noqa: ARG002  # the protocol's
        """No way is known."""
        return ()


class ApiframeHooks:
    """Webhooks, signed with a hash of the key; nothing in them tells their age, so only the job's id stops a replay."""

    def build_secret(self, endpoint: Endpoint) -> HttpRequest | None:  # noqa: ARG002  # the protocol's
        """The secret follows from the key."""
        return None

    def read_secret(self, answer: Answer) -> str:
        """Nothing is asked, so nothing is answered."""
        raise Reply(answer, _KINDS).failure(BadAnswer, "Apiframe gives out no webhook secret.")

    def read_hook(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, now: datetime) -> HookNews:  # noqa: ARG002  # the protocol's
        """Check the signature with this key and the one before, then read which job it is about."""
        signature = headers.get("x-webhook-signature", "").strip().removeprefix("sha256=")
        keys = [key for secret in (endpoint.secret, endpoint.earlier_secret) for key in _hook_keys(secret.strip())]
        check_signature([signature], keys, body)
        if job_id := usable_id(read_event(body).get("jobId")):
            return HookNews(job_id)
        raise HookRefused("The webhook names no job.")


class ApiframeAdapter:
    """Generations and edits with Apiframe; a repeated call returns the job of the first one."""

    protocol = "apiframe"
    label = "Apiframe"
    needs_secret = True
    default_base_url = "https://api.apiframe.ai/v2"
    resends = True
    uploads: Uploads | None = ApiframeUploads()
    jobs: Jobs | None = ApiframeJobs()
    hooks: Hooks | None = ApiframeHooks()

    def forms(self, model: str, references: int) -> int:  # noqa: ARG002  # the protocol's
        """One."""
        return 1

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call for `/images/generate`, which is an edit where there are uploaded references."""
        model = _MODELS.get(request.model)
        if model is None:
            raise unsupported("This model’s settings at Apiframe are not known.")
        model.offer.check(request)
        fields: dict[str, Any] = {"prompt": request.prompt, "model": request.model}
        if request.hook_url:
            fields |= {"webhookUrl": request.hook_url, "webhookEvents": ["completed", "failed"]}
        fields[model.place] = _parameters(model.offer, request)
        once = {"idempotency-key": request.call_id} if request.call_id else {}
        body = json_body(fields)
        return call(endpoint, "POST", "/images/generate", sign=_signed, headers=once, body=body, content_type=JSON)

    def preview_reader(self, request: ImageRequest) -> PreviewReader | None:  # noqa: ARG002  # the protocol's
        """Nothing is streamed."""
        return None

    def read_answer(self, request: ImageRequest, answer: Answer) -> JobAccepted:
        """Return the job, which a repeated call finds in any state."""
        reply = Reply(answer, _ORDER_KINDS, prompt=request.prompt)
        document = reply.document()
        job_id = usable_id(document.get("jobId"))
        reply.raise_refusal(_find_fault(document), usable=bool(job_id))
        if not job_id:
            raise reply.failure(BadAnswer, "The answer names no job.")
        return JobAccepted(job_id, reply.request_id)

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the question whose key it is, which costs nothing."""
        return call(endpoint, "GET", "/me", sign=_signed)

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:  # noqa: ARG002  # the protocol's
        """Return what the account has left."""
        reply = Reply(answer, _KINDS.of_accounts())
        document = reply.document()
        reply.raise_refusal(_find_fault(document))
        credits, plan = inner(document, "team", "credits"), inner(document, "team", "plan")
        checked = "The key is accepted."
        if isinstance(credits, int):
            checked += f" The account has {credits:,} credits"
            checked += f" on the plan {reply.clean(plan, limit=40)}." if isinstance(plan, str) and plan else "."
        return Check(checked, unchecked="Whether a model may be used shows only when a picture is made.")


def _signed(secret: str) -> dict[str, str]:
    return {"x-api-key": secret}


def _parameters(offer: Offer, request: ImageRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {"number_of_images": request.n}
    if request.size:
        parameters["aspect_ratio"] = SHAPES[request.size]
    parameters |= offer.chosen(request, "quality", "background", "moderation", "input_fidelity")
    # Always said: what happens without it is documented both as PNG and as WebP.
    parameters["output_format"] = request.output_format or "png"
    if len(request.uploaded) != len(request.references):
        raise unsupported("A reference picture was not uploaded.")
    if request.uploaded:
        parameters["input_images"] = list(request.uploaded)
    return parameters


def _find_fault(document: Mapping[str, Any]) -> Fault | None:
    """Return the error, with what its details name: a text here, and a model that the schema lacks is told by path."""
    fault = find_error(document)
    details = document.get("details")
    if fault is None or not isinstance(details, dict):
        return fault
    reasons = [f"{path}: {reason}" for path, found in details.items() for reason in _texts(found)]
    message = storable_text(" ".join([fault.message, *reasons[:5]]), 2000)
    return replace(fault, message=message, kind=ModelUnavailable if "model" in details else None)


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _read_job(reply: Reply, job: Mapping[str, Any], job_id: str, n: int) -> JobNews:
    return read_job(
        reply, job, job_id=job_id, kinds=_KINDS, fault=find_error(job), result=lambda: _result(reply, job, n)
    )


def _result(reply: Reply, job: Mapping[str, Any], n: int) -> ImageResult:
    """Return the images, wherever the result holds their addresses: an object, a list or one text."""
    found = job.get("result")
    found = found.get("images") if isinstance(found, dict) else found
    urls = [found] if isinstance(found, str) else found
    if not isinstance(urls, list) or not urls:
        raise reply.failure(BadAnswer, "The job has ended without the address of a picture.")
    cost = read_cost("credits", job.get("creditCost"))
    images = tuple(image_at(url) for url in urls[:n])
    return ImageResult(images, reply.request_id, {"cost": cost} if cost else {})


def _hook_keys(secret: str) -> tuple[bytes, ...]:
    """Return what webhooks of a key may be signed with: its digest as bytes, or as hex."""
    if not secret:
        return ()
    digest = hashlib.sha256(secret.encode())
    return digest.digest(), digest.hexdigest().encode()
