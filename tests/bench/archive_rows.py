"""Fills a team's library with files of one size: `python -m tests.bench.archive_rows TEAM COUNT SIZE random|sparse`.

The bytes are no pictures: an archive of originals never looks into them. Sparse files take no space on the disk.
"""

import hashlib
import os
import random
import sys
import uuid
import zlib
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402  # after setup, as Django asks

from studio.library import names  # noqa: E402
from studio.library.models import Asset  # noqa: E402
from studio.library.words import vector_of  # noqa: E402
from studio.teams.models import Team  # noqa: E402

_BATCH = 2000
_PROMPTS = ("A lighthouse at dusk, long exposure", "Red kite over fields", "Stone bridge in fog", "Market hall at noon")


def fill(team: Team, count: int, size: int, *, is_sparse: bool) -> None:
    """Write files and rows."""
    author_id = team.memberships.earliest("pk").user_id
    blob = bytes(size) if is_sparse else random.Random(7).randbytes(size)
    for start in range(0, count, _BATCH):
        rows = [_asset(team, author_id, number, blob, is_sparse) for number in range(start, min(start + _BATCH, count))]
        Asset.objects.bulk_create(rows)


def _asset(team: Team, author_id: int, number: int, blob: bytes, is_sparse: bool) -> Asset:
    data = blob if is_sparse else number.to_bytes(8, "little") + blob[8:]
    prompt = f"{_PROMPTS[number % len(_PROMPTS)]}, {number}"
    asset = Asset(
        team=team,
        author_id=author_id,
        file_key=uuid.uuid4(),
        sha256=hashlib.sha256(data[:1000]).hexdigest() if is_sparse else hashlib.sha256(data).hexdigest(),
        crc32=_crc32(data, is_sparse),
        size=len(data),
        width=1024,
        height=1024,
        content_type="image/png",
        prompt=prompt,
        words=vector_of(prompt),
        model_slug="gpt-image-2",
        model_title="GPT Image 2",
        spec={"quality": "high", "size": "1024x1024"},
        credits=4,
        has_thumb=True,
        has_preview=True,
    )
    path = Path(settings.MEDIA_ROOT) / names.original_name(
        team_id=team.pk, file_key=asset.file_key, content_type=asset.content_type
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if is_sparse:
            os.truncate(file.fileno(), len(data))
        else:
            file.write(data)
    return asset


_zeros: dict[int, int] = {}


def _crc32(data: bytes, is_sparse: bool) -> int:
    if not is_sparse:
        return zlib.crc32(data)
    return _zeros.setdefault(len(data), zlib.crc32(data))


if __name__ == "__main__":
    slug, count, size, kind = sys.argv[1:]
    fill(Team.objects.get(slug=slug), int(count), int(size), is_sparse=kind == "sparse")
