"""Bodies as providers read them: JSON objects and multipart forms, neither repaired."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.loopback import Request


class Unreadable(Exception):
    """A body that is not what its content type says, or of another type."""


@dataclass(frozen=True)
class Part:
    """One file of a form."""

    name: str
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Form:
    """The parts of one multipart body in their order."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[Part] = field(default_factory=list)

    def named(self, *names: str) -> list[Part]:
        """Return the files under any of `names`."""
        return [part for part in self.files if part.name in names]


def content_type(request: Request) -> str:
    """Return the type of the body without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object."""
    if content_type(request) != "application/json":
        raise Unreadable("Send application/json.")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Unreadable("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Unreadable("The body must be a JSON object.")
    return body


def read_form(request: Request) -> Form:
    """Return the parts of a multipart form."""
    boundary = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    if content_type(request) != "multipart/form-data" or not boundary:
        raise Unreadable("Send multipart/form-data with a boundary.")
    pieces = (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode())
    if len(pieces) < 2 or pieces[0] or pieces[-1].strip() != b"--":
        raise Unreadable("The form does not end with its boundary.")
    form = Form()
    for piece in pieces[1:-1]:
        _add_part(form, piece.removeprefix(b"\r\n"))
    return form


def _add_part(form: Form, piece: bytes) -> None:
    head, found, data = piece.partition(b"\r\n\r\n")
    headers = dict(_header(line) for line in head.decode("utf-8", "replace").split("\r\n"))
    disposition = headers.get("content-disposition", "")
    name = re.search(r'; *name="([^"]*)"', disposition)
    if not found or not name:
        raise Unreadable("A part of the form has no name.")
    filename = re.search(r'; *filename="([^"]*)"', disposition)
    if filename:
        form.files.append(Part(name[1], filename[1], headers.get("content-type", "text/plain"), data))
    else:
        form.fields.append((name[1], data.decode("utf-8", "replace")))


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
