"""What follows when a provider refuses: the class of the error, what it pauses, and that nothing is charged."""

from collections.abc import Mapping

import pytest

from studio.catalogue.errors import NotOffered
from studio.catalogue.models import ImageModel
from studio.generations import failing
from studio.generations.models import Attempt
from studio.providers.adapters.errors import ADMIN_MESSAGES
from studio.providers.models import Connection, PausedModel
from tests.generations.conformance.line import JOBS, Ending, Line, delivered, failed, interrupted
from tests.generations.providers import MODELS, work

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = 3


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "MOST_TRIES", TRIES)


ENDINGS: Mapping[str, Ending] = {
    "bad_request": failed("invalid_request"),
    "too_large": failed("invalid_request"),
    "teapot": failed("invalid_request"),
    "unauthorized": failed("auth"),
    "forbidden": failed("permission"),
    "payment_required": failed("insufficient_funds"),
    "model_not_found": failed("model_unavailable"),
    "content_refused": failed("content_refused"),
    "conflict": failed("conflict", lost=True),
    "server_error": failed("upstream_transient", lost=True),
    "server_error_charged": failed("upstream_transient", lost=True, paid=1),
    "error_in_200": failed("bad_answer", lost=True),
    "request_timeout": interrupted(),
    "bad_gateway": interrupted(),
    "gateway_timeout": interrupted(),
    "overloaded": failed("upstream_transient", calls=("upstream_transient",) * TRIES, requests=TRIES),
    "overloaded times=1": delivered(calls=("upstream_transient", "closed"), requests=2),
    "rate_limited": failed("rate_limited", calls=("rate_limited",) * TRIES, requests=TRIES),
    "rate_limited times=2": delivered(calls=("rate_limited", "rate_limited", "closed"), requests=3),
}
# It knows a repeated call by its id, so what nobody knows is asked again.
_ASKED_AGAIN = interrupted(calls=("outcome_unknown",) * TRIES, requests=TRIES)
DIFFERENT: Mapping[str, Mapping[str, Ending]] = {
    # The guardrail does not say whether it read the prompt or the picture.
    "cloudflare": {"content_refused": failed("content_refused", lost=True), "conflict": failed("invalid_request")},
    # The error in the answer names its class, which counts more than the status.
    "pixapi": {
        name: failed("upstream_transient", lost=True) for name in ("error_in_200", "bad_gateway", "gateway_timeout")
    },
    "apiframe": dict.fromkeys(("request_timeout", "bad_gateway", "gateway_timeout", "overloaded"), _ASKED_AGAIN)
    | {"overloaded times=1": delivered(calls=("outcome_unknown", "closed"), requests=2)},
}


def test_refusal_ends_in_its_class_and_is_not_charged(line: Line) -> None:
    assert line.each(ENDINGS) == {**ENDINGS, **DIFFERENT.get(line.way, {})}


@pytest.mark.parametrize("way", ["apiframe"])
def test_unknown_outcome_is_asked_for_again_where_the_provider_knows_the_call(line: Line) -> None:
    again = delivered(calls=("outcome_unknown", "closed"), requests=2)
    faults = ("request_timeout times=1", "bad_gateway times=1", "gateway_timeout times=1", "overloaded times=1")

    for fault in faults:
        line.renew()
        assert line.make(fault) == again
        assert len({request["headers"]["idempotency-key"] for request in line.emulator.requests()}) == 1


# Fault → what it takes out of service: the whole connection, the model there, or nothing.
PAUSES = {
    "unauthorized": ("auth", ""),
    "payment_required": ("insufficient_funds", ""),
    "forbidden": ("", "permission"),
    "model_not_found": ("", "model_unavailable"),
    "bad_request": ("", ""),
    "content_refused": ("", ""),
    "conflict": ("", ""),
    "server_error": ("", ""),
}


def test_what_needs_somebody_pauses_the_connection_or_the_model(line: Line) -> None:
    found = {}
    for fault in PAUSES:
        line.renew()
        line.make(fault)
        paused_model = PausedModel.objects.values_list("kind", flat=True).first() or ""
        found[fault] = (Connection.objects.get().paused_kind, paused_model)
        if any(found[fault]):
            with pytest.raises(NotOffered):
                line.ask()

    assert found == PAUSES
    assert {kind for pair in PAUSES.values() for kind in pair if kind} <= set(ADMIN_MESSAGES)


def test_model_that_retires_pauses_there_and_other_models_go_on(line: Line) -> None:
    model = ImageModel.objects.get(slug=MODELS[line.protocol])
    generation = line.ask()
    line.emulator.set(retired=[model.remote_name])

    assert line.end(generation) == failed("model_unavailable")
    assert list(PausedModel.objects.values_list("connection", "remote_name")) == [
        (line.connection.pk, model.remote_name)
    ]
    assert Connection.objects.get().paused_kind == ""
    with pytest.raises(NotOffered):
        line.ask()


def test_words_of_a_refusal_are_kept_without_key_and_prompt(line: Line) -> None:
    assert line.make("bad_request echo=1").state == "failed"
    message = Attempt.objects.get().provider_message
    assert "Key [key], prompt [prompt], <b>bold</b>." in message


@pytest.mark.parametrize("way", JOBS)
def test_words_of_a_failed_job_are_kept_without_the_prompt(line: Line) -> None:
    generation = line.ask()
    line.emulator.fail("job_fails", error=f"cannot draw {generation.prompt}")

    work(generation)

    assert Attempt.objects.get().provider_message == "cannot draw [prompt]"


@pytest.mark.parametrize("way", JOBS)
def test_refused_question_for_a_job_pauses_and_keeps_no_secret(line: Line) -> None:
    line.emulator.fail("unauthorized", at="poll", echo=1)

    assert line.make() == delivered()
    connection = Connection.objects.get()
    assert connection.paused_kind == "auth"
    assert "[key]" in connection.paused_note
