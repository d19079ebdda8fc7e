"""Inputs for adapters, and forms taken apart again."""

import json
from collections.abc import Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

from studio.providers.adapters.base import Answer, HttpRequest, InputImage


def picture(folder: Path, name: str = "boats.png", data: bytes = b"picture", kind: str = "image/png") -> InputImage:
    """Return a picture on disk; nobody looks into it."""
    path = folder / f"{len(list(folder.iterdir()))}-on-disk"
    path.write_bytes(data)
    return InputImage(path, len(data), kind, name)


def body_of(request: HttpRequest) -> bytes:
    """Return the body as it goes over the wire."""
    parts = [request.body] if isinstance(request.body, bytes) else request.body
    return b"".join(part if isinstance(part, bytes) else part.read_bytes() for part in parts)


def form_of(request: HttpRequest) -> Sequence[tuple[str, str, str, bytes]]:
    """Return the parts of a form: name, file name, content type, content."""
    head = f"Content-Type: {request.content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body_of(request))
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename() or "",
            str(part["content-type"] or ""),
            _content(part),
        )
        for part in message.iter_parts()
    ]


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def answer_of(body: Any, status: int = 200, secret: str = "", **headers: str) -> Answer:
    """Return an answer in memory; header names are given with underscores."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, raw, len(raw), 15, secret)
