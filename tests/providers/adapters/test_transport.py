import asyncio
import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from studio.providers.adapters.base import HttpRequest
from studio.providers.adapters.errors import (
    AddressRefused,
    BadAnswer,
    NotReady,
    OutcomeUnknown,
    ProviderError,
    Unreachable,
)
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.transport import ProviderClient
from tests.emulators.control import EmulatorControl
from tests.emulators.loopback import LoopbackServer, Request, Wire
from tests.emulators.openai import KEY
from tests.providers.adapters.door import PLAIN, endpoint, fetch, generate, post, send


class Recorder:
    """A server that answers by path and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}

    async def handle(self, request: Request, wire: Wire) -> None:
        self.requests.append(request)
        status, body, headers = self.answers.get(request.path, (200, b"{}", {}))
        await wire.answer(status, body, **headers)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def recording() -> Iterator[tuple[Recorder, LoopbackServer]]:
    recorder = Recorder()
    with LoopbackServer(recorder.handle) as server:
        yield recorder, server


def names(**known: Sequence[str]) -> Callable[..., object]:
    async def resolve(host: str, _: int) -> Sequence[str]:
        if host.replace(".", "_") not in known:
            raise OSError("unknown name")
        return known[host.replace(".", "_")]

    return resolve


def test_request_carries_what_was_built_and_nothing_else(spool: Path) -> None:
    with recording() as (recorder, server):
        request = HttpRequest("POST", f"{server.url}/v1/x?y=1", {"authorization": "Bearer k"}, b'{"a":1}', "text/x")
        answer = send(request, spool, private_hosts=frozenset({server.place}))

    seen = recorder.requests[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/x?y=1", b'{"a":1}')
    assert seen.headers == {
        "host": server.place,
        "authorization": "Bearer k",
        "content-type": "text/x",
        "content-length": "7",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": "Atelier",
    }
    assert (answer.status, answer.size, answer.read()) == (200, 2, b"{}")
    assert list(spool.parent.iterdir()) == [spool]


def test_proxy_of_the_environment_is_ignored(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording() as (recorder, server), recording() as (trap, proxy):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        send(post(f"{server.url}/v1"), spool, private_hosts=frozenset({server.place}))

    assert (recorder.paths, trap.paths) == (["/v1"], [])


def test_cookies_of_one_call_do_not_reach_the_next(spool: Path) -> None:
    async def twice(server: LoopbackServer) -> None:
        door = ProviderClient()
        for _ in range(2):
            request = post(f"{server.url}/v1")
            await door.send(request, deadline=20, spool=spool, private_hosts=frozenset({server.place}))
        await door.aclose()

    with recording() as (recorder, server):
        recorder.answers["/v1"] = (200, b"{}", {"set_cookie": "session=1; Path=/"})
        asyncio.run(twice(server))

    assert ["cookie" in request.headers for request in recorder.requests] == [False, False]


def test_refused_connection_is_unreachable_and_may_be_retried(spool: Path) -> None:
    with recording() as (_, server):
        pass

    with pytest.raises(Unreachable) as caught:
        send(post(f"{server.url}/v1"), spool, private_hosts=frozenset({server.place}))

    assert (caught.value.kind, caught.value.retryable, caught.value.sent) == ("unreachable", True, False)
    assert list(spool.parent.iterdir()) == []


def test_unknown_name_is_unreachable(spool: Path) -> None:
    with pytest.raises(Unreachable) as caught:
        send(post("https://nowhere.example/v1"), spool, client={"resolve": names()})

    assert (caught.value.retryable, caught.value.sent) == (True, False)


def test_private_address_is_refused_without_a_connection(spool: Path) -> None:
    with recording() as (recorder, server):
        for url in (f"{server.url}/v1", f"https://inside.example:{server.port}/v1"):
            with pytest.raises(AddressRefused) as caught:
                send(post(url), spool, client={"resolve": names(inside_example=["127.0.0.1"])})
            assert (caught.value.retryable, caught.value.sent) == (False, False)

    assert recorder.requests == []


def test_list_allows_exactly_one_port(spool: Path) -> None:
    with recording() as (recorder, server), recording() as (_, other), pytest.raises(AddressRefused):
        send(post(f"{server.url}/v1"), spool, private_hosts=frozenset({other.place}))

    assert recorder.requests == []


def test_deadline_before_anything_left_may_be_retried(spool: Path) -> None:
    async def never(*_: object) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(Unreachable) as caught:
        send(post("https://slow.example/v1"), spool, deadline=0.2, client={"resolve": never})

    assert caught.value.sent is False
    assert list(spool.parent.iterdir()) == []


def test_deadline_is_total_however_the_bytes_drip(emulator: EmulatorControl, spool: Path) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        generate(emulator, spool, "A boat [fault:drip every=0.01]", deadline=0.5)

    assert str(caught.value) == "No whole answer within 0.5 seconds."


def test_on_sent_is_awaited_before_the_answer_is_waited_for(emulator: EmulatorControl, spool: Path) -> None:
    events: list[str] = []

    async def on_sent() -> None:
        events.append("sent")

    request = ADAPTERS["openai"].build_request(endpoint(emulator), PLAIN)
    emulator.fail("reset_before")
    with pytest.raises(OutcomeUnknown):
        send(request, spool, private_hosts=frozenset({emulator.place}), on_sent=on_sent)

    assert events == ["sent"]


def test_cancelled_call_leaves_no_file(emulator: EmulatorControl, spool: Path) -> None:
    async def cancelled() -> None:
        door = ProviderClient()
        request = ADAPTERS["openai"].build_request(endpoint(emulator), PLAIN)
        emulator.fail("hang")
        sent = asyncio.Event()

        async def on_sent() -> None:
            sent.set()

        call = asyncio.create_task(
            door.send(request, deadline=60, spool=spool, private_hosts=frozenset({emulator.place}), on_sent=on_sent)
        )
        await sent.wait()
        # A waiting call has its file, but must not keep a descriptor for it.
        assert [path.name for path in spool.parent.iterdir()] == ["answer.part"]
        assert not [file for file in psutil.Process().open_files() if file.path.endswith(".part")]
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await door.aclose()

    asyncio.run(cancelled())

    assert list(spool.parent.iterdir()) == []


def test_unwritable_spool_is_noticed_before_money_is_spent(emulator: EmulatorControl, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotReady) as caught:
        generate(emulator, tmp_path / "file" / "answer", "A boat")

    assert caught.value.sent is False
    assert "store" in caught.value.designer_message
    assert emulator.stats()["requests"] == 0


@pytest.mark.parametrize("fault", ["huge chunked=1", "gzip_bomb megabytes=300"])
def test_oversized_answer_costs_no_memory(emulator: EmulatorControl, spool: Path, fault: str) -> None:
    with pytest.raises(BadAnswer):
        generate(emulator, spool, f"warm up [fault:{fault}]")
    tracemalloc.start()
    try:
        with pytest.raises(BadAnswer):
            generate(emulator, spool, f"A boat [fault:{fault}]")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 24 * 1024 * 1024


def test_answer_up_to_the_limit_is_taken_and_one_byte_more_is_not(spool: Path) -> None:
    with recording() as (recorder, server):
        recorder.answers["/fits"] = (200, b"x" * 5000, {})
        recorder.answers["/over"] = (200, b"x" * 5001, {})
        client = {"body_limit": 5000}
        place = frozenset({server.place})
        assert send(post(f"{server.url}/fits"), spool, private_hosts=place, client=client).size == 5000
        with pytest.raises(BadAnswer):
            send(post(f"{server.url}/over"), spool, private_hosts=place, client=client)


def test_wire_limit_counts_headers_too(spool: Path) -> None:
    with recording() as (recorder, server):
        recorder.answers["/v1"] = (200, b"{}", {f"x_{number}": "y" * 90 for number in range(50)})
        with pytest.raises(BadAnswer):
            send(post(f"{server.url}/v1"), spool, private_hosts=frozenset({server.place}), client={"wire_limit": 4000})


def test_hundred_calls_run_at_once(emulator: EmulatorControl, tmp_path: Path) -> None:
    async def all_at_once() -> list[int]:
        door = ProviderClient()
        request = ADAPTERS["openai"].build_request(endpoint(emulator), PLAIN)
        place = frozenset({emulator.place})
        calls = (
            door.send(request, deadline=60, spool=tmp_path / str(number), private_hosts=place) for number in range(100)
        )
        answers = await asyncio.gather(*calls)
        await door.aclose()
        return [answer.status for answer in answers]

    emulator.set(latency=1.0)

    assert asyncio.run(all_at_once()) == [200] * 100
    assert emulator.stats()["most_in_flight"] == 100


def test_what_comes_after_an_answer_is_no_answer_to_the_next_call(spool: Path) -> None:
    async def handle(request: Request, wire: Wire) -> None:
        await wire.answer(200, request.body)
        await wire.answer(200, b"the answer of another call")
        # The line stays open: a client that kept it would find that answer waiting there.
        await asyncio.sleep(0.5)

    async def twice(server: LoopbackServer) -> list[bytes]:
        door = ProviderClient()
        found = []
        for body in (b"one", b"two"):
            request = replace(post(f"{server.url}/v1"), body=body)
            answer = await door.send(request, deadline=20, spool=spool, private_hosts=frozenset({server.place}))
            found.append(answer.read())
        await door.aclose()
        return found

    with LoopbackServer(handle) as server:
        assert asyncio.run(twice(server)) == [b"one", b"two"]


def test_client_survives_a_failed_call(emulator: EmulatorControl, tmp_path: Path) -> None:
    async def one_after_another() -> list[str]:
        door = ProviderClient()
        ends = []
        for number, fault in enumerate(["reset_body", "", "huge", "", "not_http", ""]):
            if fault:
                emulator.fail(fault)
            request = ADAPTERS["openai"].build_request(endpoint(emulator), PLAIN)
            spool = tmp_path / str(number)
            try:
                answer = await door.send(request, deadline=20, spool=spool, private_hosts=frozenset({emulator.place}))
                ends.append(str(answer.status))
            except ProviderError as error:
                ends.append(error.kind)
        await door.aclose()
        return ends

    ends = asyncio.run(one_after_another())

    assert ends == ["outcome_unknown", "200", "bad_answer", "200", "outcome_unknown", "200"]


# Results by address


def redirect(target: str) -> tuple[int, bytes, dict[str, str]]:
    return 302, b"", {"location": target}


def test_fetch_follows_three_redirects_without_the_key(spool: Path) -> None:
    with recording() as (recorder, server):
        recorder.answers |= {"/1": redirect("/2"), "/2": redirect("3"), "/3": redirect(f"{server.url}/4")}
        recorder.answers["/4"] = (200, b"picture", {})
        answer = fetch(f"{server.url}/1", spool, private_hosts=frozenset({server.place}))

    assert answer.read() == b"picture"
    assert recorder.paths == ["/1", "/2", "/3", "/4"]
    assert not any("authorization" in request.headers for request in recorder.requests)


def test_fetch_gives_up_at_the_fourth_redirect(spool: Path) -> None:
    with recording() as (recorder, server):
        recorder.answers["/1"] = redirect("/1")
        with pytest.raises(BadAnswer):
            fetch(f"{server.url}/1", spool, private_hosts=frozenset({server.place}))

    assert recorder.paths == ["/1"] * 4
    assert list(spool.parent.iterdir()) == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:7f00:1]/",
        "https://localhost:5432/",
        "http://api.example/",
        "file:///etc/passwd",
        "ftp://api.example/",
        "https://user:password@api.example/",
        "http://[broken/",
    ],
)
def test_fetch_checks_every_hop(spool: Path, target: str) -> None:
    with recording() as (recorder, server), recording() as (trap, _):
        recorder.answers["/1"] = redirect(target)
        with pytest.raises(BadAnswer) as caught:
            fetch(f"{server.url}/1", spool, private_hosts=frozenset({server.place}))

    assert (caught.value.kind, caught.value.sent, caught.value.retryable) == ("bad_answer", True, False)
    assert (recorder.paths, trap.paths) == (["/1"], [])


def test_fetch_refuses_a_private_neighbour(spool: Path) -> None:
    with recording() as (recorder, server), recording() as (trap, inside):
        recorder.answers["/1"] = redirect(f"{inside.url}/admin")
        with pytest.raises(BadAnswer):
            fetch(f"{server.url}/1", spool, private_hosts=frozenset({server.place}))

    assert trap.requests == []


@pytest.mark.parametrize("status", [204, 301, 304, 403, 404, 410, 500])
def test_fetch_takes_nothing_but_200(spool: Path, status: int) -> None:
    with recording() as (recorder, server):
        recorder.answers["/1"] = (status, b"", {})
        with pytest.raises(BadAnswer) as caught:
            fetch(f"{server.url}/1", spool, private_hosts=frozenset({server.place}))

    assert caught.value.status == status


def test_result_url_of_an_answer_can_be_fetched(emulator: EmulatorControl, spool: Path, tmp_path: Path) -> None:
    url = generate(emulator, spool, "A boat [fault:result_url]").images[0].url
    assert url is not None

    answer = fetch(url, tmp_path / "picture", private_hosts=emulator.places)

    assert answer.read().startswith(b"\x89PNG")


def test_answer_keeps_the_secret_out_of_its_repr(emulator: EmulatorControl, spool: Path) -> None:
    request = ADAPTERS["openai"].build_request(endpoint(emulator), PLAIN)
    answer = send(request, spool, private_hosts=frozenset({emulator.place}))

    assert KEY not in repr(request) + repr(answer) + repr(endpoint(emulator))
    assert json.loads(answer.read())["size"] == "1024x1024"
