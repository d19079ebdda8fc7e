"""The link of a new invitation on its way to the one page that shows it.

It travels in a signed cookie of the admin's own browser from the post to the page after it, because the database holds
only its hash, and the page is a plain one that can be reloaded without inviting again.
"""

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_COOKIE: Final = "atelier_invitation"
_SALT: Final = "studio.teams.links"
_SECONDS: Final = 120


def remember(response: HttpResponse, *, path: str, token: str) -> HttpResponse:
    """Send the token along to the page at `path`."""
    response.set_signed_cookie(
        _COOKIE,
        token,
        salt=_salt(path),
        max_age=_SECONDS,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def find_token(request: HttpRequest) -> str | None:
    """Find the token that came along, if one did."""
    return request.get_signed_cookie(_COOKIE, default=None, salt=_salt(request.path), max_age=_SECONDS)


def forget(response: HttpResponse, *, path: str) -> None:
    """Shown once is enough."""
    response.delete_cookie(_COOKIE, path=path, samesite="Lax")


def _salt(path: str) -> str:
    """Bind the cookie to its page, also where a client sends it elsewhere."""
    return f"{_SALT}:{path}"
