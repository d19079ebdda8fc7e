"""Between the server and the views: guarding headers, unstorable text, errors as pages."""

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import BadRequest, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from studio.core.errors import BadInput, NoRoom, StudioError, Unavailable, is_full
from studio.core.http import GUARD_HEADERS, is_htmx
from studio.core.views import error_response, is_unreachable

GetResponse = Callable[[HttpRequest], HttpResponse]

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class GuardHeaders:
    """Adds the guarding headers to every answer, and keeps pages of signed-in people out of every cache."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add what the answer does not say itself."""
        response = self._get_response(request)
        for name, value in GUARD_HEADERS.items():
            response.headers.setdefault(name, value)
        # Asking for the session's cookie instead of the user costs no query on pages that need neither.
        personal = settings.SESSION_COOKIE_NAME in request.COOKIES
        if personal and response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class RefuseUnstorableText:
    """Answers 400 to text that no database column holds: NUL bytes and halves of surrogate pairs."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look at the path and at every field, by name and value: here a form's files are unpacked to the disk."""
        try:
            is_refused = any(map(is_unstorable, _texts(request)))
        except OSError as error:
            if not is_full(error):
                raise
            return error_response(request, NoRoom())
        except TooManyFilesSent:
            most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
            return error_response(request, BadInput(f"Up to {most} files can be sent at once. Send them in turns."))
        except TooManyFieldsSent:
            return error_response(request, BadInput("More was chosen than can be sent at once. Choose fewer."))
        if is_refused:
            raise BadRequest("The request holds text that cannot be stored.")
        return self._get_response(request)


def is_unstorable(text: str) -> bool:
    """Whether PostgreSQL would refuse this text."""
    return _UNSTORABLE.search(text) is not None


def _texts(request: HttpRequest) -> Iterable[str]:
    yield request.path
    for fields in (request.GET, request.POST):
        for name, values in fields.lists():
            yield name
            yield from values
    for name, files in request.FILES.lists():
        yield name
        yield from (str(file.name) for file in files)


class StudioErrors:
    """Turns the errors that people may see into HTTP, and an expired sign-in into something htmx follows."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Send htmx to the sign-in page as a whole; a login form must not land inside a card."""
        response = self._get_response(request)
        if is_htmx(request) and _leads_to_sign_in(response):
            return HttpResponseClientRedirect(_sign_in_from(request))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for what a view raised; None leaves it to Django."""
        if isinstance(exception, StudioError):
            return error_response(request, exception)
        if is_unreachable(exception):
            return error_response(request, Unavailable())
        return None


def _leads_to_sign_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and urlsplit(response["Location"]).path == resolve_url(settings.LOGIN_URL)


def _sign_in_from(request: HttpRequest) -> str:
    """Return the sign-in address that comes back to the page on the screen, not to the fragment."""
    page = HtmxDetails(request).current_url_abs_path
    query = "?" + urlencode({"next": page}) if page else ""
    return resolve_url(settings.LOGIN_URL) + query
