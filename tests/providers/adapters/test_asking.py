import re
from pathlib import Path

import pytest

from studio.providers.adapters.asking import data_url, json_body, multipart
from studio.providers.adapters.base import HttpRequest
from studio.providers.adapters.errors import Unsupported
from tests.providers.adapters.parts import body_of, form_of, picture


def test_form_is_exactly_as_the_standard_has_it(tmp_path: Path) -> None:
    image = picture(tmp_path, "two boats.PNG", b"\x89PNG\r\n--x", "image/png")

    parts, content_type = multipart([("prompt", "Füchse\r\n🦊"), ("n", 2)], [("image[]", image)])

    boundary = content_type.removeprefix("multipart/form-data; boundary=")
    assert re.fullmatch(r"atelier-[0-9a-f]{32}", boundary)
    assert body_of(HttpRequest("POST", "", {}, parts)) == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nFüchse\r\n🦊\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="image[]"; filename="two-boats.png"\r\n'
        "Content-Type: image/png\r\n\r\n".encode()
        + b"\x89PNG\r\n--x"
        + f"\r\n--{boundary}--\r\n".encode()
    )
    assert image.path in parts


def test_forms_have_boundaries_of_their_own() -> None:
    assert multipart([], [])[1] != multipart([], [])[1]


@pytest.mark.parametrize(
    ("name", "kind", "sent"),
    [
        ("a.png", "image/jpeg", "a.jpg"),
        ('x"; name="n"\r\n\r\n9.webp', "image/webp", "x-name-n-9.webp"),
        ("../../etc/passwd", "image/png", "passwd.png"),
        ("狐.png", "image/png", "picture.png"),
        ("", "image/png", "picture.png"),
        ("n" * 300 + ".png", "image/png", "n" * 60 + ".png"),
    ],
)
def test_file_names_are_safe_and_end_as_the_type_says(tmp_path: Path, name: str, kind: str, sent: str) -> None:
    parts, content_type = multipart([], [("image", picture(tmp_path, name, kind=kind))])

    assert form_of(HttpRequest("POST", "", {}, parts, content_type)) == [("image", sent, kind, b"picture")]


def test_half_a_character_is_refused_before_sending() -> None:
    with pytest.raises(Unsupported):
        multipart([("prompt", "half \ud83d")], [])
    with pytest.raises(Unsupported):
        json_body({"prompt": "half \ud83d"})


def test_data_url_holds_the_picture(tmp_path: Path) -> None:
    assert data_url(picture(tmp_path, kind="image/webp")) == "data:image/webp;base64,cGljdHVyZQ=="
