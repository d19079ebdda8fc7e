"""A whole installation that keeps its pictures in an object store, and the death of its worker between two of them."""

import signal

import httpx
import pytest

from tests.crash.conftest import Install
from tests.crash.installation import Outcome
from tests.crash.stage import TEAM
from tests.stores import BUCKET, KEY, ObjectStore

pytestmark = pytest.mark.crash


def test_worker_dies_after_a_picture_reached_the_store(install: Install, object_store: ObjectStore) -> None:
    bucket = object_store.bucket()
    installation = install(
        S3_BUCKET=BUCKET,
        S3_ENDPOINT_URL=bucket.url,
        S3_PREFIX=bucket.folder,
        S3_ACCESS_KEY_ID=KEY["access_key"],
        S3_SECRET_ACCESS_KEY=KEY["secret_key"],
        S3_PRESIGN="1",
    )
    browser = installation.open("scheduler")
    dying = installation.start("worker", ATELIER_CRASH_AT="after_file")
    [generation] = installation.submit(browser, n=2)
    assert dying.wait() == -signal.SIGKILL
    [original] = bucket.names()

    installation.start("worker")
    installation.wait_until_ended([generation])
    delivered = Outcome("succeeded", 2, 2, ["closed"], possible_cost=False, paid_calls=1)
    assert installation.outcome(generation) == delivered
    counted = "SELECT count(*) FROM library_asset WHERE has_preview AND has_thumb"
    installation.wait(lambda: installation.rows(counted) == [(2,)], "the previews")
    assert len(bucket.names()) == 6
    assert original in bucket.names()
    assert [path for path in (installation.home / "media").rglob("*") if path.is_file()] == []

    [(number, size)] = installation.rows("SELECT id, size FROM library_asset ORDER BY id LIMIT 1")
    shown = browser._client.get(f"/t/{TEAM}/assets/{number}/file/original/")
    sent_on = browser._client.get(f"/t/{TEAM}/assets/{number}/file/original/?download")
    saved = httpx.get(sent_on.headers["location"], trust_env=False)
    assert (shown.status_code, sent_on.status_code, saved.status_code) == (200, 302, 200)
    assert len(shown.content) == size
    assert shown.content == saved.content
    assert installation.manage("verify_storage", "--full").splitlines()[-1] == (
        "6 files compared: 0 missing, 0 corrupt, 0 wrong type, 0 orphaned."
    )
