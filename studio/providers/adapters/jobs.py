"""What the jobs of all protocols have in common: ids, states, and failures that are told in words."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from studio.providers.adapters.answers import Fault, Kinds, Reply
from studio.providers.adapters.base import (
    Answer,
    Endpoint,
    HttpRequest,
    ImageResult,
    JobFailed,
    JobNews,
    JobPage,
    JobRunning,
)
from studio.providers.adapters.errors import BadAnswer, ContentRefused, JobCancelled

# Ids stand in addresses and in the database: one that needs quoting, or is absurdly long, is none.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:-]{0,199}")
# A job that failed counts as a failure on the provider's side unless its error says more.
_SERVER_ERROR = 500


def usable_id(value: object) -> str:
    """Return the id of a job or an event, an empty text where there is none that can be used."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def read_job(
    reply: Reply,
    job: Mapping[str, Any],
    *,
    job_id: str,
    kinds: Kinds,
    fault: Fault | None,
    result: Callable[[], ImageResult],
) -> JobNews:
    """Return what a job's record says. Every state that is not known as an end counts as running.

    Raises BadAnswer for the record of another job: two answers may have been swapped on the way.
    """
    if usable_id(job.get("id")) not in {"", job_id}:
        raise reply.failure(BadAnswer, "The answer is about another job.")
    match str(job.get("status")).lower():
        case "completed":
            try:
                return result()
            except BadAnswer as error:
                return JobFailed(error)
        case "failed":
            fault = fault or Fault()
            kind = ContentRefused if fault.speaks_of_content else kinds.of(fault.names, _SERVER_ERROR)
            return JobFailed(reply.failure(kind, "The provider’s job failed.", fault.message))
        case "cancelled" | "canceled":
            return JobFailed(reply.failure(JobCancelled, "The provider’s job was cancelled."))
    return JobRunning()


class OneByOne:
    """Jobs that can be asked for one at a time only."""

    def build_list(self, endpoint: Endpoint, cursor: str) -> HttpRequest | None:  # noqa: ARG002  # the protocol's
        """There is no such call."""
        return None

    def read_list(self, answer: Answer) -> JobPage:  # noqa: ARG002  # the protocol's
        """Nothing is listed."""
        return JobPage({})
