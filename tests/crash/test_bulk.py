"""A scheduler that is killed in the middle of an act on many pictures, of taking it back, and of merging a tag."""

import hashlib
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from studio.library import names
from tests.crash.conftest import Install
from tests.crash.installation import Installation
from tests.factories import small_png

pytestmark = pytest.mark.crash

MANY = 6000


def fill_library(installation: Installation) -> int:
    """Put many pictures with the same bytes into the library of the first team; return the team."""
    [(team, author)] = installation.rows("SELECT team_id, user_id FROM teams_membership")
    data = small_png()
    folder = installation.home / "media"
    keys = [uuid.uuid4() for _ in range(MANY)]
    for key in keys:
        path = folder / names.original_name(team_id=team, file_key=key, content_type="image/png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    installation.database.execute(
        "INSERT INTO library_asset (team_id, author_id, file_key, sha256, crc32, size, width, height, content_type,"
        " has_alpha, colour, has_thumb, has_preview, preview_tries, prompt, revised_prompt, title, notes, file_name,"
        " source, status, rating, marks, received_sha256, received_type, origin, sort_name, words, search,"
        " connection_name, model_slug, model_title, spec, credits, slot, created_at)"
        " SELECT %s, %s, key, %s, %s, %s, 96, 64, 'image/png', false, '', false, false, 3, '', '', '', '', '',"
        " 'generated', 'draft', 0, '{}', '', '', '', '', '', '', '', '', '', '{}', 0, 0, now()"
        " FROM unnest(%s::uuid[]) AS key",
        [team, author, hashlib.sha256(data).hexdigest(), zlib.crc32(data), len(data), keys],
    )
    return int(team)


@dataclass(frozen=True)
class Progress:
    """How far the only act is."""

    state: str
    done: int
    undone: int


def progress(installation: Installation) -> Progress:
    """Read how far it is."""
    [found] = installation.rows("SELECT state, done, undone FROM library_bulkact")
    return Progress(*found)


def binned(installation: Installation) -> int:
    """Count the pictures in the bin."""
    return int(installation.rows("SELECT count(*) FROM library_asset WHERE binned_at IS NOT NULL")[0][0])


# However quick the machine, every batch takes so long that the killer comes in time.
_SLOW = """
CREATE OR REPLACE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
CREATE TRIGGER take_time AFTER UPDATE ON library_bulkact EXECUTE FUNCTION take_time()
"""


def kill_between(installation: Installation, part: Callable[[Progress], int]) -> None:
    """Kill the scheduler once it has done a part, and see that it did not do all; then start another one."""
    installation.wait(lambda: part(progress(installation)) > 0, "the first batch")
    installation.processes[-1].kill()
    installation.database.execute("DROP TRIGGER take_time ON library_bulkact")
    assert 0 < part(progress(installation)) < MANY, installation.story()
    installation.start("scheduler")


def test_scheduler_killed_in_the_middle_of_an_act_and_of_its_undo(install: Install) -> None:
    installation = install()
    fill_library(installation)
    browser = installation.open()
    installation.start("scheduler")
    installation.database.execute(_SLOW)
    browser.post("library/bulk/", {"act": "bin", "all": "1", "query": ""})
    kill_between(installation, lambda act: act.done)
    installation.wait(lambda: progress(installation).state == "done", "the act to end")
    assert (progress(installation), binned(installation)) == (Progress("done", MANY, 0), MANY)

    [(act,)] = installation.rows("SELECT id FROM library_bulkact")
    installation.database.execute(_SLOW)
    browser.post(f"library/bulk/{act}/undo/", {})
    kill_between(installation, lambda act: act.undone)
    installation.wait(lambda: progress(installation).state == "undone", "the undo to end")
    assert (progress(installation), binned(installation)) == (Progress("undone", MANY, MANY), 0)


_MOVED = """
SELECT (SELECT done FROM library_bulkact), count(*) FROM library_assettag f JOIN library_tag t ON t.id = f.tag_id
WHERE t.name = 'hero'
"""


def test_scheduler_killed_in_the_middle_of_a_merge(install: Install) -> None:
    installation = install()
    team = fill_library(installation)
    made = "INSERT INTO library_tag (team_id, name, key, hue, created_at) VALUES (%s, %s, %s, 0, now()) RETURNING id"
    installation.rows(made, team, "hero", "hero")
    [(heroes,)] = installation.rows(made, team, "heroes", "heroes")
    tagged = "INSERT INTO library_assettag (asset_id, tag_id) SELECT id, %s FROM library_asset"
    installation.database.execute(tagged, [heroes])
    browser = installation.open()
    installation.start("scheduler")
    installation.database.execute(_SLOW)
    browser.post(f"library/tags/{heroes}/merge/", {"into": "hero"})
    kill_between(installation, lambda act: act.done)
    [(done, moved)] = installation.rows(_MOVED)
    assert done == moved
    installation.wait(lambda: progress(installation).state == "done", "the merge to end")
    assert (progress(installation), installation.rows(_MOVED)) == (Progress("done", MANY, 0), [(MANY, MANY)])
    assert installation.rows("SELECT name FROM library_tag") == [("hero",)]
