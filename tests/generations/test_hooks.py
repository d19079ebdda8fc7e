"""Webhooks over a real site: a genuine one makes its job due, every other one changes nothing."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from django.db import connections
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from config import asgi
from studio.accounts.models import User
from studio.generations import fulfilment, jobs
from studio.generations.hook_address import hook_url
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, HookDelivery
from studio.ledger.models import Entry
from studio.library.models import Asset
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.generations.providers import JOBS, all_emulators, connect, order, outcome, poll
from tests.serving import Server, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]

DONE = (GenerationState.SUCCEEDED, Counter(delivered=1))
# What the emulator of AIgateway signs with.
HOOK_SECRET: Final = "whsec_emulator1"
FORGED: Final = ("unsigned", "wrong_secret", "empty_secret", "other_secret", "reserialised")
# Only AIgateway signs the moment as well.
REFUSED: Final = {"aigateway": (*FORGED, "old", "future", "no_timestamp"), "apiframe": FORGED}
CONTENT_TYPES: Final = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b")
NO_NEWS: Final = ("", "null", "[]", "{", '"text"', '{"jobId": 7, "id": 7}', "[" * 50_000, '{"a":1,"a":2}')


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with all_emulators(("aigateway", "apiframe")) as running:
        yield running


@pytest.fixture(params=["aigateway", "apiframe"])
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def emulator(emulators: dict[str, EmulatorControl], protocol: str) -> EmulatorControl:
    """An emulator whose jobs stand still, and which sends no webhook by itself."""
    emulators[protocol].reset()
    emulators[protocol].set(**{**JOBS[protocol], "job_seconds": -1, "hooks": "lose"})
    return emulators[protocol]


@pytest.fixture
def site(transactional_db: None, settings: Settings) -> Iterator[Server]:
    """The real application, which providers can reach."""
    with serving(asgi.application, on_stop=asgi.stop_streams) as running:
        settings.BASE_URL, settings.IS_REACHABLE = running.url, True
        yield running


@pytest.fixture
def connection(
    site: Server, emulator: EmulatorControl, protocol: str, team: Team, settings: Settings, tmp_path: Path
) -> Connection:
    settings.PRIVATE_HOSTS = emulator.places
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CALL_DEADLINE = 20
    return with_hooks(connect(emulator, protocol, team=team))


@pytest.fixture
def job(connection: Connection, team: Team, member: User, protocol: str, emulator: EmulatorControl) -> Attempt:
    """A job that the provider works on, and that is not due for a long time."""
    return accepted(connection, order(team, member, protocol))


def with_hooks(connection: Connection) -> Connection:
    connection.hook_secret = HOOK_SECRET if connection.protocol == "aigateway" else ""
    connection.save()
    return connection


def accepted(connection: Connection, generation: Generation) -> Attempt:
    fulfilment.fulfil_next(connection.pk)
    attempt = generation.attempts.get()
    assert attempt.state == AttemptState.ACCEPTED
    Attempt.objects.filter(pk=attempt.pk).update(poll_at=Now() + timedelta(hours=1))
    let_pace_pass(attempt)
    return attempt


def let_pace_pass(attempt: Attempt) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(sent_at=Now() - timedelta(seconds=20), polled_at=None)


def deliver_due() -> None:
    """Do what upkeep and workers do, without making anything due."""
    for pk in jobs.poll_due():
        fulfilment.resume(pk)


def is_due(attempt: Attempt) -> bool:
    return Attempt.objects.filter(pk=attempt.pk, poll_at__lte=Now()).exists()


def everything() -> list[Any]:
    """What a webhook may change."""
    return [
        list(Generation.objects.order_by("pk").values()),
        list(Attempt.objects.order_by("pk").values()),
        list(Connection.objects.order_by("pk").values("hook_seen_at", "enabled", "paused_kind")),
        HookDelivery.objects.count(),
    ]


def test_genuine_webhook_makes_its_job_due_and_the_job_is_asked(job: Attempt, emulator: EmulatorControl) -> None:
    emulator.advance(steps=5)
    assert emulator.stats()["calls"].get("poll", 0) == 0
    assert list(jobs.poll_due()) == []
    assert not is_due(job)

    assert emulator.hook(job.remote_id) == [204]
    assert is_due(job)
    deliver_due()

    assert outcome(job.generation) == DONE
    assert emulator.stats()["calls"]["poll"] == 1
    assert emulator.stats()["paid_pictures"] == Asset.objects.count() == 1
    job.connection.refresh_from_db()
    assert job.connection.hook_seen_at is not None


def test_webhook_is_not_believed(job: Attempt, emulator: EmulatorControl) -> None:
    lie = {"status": "COMPLETED", "result": {"images": [f"{emulator.root}/_trap"]}, "result_url": "http://10.0.0.1/"}

    assert emulator.hook(job.remote_id, patch=lie) == [204]
    deliver_due()

    job.refresh_from_db()
    assert (job.state, job.polls) == (AttemptState.ACCEPTED, 1)
    assert emulator.stats()["trapped"] == Asset.objects.count() == 0


def test_webhook_that_is_not_genuine_changes_nothing(job: Attempt, protocol: str, emulator: EmulatorControl) -> None:
    emulator.advance(steps=5)
    before = everything()
    # The other secret is the one in the address: whoever knows that one cannot sign with it.
    address_secret = hook_url(job.connection).split("/")[-2]

    for how in REFUSED[protocol]:
        assert emulator.hook(job.remote_id, how=how, secret=address_secret) == [401], how
        assert everything() == before, how
    assert emulator.hook(job.remote_id) == [204]


@pytest.mark.parametrize("protocol", ["aigateway"])
def test_webhook_of_a_connection_without_a_secret_is_refused(job: Attempt, emulator: EmulatorControl) -> None:
    Connection.objects.update(hook_secret="")

    assert emulator.hook(job.remote_id, how="empty_secret") == [401]
    assert emulator.hook(job.remote_id) == [401]


def test_replays_at_once_and_a_poll_deliver_once(job: Attempt, emulator: EmulatorControl) -> None:
    emulator.advance(steps=5)
    Attempt.objects.update(poll_at=Now())
    assert emulator.hook(job.remote_id) == [204]
    woken: set[int] = set()

    def poll_meanwhile() -> None:
        try:
            woken.update(jobs.poll_due())
        finally:
            connections.close_all()

    polling = threading.Thread(target=poll_meanwhile)
    polling.start()
    assert emulator.hook(job.remote_id, how="replay", times=50, at_once=True) == [204] * 50
    polling.join()
    for pk in {*woken, *jobs.poll_due(), *jobs.parked_ones(10)}:
        fulfilment.resume(pk)

    assert outcome(job.generation) == DONE
    assert HookDelivery.objects.count() == 1
    assert Entry.objects.filter(kind="charge").count() == Asset.objects.count() == 1
    assert emulator.stats()["requests"] == 1


def test_replay_of_an_old_webhook_does_not_ask_the_provider_again(job: Attempt, emulator: EmulatorControl) -> None:
    assert emulator.hook(job.remote_id) == [204]
    deliver_due()
    let_pace_pass(job)
    Attempt.objects.update(poll_at=Now() + timedelta(hours=1))

    assert emulator.hook(job.remote_id, how="replay", times=3) == [204] * 3
    assert not is_due(job)


def test_webhook_before_the_answer_that_names_the_job_is_harmless(
    connection: Connection, team: Team, member: User, protocol: str, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=0, hooks="send")
    generation = order(team, member, protocol, "A red kite [fault:job_hook_first seconds=0.7]")

    fulfilment.fulfil_next(connection.pk)
    assert [hook["status"] for hook in emulator.hooks()] == [204]
    assert generation.attempts.get().state == AttemptState.ACCEPTED
    for pk in poll():
        fulfilment.resume(pk)

    assert outcome(generation) == DONE


def test_webhooks_after_the_end_have_no_effect(job: Attempt, emulator: EmulatorControl) -> None:
    emulator.advance(steps=5)
    emulator.hook(job.remote_id)
    deliver_due()
    before = everything()[:3]

    # Another body is another event: these are no replays.
    assert emulator.hook(job.remote_id, patch={"id": "evt_late_progress"}) == [204]
    assert emulator.hook(job.remote_id, event="failed", patch={"id": "evt_late_failure"}) == [204]
    deliver_due()

    assert everything()[:3] == before
    assert outcome(job.generation) == DONE


def unknown_job(protocol: str) -> dict[str, Any]:
    return {"jobId": "none"} if protocol == "apiframe" else {"data": {"job_id": "none"}, "id": "evt_none"}


def test_webhook_about_a_job_that_nobody_knows_is_answered_alike(
    job: Attempt, protocol: str, emulator: EmulatorControl, team: Team
) -> None:
    other = with_hooks(connect(emulator, protocol, team=team, name="other"))
    before = everything()[:2]

    assert emulator.hook(job.remote_id, patch=unknown_job(protocol)) == [204]
    # The same account at the provider, but the job belongs to the first connection.
    assert emulator.hook(job.remote_id, url=hook_url(other)) == [204]

    assert everything()[:2] == before
    assert not is_due(job)


def of_a_row_that_is_gone(connection: Connection) -> str:
    address = hook_url(connection)
    connection.delete()
    return address


def test_addresses_that_are_none_are_all_answered_alike(
    job: Attempt, protocol: str, emulator: EmulatorControl, site: Server, team: Team
) -> None:
    right = hook_url(job.connection)
    wrong = [
        of_a_row_that_is_gone(connect(emulator, protocol, team=team, name="gone")),
        right.replace(f"/{job.connection_id}/", "/987654/"),
        right[:-2] + ("0/" if right[-2] != "0" else "1/"),
        f"{site.url}/hooks/{job.connection_id}/{HOOK_SECRET}/",
        f"{site.url}/hooks/{job.connection_id}/é/",
    ]
    answers = {(answer.status_code, answer.text) for answer in (post(url, b"{}") for url in wrong)}
    assert {status for status, _ in answers} == {404}
    assert len(answers) == 1
    assert httpx.get(right, trust_env=False).status_code == 405
    # Of a connection that was removed, too.
    Connection.objects.update(removed_at=Now(), enabled=False)
    assert emulator.hook(job.remote_id) == [404]


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(url, content=body, headers={"content-type": "application/json"} | headers, trust_env=False)


def test_other_content_is_refused_though_signed(job: Attempt, emulator: EmulatorControl) -> None:
    before = everything()
    for content_type in CONTENT_TYPES:
        assert emulator.hook(job.remote_id, content_type=content_type) == [415], content_type
    assert everything() == before
    assert emulator.hook(job.remote_id, content_type="application/json; charset=utf-8") == [204]


def test_body_that_names_no_job_is_refused_though_signed(job: Attempt, emulator: EmulatorControl) -> None:
    before = everything()
    for raw in NO_NEWS:
        assert emulator.hook(job.remote_id, raw=raw) == [401], raw
    assert everything() == before


def test_large_body_is_refused_before_it_is_read(job: Attempt, emulator: EmulatorControl) -> None:
    url = hook_url(job.connection)
    begun = time.monotonic()

    assert post(url, b"x" * 50_000_000).status_code == 413
    assert post(url, (b"x" * 50_000 for _ in range(1000))).status_code == 413
    # One byte beyond the most is too much, the most is not: it is refused for its signature.
    assert post(url, b" " * (asgi.MOST_HOOK_BYTES + 1)).status_code == 413
    assert post(url, b" " * asgi.MOST_HOOK_BYTES).status_code == 401
    assert time.monotonic() - begun < 10


def test_large_body_is_refused_by_the_view_itself(job: Attempt) -> None:
    """Whatever server stands in front."""
    path = hook_url(job.connection).removeprefix("http://").partition("/")[2]
    answer = Client().post(f"/{path}", b" " * 70_000, content_type="application/json")
    assert answer.status_code == 413


def test_slow_bodies_hold_nobody_up(job: Attempt, emulator: EmulatorControl, site: Server) -> None:
    path = hook_url(job.connection).removeprefix(site.url)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{{"
    slow = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(40)]
    for sender in slow:
        sender.sendall(head.encode())

    assert emulator.hook(job.remote_id) == [204]
    for sender in slow:
        sender.close()


def test_hint_survives_a_handler_that_dies_after_verifying(
    job: Attempt, emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.advance(steps=5)

    def die(**_: object) -> bool:
        raise SystemError("as if the process had been killed here")

    with monkeypatch.context() as dying:
        dying.setattr(jobs, "hasten", die)
        assert emulator.hook(job.remote_id) == [500]
    assert not is_due(job)

    assert emulator.hook(job.remote_id, how="replay") == [204]
    assert is_due(job)


def test_lost_webhook_is_no_loss(job: Attempt, emulator: EmulatorControl) -> None:
    emulator.advance(steps=5)
    for pk in poll():
        fulfilment.resume(pk)

    assert outcome(job.generation) == DONE
    assert emulator.stats()["hooks"] == 0


@pytest.mark.parametrize("protocol", ["apiframe"])
def test_earlier_key_signs_webhooks_for_a_while(job: Attempt, emulator: EmulatorControl) -> None:
    connection = job.connection
    connection.earlier_secret, connection.secret = connection.secret, "afk_another0123456789abcdef"
    connection.save()
    Connection.objects.update(rotated_at=Now())
    assert emulator.hook(job.remote_id) == [204]
    assert emulator.hook(job.remote_id, how="other_secret", secret="afk_another0123456789abcdef") == [204]

    Connection.objects.update(earlier_secret="", rotated_at=None)
    assert emulator.hook(job.remote_id) == [401]
    assert emulator.hook(job.remote_id, how="other_secret", secret="afk_another0123456789abcdef") == [204]


def test_server_that_cannot_be_reached_asks_for_no_webhook(
    connection: Connection, team: Team, member: User, protocol: str, emulator: EmulatorControl, settings: Settings
) -> None:
    settings.IS_REACHABLE = False
    generation = order(team, member, protocol)
    accepted(connection, generation)
    assert [job["hook_url"] for job in emulator.jobs()] == [""]
    assert "hook" not in json.dumps(emulator.requests()[0]["body"])

    emulator.advance(steps=5)
    for pk in poll():
        fulfilment.resume(pk)
    assert outcome(generation) == DONE


def test_webhook_never_asks_faster_than_the_provider_wants(job: Attempt, emulator: EmulatorControl) -> None:
    Attempt.objects.update(polled_at=Now())

    assert emulator.hook(job.remote_id) == [204]
    assert list(jobs.poll_due()) == []
    assert emulator.stats()["calls"].get("poll", 0) == 0
    attempt = Attempt.objects.get()
    assert attempt.poll_at is not None
    assert attempt.polled_at is not None
    assert attempt.poll_at - attempt.polled_at <= timedelta(seconds=3)
