"""Typed requests and the headers that guard every answer."""

from typing import Final

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

# Django's own middleware adds some of these to its answers; answers that never reach Django carry them all.
GUARD_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
}
# For answers that are no pages: even if a browser were made to show one, it could do nothing there.
INERT_POLICY: Final = "sandbox; default-src 'none'"


class HtmxRequest(HttpRequest):
    """A request that passed django-htmx."""

    htmx: HtmxDetails


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx sent this request, also where the request failed before django-htmx saw it."""
    return request.headers.get("HX-Request") == "true"
