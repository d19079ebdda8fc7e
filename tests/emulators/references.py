"""Pictures that a client sends or points at."""

import asyncio
import base64
import binascii
from urllib.error import URLError
from urllib.request import urlopen

from tests.emulators.forms import Unreadable


def decode(text: str) -> bytes:
    """Return the bytes of a `data:` address or of bare base64."""
    if text.startswith("data:"):
        head, found, text = text.partition(",")
        if not found or not head.endswith(";base64"):
            raise Unreadable("The data address is not base64.")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Unreadable("The picture is not base64.") from error


async def fetch(address: str) -> bytes:
    """Return what an address leads to, as a provider would fetch it."""
    if address.startswith("data:"):
        return decode(address)
    if not address.startswith(("http://", "https://")):
        raise Unreadable("The picture's address must be http, https or data.")
    try:
        return await asyncio.to_thread(_fetched, address)
    except (URLError, ConnectionError, TimeoutError) as error:
        raise Unreadable(f"The picture could not be fetched: {error}.") from error


def _fetched(address: str) -> bytes:
    with urlopen(address, timeout=15) as answer:
        return bytes(answer.read())
