"""The address that providers call."""

import logging
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from studio.generations.hooks import find_receiver, receive
from studio.providers.adapters.base import HookRefused

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 64 * 1024


@csrf_exempt
@login_not_required
@require_POST
def hook(request: HttpRequest, connection_id: int, secret: str) -> HttpResponse:
    """Take a webhook: 204 whether or not it is about something here, so that it tells a stranger nothing."""
    connection = find_receiver(connection_id, secret)
    if connection is None:
        raise Http404
    if request.content_type != "application/json":
        return HttpResponse("The body must be JSON.", status=415, content_type="text/plain")
    body = _body(request)
    if body is None:
        return HttpResponse("The body is too large.", status=413, content_type="text/plain")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        receive(connection, headers, body)
    except HookRefused as refused:
        logger.warning("A webhook for connection %s was refused: %s", connection.pk, refused)
        return HttpResponse("The signature does not fit.", status=401, content_type="text/plain")
    return HttpResponse(status=204)


def _body(request: HttpRequest) -> bytes | None:
    """Return the body, or None for one that is larger than any webhook: not even read where its length says so."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return None
    body = request.read(MOST_BYTES + 1)
    return body if len(body) <= MOST_BYTES else None
