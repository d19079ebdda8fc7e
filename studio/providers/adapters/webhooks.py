"""What the webhooks of all protocols have in common: signatures over the raw body, and an event in JSON."""

import hmac
from collections.abc import Iterable
from typing import Any

from studio.providers.adapters.base import HookRefused
from studio.providers.adapters.reading import read_json


def check_signature(signatures: Iterable[str], keys: Iterable[bytes], message: bytes) -> None:
    """Raise HookRefused unless one of the signatures, in hex, is the HMAC-SHA256 of the message with one of the keys.

    An empty key proves nothing: anybody could sign with it.
    """
    given = [found for text in signatures if (found := _from_hex(text))]
    expected = [hmac.digest(key, message, "sha256") for key in keys if key]
    # No early end: every pair is compared, so that the time tells nothing.
    if not sum(hmac.compare_digest(one, other) for one in given for other in expected):
        raise HookRefused("The signature is missing or wrong.")


def read_event(body: bytes) -> dict[str, Any]:
    """Return the event; raises HookRefused for what is no JSON object."""
    try:
        event = read_json(body)
    except ValueError as error:
        raise HookRefused("The body is no JSON.") from error
    if not isinstance(event, dict):
        raise HookRefused("The body is no JSON object.")
    return event


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        return b""
