"""What requests of several protocols are made of: the key, JSON, parts from disk, base64."""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pybase64

from studio.providers.adapters.base import Endpoint, HttpRequest, InputImage
from studio.providers.adapters.errors import Unauthorised, Unsupported

Body = bytes | tuple[bytes | Path, ...]

JSON = "application/json"
PICTURES: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def unsupported(message: str) -> Unsupported:
    """Return the refusal that tells the designer the same as the log."""
    return Unsupported(message, designer_message=message)


def key_of(endpoint: Endpoint) -> str:
    """Return the key as it may stand in a header; raises Unauthorised."""
    secret = endpoint.secret.strip()
    if not secret.isascii() or not secret.isprintable():
        raise Unauthorised("The key holds characters that no key has.")
    return secret


def bearer(secret: str) -> dict[str, str]:
    """Return the header that most providers read the key from."""
    return {"authorization": f"Bearer {secret}"}


def call(
    endpoint: Endpoint,
    method: str,
    path: str,
    *,
    sign: Callable[[str], Mapping[str, str]] = bearer,
    headers: Mapping[str, str] | None = None,
    body: Body = b"",
    content_type: str = "",
) -> HttpRequest:
    """Return a call below the connection's base URL; `sign` returns the header that holds the key."""
    secret = key_of(endpoint)
    url = f"{endpoint.base_url.rstrip('/')}{path}"
    return HttpRequest(method, url, {**sign(secret), **(headers or {})}, body, content_type, secret)


def header_option(endpoint: Endpoint, name: str, most: int = 200) -> str:
    """Return an option of the connection that travels as a header, empty without one; raises Unsupported."""
    value = endpoint.options.get(name) or ""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > most:
        raise unsupported(f"The connection’s option {name!r} must be at most {most} plain characters.")
    return value


def json_body(fields: Mapping[str, Any]) -> bytes:
    """Return the fields as JSON in UTF-8; raises Unsupported for text that cannot be sent."""
    return _encoded(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def multipart(fields: Iterable[tuple[str, str | int]], files: Iterable[tuple[str, InputImage]]) -> tuple[Body, str]:
    """Return the parts of a form, its files left on disk, and its content type."""
    boundary = f"atelier-{secrets.token_hex(16)}"
    opening = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts: list[bytes | Path] = [_encoded(f'{opening}"{name}"\r\n\r\n{value}\r\n') for name, value in fields]
    for name, image in files:
        head = f'{opening}"{name}"; filename="{file_name(image)}"\r\nContent-Type: {image.content_type}\r\n\r\n'
        parts += [head.encode(), image.path, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return tuple(parts), f"multipart/form-data; boundary={boundary}"


def file_name(image: InputImage) -> str:
    """Return a name that no header stumbles over, ending as the picture's real type does."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(image.name).stem).strip("-")[:60]
    return f"{stem or 'picture'}.{PICTURES[image.content_type]}"


def data_url(image: InputImage) -> str:
    """Return the whole picture as a data URL; reads it from disk."""
    return f"data:{image.content_type};base64,{base64_of(image)}"


def base64_of(image: InputImage) -> str:
    """Return the whole picture in base64; reads it from disk."""
    return pybase64.b64encode(image.path.read_bytes()).decode()


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise unsupported("The prompt holds half a character that cannot be sent.") from error
