"""Archives beyond the old limits of ZIP, from files made of holes."""

import os
import random
import zipfile
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.core import bodies
from studio.core.bodies import BodyFailedError, Run
from studio.exports import planning
from studio.exports.archive import ArchiveBody
from studio.exports.freezing import begin_anew
from studio.exports.services import mark_stale
from studio.library import files
from studio.library.models import Asset
from studio.teams.models import Team
from tests.exports.archives import body_of, make_export, opened, read
from tests.factories import make_asset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]

HUGE = 3_000_000_000


def make_huge(team: Team) -> Asset:
    """Put a picture into the library whose file is one large hole."""
    asset = make_asset(team)
    os.truncate(default_storage.path(asset.original_name), HUGE)
    Asset.objects.filter(pk=asset.pk).update(size=HUGE)
    return asset


def test_archive_beyond_four_gigabytes_is_exact_at_every_end(team: Team, owner: User, tmp_path: Path) -> None:
    assets = [make_huge(team), make_huge(team), make_asset(team)]
    body = body_of(make_export(team, owner, pattern="{id}").parts.get())
    begin = body._part.local_size
    assert begin > 2 * HUGE
    target = tmp_path / "out.zip"
    with target.open("wb") as file:
        file.truncate(begin)
        file.seek(begin)
        file.write(read(body, begin))
    assert target.stat().st_size == body.length
    with zipfile.ZipFile(target) as archive:
        infos = archive.infolist()
        assert archive.read("README.txt").startswith(b"Library\r\n")
    assert [info.filename for info in infos[:3]] == [f"{asset.pk}.png" for asset in assets]
    assert [info.file_size for info in infos[:3]] == [HUGE, HUGE, assets[2].size]
    last = infos[2].header_offset
    assert last > 2**32
    # A part behind the old limit, from the hole before to within the last picture.
    part = read(body, last - 10, last + 30 + len(infos[2].filename) + 50)
    assert part[:14] == bytes(10) + b"PK\x03\x04"
    assert part[-50:] == files.read(assets[2].original_name)[:50]


def test_pictures_are_runs_of_their_files_and_nothing_else_is(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_MOST_IN_RUN", 2)
    assets = [make_asset(team) for _ in range(5)]
    body = body_of(make_export(team, owner).parts.get())

    async def collect() -> tuple[list[list[int]], bytes]:
        counts, data = [], b""
        async for piece in body.pieces(0, body.length):
            if isinstance(piece, Run):
                counts.append([stretch.stop - stretch.start for stretch in piece.stretches])
                whole = b"".join(
                    stretch.before + os.pread(stretch.descriptor, stretch.stop - stretch.start, stretch.start)
                    for stretch in piece.stretches
                )
                assert len(piece) == len(whole)
                data += whole
            else:
                data += piece
        return counts, data

    counts, data = async_to_sync(collect)()
    sizes = [asset.size for asset in assets]
    assert counts == [sizes[:2], sizes[2:4], sizes[4:]]
    assert data == read(body)


@pytest.mark.parametrize("way", ["chunks", "pieces"])
def test_file_that_is_gone_is_told_of_once(team: Team, owner: User, way: str) -> None:
    asset = make_asset(team)
    part = make_export(team, owner).parts.get()
    told: list[str] = []
    body = ArchiveBody(part, on_vanished=lambda: told.append("gone"))
    files.delete([asset.original_name])

    async def collect() -> None:
        async for _ in getattr(body, way)(0, body.length):
            pass

    with pytest.raises(BodyFailedError):
        async_to_sync(collect)()
    assert told == ["gone"]


def test_body_of_a_list_that_was_written_anew_ends(team: Team, owner: User) -> None:
    make_asset(team)
    export = make_export(team, owner)
    body = body_of(export.parts.get())
    mark_stale(export.pk)
    assert begin_anew(export)
    with pytest.raises(BodyFailedError):
        read(body)


def test_many_pages_take_few_questions_and_any_part_of_them_is_exact(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(planning, "PAGE", 1)
    for _ in range(9):
        make_asset(team)
    files.delete([make_asset(team).original_name])  # a page that has lines and no records
    body = body_of(make_export(team, owner).parts.get())
    with django_assert_num_queries(3 + 10 + 10 + 3):  # records, the two manifests, records again for the directory
        whole = read(body)
    assert len(opened(whole).namelist()) == 9 + 3
    chance = random.Random(7)
    for _ in range(150):
        start, stop = sorted(chance.sample(range(body.length + 1), 2))
        assert read(body, start, stop) == whole[start:stop]
