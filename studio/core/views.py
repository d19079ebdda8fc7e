"""The health check and the pages for what went wrong."""

import logging
import secrets
import sys
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.db import Error, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache

from studio.core.errors import NotAllowed, NotFound, StudioError, Unavailable
from studio.core.http import is_htmx

logger = logging.getLogger(__name__)

_PAGES: Final = {400: "400", 403: "403", 404: "404", 500: "500"}
# Letters and figures that nobody confuses on the telephone.
_CLEAR: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_RETRY_SECONDS: Final = "3"


@login_not_required
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """Say whether this process can work: it answers, and its database does."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        logger.warning("The health check cannot reach the database", exc_info=True)
        return JsonResponse({"status": "database unreachable"}, status=503, headers={"Retry-After": _RETRY_SECONDS})
    return JsonResponse({"status": "ok"})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Answer 400 for what Django itself refuses to read."""
    return _page(
        request,
        status=400,
        code="bad_request",
        title="That cannot be read",
        message="The request holds something that cannot be understood. Go back, reload the page and try again.",
    )


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Answer 403."""
    return error_response(
        request, NotAllowed("Your role in this team does not cover this. A team admin can change it.")
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Answer 404, the same for what never was and for what the person may not know of."""
    return error_response(
        request, NotFound("It was deleted, belongs to a team you are not in, or the address has a typo.")
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for an exception nobody expected; a database out of reach is an expected one that got this far."""
    # Middleware fails before the views do when the database is away; Django calls this while it handles that.
    if is_unreachable(sys.exception()):
        return error_response(request, Unavailable())
    reference = new_reference()
    logger.error("Reference %s: %s %s", reference, request.method, request.path)
    return _page(
        request,
        status=500,
        code="server_error",
        title="Something broke",
        message="It is our fault, not yours. Nothing was charged for it. Try again; if it stays, tell your operator.",
        reference=reference,
    )


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose protection has expired or never was there."""
    logger.warning("Form refused: %s", reason)
    return _page(
        request,
        status=403,
        code="form_expired",
        title="This page has expired",
        message="It was open for too long, or cookies are blocked. Reload the page and send the form again.",
    )


def error_response(request: HttpRequest, error: StudioError) -> HttpResponse:
    """Turn an error into its page, or for htmx into a note that fits where the answer would have gone."""
    response = _page(request, status=error.http_status, code=error.code, title=error.title, message=error.message)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def is_unreachable(error: BaseException | None) -> bool:
    """Whether the database could not be reached, has no room or is going down, rather than refused a statement."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "53", "57P"))


def new_reference() -> str:
    """Return a short mark that finds one failure in the log, such as 7K3M-20NOV-1206."""
    mark = "".join(secrets.choice(_CLEAR) for _ in range(4))
    return f"{mark}-{timezone.now():%d%b-%H%M}".upper()


def _page(
    request: HttpRequest, *, status: int, code: str, title: str, message: str, reference: str = ""
) -> HttpResponse:
    """Render without the request: error pages must not need the session or the database that may have failed."""
    context = {"status": status, "code": code, "title": title, "message": message, "reference": reference}
    if is_htmx(request):
        detail = f"Reference {reference}" if reference else ""
        body = render_to_string(
            "components/callout.html",
            {"kind": "bad", "title": title, "text": message, "detail": detail, "role": "alert"},
        )
    else:
        body = render_to_string(f"errors/{_PAGES.get(status, '400' if status < 500 else '500')}.html", context)
    response = HttpResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    return response
