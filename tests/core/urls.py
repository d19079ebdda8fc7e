"""Addresses for the tests of what stands around the views."""

import os
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from studio.core import views
from studio.core.bodies import FileBody
from studio.core.errors import Conflict, Unavailable
from studio.core.streaming import accelerated_response, stream_response

handler400 = "studio.core.views.bad_request"
handler403 = "studio.core.views.not_allowed"
handler404 = "studio.core.views.not_found"
handler500 = "studio.core.views.server_error"

FOLDER = "atelier.tests.folder"
inside: set[int] = set()
most_inside = 0
_counting = threading.Lock()


class FailingBody:
    """Promises 1,000,000 bytes and breaks at a given one."""

    length = 1_000_000

    def __init__(self, at: int) -> None:
        self._at = at

    async def chunks(self, start: int, _stop: int) -> AsyncGenerator[bytes, None]:
        """Produce what there is."""
        if start < self._at:
            yield b"x" * (self._at - start)
        raise OSError("the disk is gone")


class RefusingBody:
    """Cannot begin, for a reason that can be told."""

    length = 1_000_000

    async def chunks(self, start: int, _stop: int) -> AsyncGenerator[bytes, None]:
        """Say why."""
        if start == 0:
            raise Unavailable
        yield b"x"


class WrongBody:
    """Promises 1,000 bytes and makes another number of them."""

    length = 1_000

    def __init__(self, makes: int) -> None:
        self._makes = makes

    async def chunks(self, _start: int, _stop: int) -> AsyncGenerator[bytes, None]:
        """Produce the wrong number."""
        yield b"x" * self._makes


@login_not_required
def file(request: HttpRequest, name: str) -> HttpResponse:
    body = FileBody(Path(os.environ[FOLDER]) / name)
    kind = request.GET.get("type", "image/png")
    return stream_response(request, body, filename=request.GET.get("as", name), content_type=kind, etag="v1")


@login_not_required
def accelerated(request: HttpRequest, name: str) -> HttpResponse:
    inline = "inline" in request.GET
    return accelerated_response(
        request, f"/_media/{name}", filename="Café.png", content_type="image/png", etag="v1", inline=inline, max_age=60
    )


@login_not_required
def failing(request: HttpRequest, at: int) -> HttpResponse:
    return stream_response(request, FailingBody(at), filename="f", content_type="text/plain", etag="v1")


@login_not_required
def refusing(request: HttpRequest) -> HttpResponse:
    return stream_response(request, RefusingBody(), filename="f", content_type="image/png", etag="v1")


@login_not_required
def wrong(request: HttpRequest, makes: int) -> HttpResponse:
    return stream_response(request, WrongBody(makes), filename="f", content_type="text/plain", etag="v1")


@login_not_required
def replaced(request: HttpRequest) -> HttpResponse:
    stream_response(request, FailingBody(0), filename="f", content_type="text/plain", etag="v1")
    raise Conflict("Somebody was faster.")


@login_not_required
def slow(_request: HttpRequest) -> HttpResponse:
    global most_inside  # noqa: PLW0603  # counted over the server's threads
    with _counting:
        inside.add(threading.get_ident())
        most_inside = max(most_inside, len(inside))
    time.sleep(0.05)
    with _counting:
        inside.discard(threading.get_ident())
    return HttpResponse("done")


@login_not_required
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{len(request.body)}")


def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>a page</p>")


@login_not_required
def open_page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>open</p>")


@login_not_required
def raising(_request: HttpRequest, what: str) -> HttpResponse:
    raise {
        "conflict": Conflict("Somebody was faster."),
        "missing": Http404(),
        "denied": PermissionDenied(),
        "database": OperationalError("no more connections"),
        "bug": ZeroDivisionError("a secret detail"),
    }[what]


urlpatterns = [
    path("healthz", views.healthz),
    path("file/<str:name>", file),
    path("accelerated/<path:name>", accelerated),
    path("failing/<int:at>", failing),
    path("refusing", refusing),
    path("wrong/<int:makes>", wrong),
    path("replaced", replaced),
    path("slow", slow),
    path("echo", echo),
    path("page", page),
    path("open", open_page),
    path("raising/<str:what>", raising),
    path("auth/login/", open_page, name="account_login"),
]
