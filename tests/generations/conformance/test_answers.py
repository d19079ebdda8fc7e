"""Answers that are broken, false or hostile, on the wire and in what they hold: no crash, no charge, nothing stuck."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from studio.generations import failing, fulfilment
from studio.generations.engine import engine
from studio.generations.models import Attempt, AttemptState
from studio.providers.models import Connection
from tests.generations.conformance.line import BASE64, JOBS, Ending, Line, delivered, failed, interrupted
from tests.generations.providers import poll

pytestmark = pytest.mark.django_db(transaction=True)

JUNK = failed("bad_answer", lost=True, paid=1)
FREE_JUNK = failed("bad_answer", lost=True)
# The picture is no picture, or its data is damaged: the answer was good, and is paid for.
BAD_IMAGE = failed("bad_image", calls=("closed",), lost=True, paid=1)
LOST = interrupted(paid=1)

ANSWERS: Mapping[str, Ending] = {
    "html": FREE_JUNK,
    "empty": FREE_JUNK,
    "no_content": FREE_JUNK,
    "moved": FREE_JUNK,
    "redirect_private": FREE_JUNK,
    "invalid_json": JUNK,
    "json_list": JUNK,
    "no_data": JUNK,
    "data_null": JUNK,
    "data_object": JUNK,
    "data_empty": JUNK,
    "deep_json": JUNK,
    "duplicate_keys": JUNK,
    "nan": JUNK,
    "strange_encoding": JUNK,
    "surrogates": BAD_IMAGE,
    "nul": BAD_IMAGE,
    "no_picture_field": BAD_IMAGE,
    "text_file": BAD_IMAGE,
    "svg": BAD_IMAGE,
    "html_picture": BAD_IMAGE,
    "truncated_jpeg": BAD_IMAGE,
    "bomb": BAD_IMAGE,
    "reset_before": LOST,
    "reset_body": LOST,
    "cut_body": LOST,
    "chunked_cut": LOST,
    "not_http": LOST,
    "big_header": LOST,
}
# A call that may have been taken is sent again under its name, and the job of the first one is found.
_FOUND_AGAIN = delivered(calls=("outcome_unknown", "closed"), requests=2)
DIFFERENT: Mapping[str, Mapping[str, Ending]] = {
    "cloudflare": dict.fromkeys(("surrogates", "nul", "no_picture_field"), JUNK),
    "aigateway-jobs": {"no_picture_field": JUNK},
    "apiframe": {
        **dict.fromkeys(("surrogates", "nul", "no_picture_field"), JUNK),
        **dict.fromkeys([fault for fault, ending in ANSWERS.items() if ending == LOST], _FOUND_AGAIN),
    },
}


def test_answer_that_cannot_be_used_is_not_charged(line: Line) -> None:
    assert line.each(ANSWERS) == {**ANSWERS, **DIFFERENT.get(line.way, {})}


@pytest.mark.parametrize("way", BASE64)
def test_base64_is_taken_in_every_spelling_and_refused_when_damaged(line: Line) -> None:
    spellings: dict[str, Ending] = {
        "base64_whitespace": delivered(),
        "base64_urlsafe": delivered(),
        "base64_data_url": delivered(),
        "truncated_base64": BAD_IMAGE,
    }

    assert line.each(spellings) == spellings


@pytest.mark.parametrize("way", ["openai", "apiframe"])
def test_answer_with_some_of_the_pictures_is_partial(line: Line) -> None:
    mixed = Ending(
        state="partial",
        outputs={"delivered": 2, "failed": 1},
        reasons=frozenset({"bad_image"}),
        lost=True,
        paid=3,
    )
    endings = {
        "mixed": mixed,
        "fewer": replace(mixed, reasons=frozenset({"bad_answer"}), lost=False),
        "more": delivered(3),
        "same": delivered(3),
    }

    assert line.each(endings, n=3) == endings


def test_answer_larger_than_allowed_is_cut_off(line: Line) -> None:
    faults = ("huge", "huge chunked=1", "gzip_bomb megabytes=200")

    assert line.each(faults) == dict.fromkeys(faults, JUNK)


@pytest.mark.parametrize("way", JOBS)
def test_question_for_a_job_may_be_answered_with_anything_and_is_asked_again(line: Line) -> None:
    faults = [
        f"{fault} at=poll times=2"
        for fault in ("html", "empty", "json_list", "deep_json", "reset_before", "cut_body", "huge", "server_error")
    ]

    assert line.each(faults) == dict.fromkeys(faults, delivered())


@pytest.mark.parametrize("way", JOBS)
def test_job_with_the_id_of_another_one_is_lost_and_not_mixed_up(line: Line) -> None:
    assert line.make() == delivered()
    first = Attempt.objects.get()

    ending = line.make("job_reused_id")

    # Apiframe is asked again, and then names the right job.
    again = replace(_FOUND_AGAIN, requests=3, paid=2)
    assert ending == (again if line.way == "apiframe" else interrupted(requests=2, paid=2))
    assert Attempt.objects.exclude(pk=first.pk).filter(remote_id=first.remote_id).count() == 0


@pytest.mark.parametrize("way", JOBS)
def test_record_of_another_job_is_no_news_of_the_one_that_was_asked_for(line: Line) -> None:
    first, second = line.ask(), line.ask()
    for _ in range(2):
        fulfilment.fulfil_next(line.connection.pk)
    line.emulator.fail("job_swapped", at="poll", times=2)

    # Neither is told anything by the answer that was meant for the other.
    assert poll() == set()
    assert set(Attempt.objects.values_list("state", "polls")) == {(AttemptState.ACCEPTED, 1)}
    for generation in (first, second):
        assert line.end(generation) == delivered(requests=2, paid=2)
    assert line.pictures(first) != line.pictures(second)


# Time-outs


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_answer_that_does_not_come_in_time_is_unknown(line: Line, settings: Settings, fault: str) -> None:
    settings.CALL_DEADLINE = 2

    assert line.make(fault) == (_FOUND_AGAIN if line.way == "apiframe" else LOST)


@pytest.fixture
def silent() -> Iterator[str]:
    """A place that takes connections and never says a word, so no TLS begins there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """A place where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def refused_twice(line: Line, settings: Settings, base_url: str, place: str, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Send a call to another place than the emulator, twice."""
    monkeypatch.setattr(failing, "MOST_TRIES", 2)
    settings.PRIVATE_HOSTS = frozenset({place})
    Connection.objects.update(base_url=base_url)
    return line.make()


UNREACHABLE = failed("unreachable", calls=("unreachable", "unreachable"), requests=0)


def test_time_out_before_anything_was_sent_is_tried_again(
    line: Line, settings: Settings, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CALL_DEADLINE = 0.3

    assert refused_twice(line, settings, f"https://{silent}/v1", silent, monkeypatch) == UNREACHABLE


def test_refused_connection_is_tried_again(
    line: Line, settings: Settings, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused_twice(line, settings, f"http://{closed}/v1", closed, monkeypatch) == UNREACHABLE


def test_name_that_leads_nowhere_is_tried_again(
    line: Line, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("unknown name")

    monkeypatch.setattr(engine().client._client._transport, "_resolve", resolve)

    assert refused_twice(line, settings, "https://nowhere.example/v1", "", monkeypatch) == UNREACHABLE


def test_base_url_that_leads_inside_is_not_called(line: Line, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = frozenset()

    assert line.make() == failed("address_refused", requests=0)
    assert Connection.objects.get().paused_kind == "address_refused"
