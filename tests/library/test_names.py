"""Names on disk hold no user text, names of downloads are safe everywhere."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.library import names

KEY = UUID("0b0e7a40-1111-4222-8333-444455556666")


def test_stored_names_are_made_of_ids() -> None:
    assert names.original_name(team_id=12, file_key=KEY, content_type="image/jpeg") == f"originals/12/0b/{KEY}.jpg"
    assert names.thumb_name(team_id=12, file_key=KEY) == f"thumbs/12/0b/{KEY}.webp"
    assert names.preview_name(team_id=12, file_key=KEY) == f"previews/12/0b/{KEY}.webp"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A lighthouse at dusk, long exposure", "a-lighthouse-at-dusk-long-exposure-7.png"),
        ("", "image-7.png"),
        ("!!! ???", "image-7.png"),
        ("../../etc/passwd", "etcpasswd-7.png"),
        ('con\r\nSet-Cookie: a="b"', "con-set-cookie-ab-7.png"),
        ("Größe 1 über alles", "größe-1-über-alles-7.png"),
        ("富士山の夜明け", "富士山の夜明け-7.png"),
        ("\u202egnp.exe", "gnpexe-7.png"),
        ("word " * 40, "word-word-word-word-word-word-word-word-word-word-word-word-7.png"),
    ],
)
def test_download_name_is_readable(prompt: str, name: str) -> None:
    assert names.download_name(prompt=prompt, asset_id=7, content_type="image/png") == name


@given(prompt=st.text(max_size=300), asset_id=st.integers(1, 10**12))
def test_download_name_is_safe_on_every_system(prompt: str, asset_id: int) -> None:
    name = names.download_name(prompt=prompt, asset_id=asset_id, content_type="image/webp")
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name.isprintable()
    assert name.endswith(f"-{asset_id}.webp")
    assert len(name.encode()) <= 255
