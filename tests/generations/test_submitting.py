"""The composer's answers: submits, refusals with the form kept, and quotes."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from studio.accounts.models import User
from studio.catalogue.models import Price
from studio.generations.models import Generation, GenerationState
from studio.generations.models import OutputState as Is
from studio.ledger.queries import balance
from studio.ledger.services import reserve
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.pages import ASKED, CREATE, HTMX, QUOTE, STUDIO, articles, hidden, text
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

Send = Callable[..., Any]


@pytest.fixture
def send(member: User, client_of: ClientOf) -> Send:
    """Submits the composer as htmx does; `plain=True` as a browser without JavaScript."""
    client = client_of(member)

    def submit_form(*, plain: bool = False, **changes: Any) -> Any:
        data = {**ASKED, "key": str(uuid.uuid4()), **changes}
        return client.post(CREATE, data, headers={} if plain else HTMX)

    return submit_form


def test_create_answers_htmx_with_the_card_a_new_key_and_the_new_balance(send: Send, team: Team) -> None:
    key = str(uuid.uuid4())
    response = send(key=key)

    generation = Generation.objects.get()
    assert response.status_code == 200
    assert articles(response) == [(str(generation.pk), "queued")]
    assert hidden(response, "key") not in {key, ""}
    assert "96 left after this" in text(response)
    assert response["HX-Trigger"] == '{"credits-changed": {}}'
    assert balance(team).held == 2


def test_create_without_javascript_leads_back_to_the_card(send: Send, member: User, client_of: ClientOf) -> None:
    response = send(plain=True)

    generation = Generation.objects.get()
    assert (response.status_code, response["Location"]) == (
        303,
        f"{STUDIO}?from={generation.pk}#generation-{generation.pk}",
    )
    assert articles(client_of(member).get(STUDIO)) == [(str(generation.pk), "queued")]


def test_create_three_times_in_a_row_makes_three(send: Send) -> None:
    key = str(uuid.uuid4())
    for _ in range(3):
        key = hidden(send(key=key), "key")

    assert Generation.objects.count() == 3


def test_create_same_key_and_body_answers_with_the_same_generation(send: Send, team: Team) -> None:
    key = str(uuid.uuid4())

    first, second = send(key=key), send(key=key)

    assert articles(first) == articles(second)
    assert (second.status_code, Generation.objects.count(), balance(team).held) == (200, 1, 2)


@pytest.mark.parametrize("plain", [False, True])
def test_create_same_key_other_body_keeps_the_form_and_asks(send: Send, plain: bool) -> None:
    key = str(uuid.uuid4())
    send(key=key)

    response = send(key=key, prompt="Other words", plain=plain)

    assert response.status_code == 409
    assert "Already sent. Generate again?" in text(response)
    assert "Other words</textarea>" in response.content.decode()
    assert hidden(response, "key") != key
    again = send(key=hidden(response, "key"), prompt="Other words", plain=plain)
    assert again.status_code == (303 if plain else 200)
    assert Generation.objects.count() == 2


@pytest.mark.parametrize("plain", [False, True])
def test_create_after_a_price_rise_shows_the_new_price_and_charges_nothing(send: Send, team: Team, plain: bool) -> None:
    Price.objects.filter(model__slug="rehearsal").update(credits=3)

    response = send(plain=plain)

    assert response.status_code == 409
    assert "The price has changed." in text(response)
    assert "6 credits 2 × 3" in text(response)
    assert (hidden(response, "quoted"), hidden(response, "quoted_for")) == ("6", "rehearsal low 1024x1024 2")
    assert (Generation.objects.count(), balance(team).held) == (0, 0)


def test_create_with_a_quote_that_was_made_lower_is_refused(send: Send) -> None:
    assert send(quoted="1").status_code == 409
    assert Generation.objects.count() == 0


def test_create_without_javascript_with_other_settings_of_the_priced_model_goes_through(send: Send) -> None:
    response = send(plain=True, quoted="1", quoted_for="rehearsal medium 1024x1024 1", n="4")

    assert response.status_code == 303
    assert Generation.objects.get().n == 4


@pytest.mark.parametrize("plain", [False, True])
def test_create_without_enough_credits_says_how_many_are_missing(send: Send, team: Team, plain: bool) -> None:
    reserve(team_id=team.pk, hold_id=uuid.uuid4(), amount=95, actor_id=None, note="")

    response = send(n="9", quoted="9", quoted_for="rehearsal low 1024x1024 9", prompt="Kept words", plain=plain)

    assert response.status_code == 402
    assert "4 credits short. This needs 9 and 5 are left." in text(response)
    assert "Kept words</textarea>" in response.content.decode()
    assert "Make 5 images, 5 credits" in text(response)
    assert re.search(r'<button[^>]* id="generate"[^>]* aria-disabled="true"', response.content.decode())
    assert Generation.objects.count() == 0


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": ""}, "Describe the image first."),
        ({"prompt": "  \n "}, "Describe the image first."),
        ({"prompt": "x" * 32_001}, "32,001 characters; a prompt has at most 32,000."),
        ({"model": "gpt-9"}, "“gpt-9” is not a model of your team."),
        ({"quality": "ultra"}, "Rehearsal has no “ultra”. Choose another."),
        ({"size": "17x17"}, "Rehearsal has no “17x17”. Choose another."),
        ({"n": "0"}, "At least 1 image."),
        ({"n": "11"}, "At most 10 images at once."),
        ({"n": "-1"}, "At least 1 image."),
        ({"n": "abc"}, "The number of images is a whole number."),
        ({"background": "transparent", "output_format": "jpeg"}, "JPEG has no transparency. Choose PNG or WebP."),
    ],
)
def test_create_with_bad_input_keeps_the_form_and_says_why(
    send: Send, team: Team, changes: dict[str, str], message: str, plain: bool
) -> None:
    response = send(plain=plain, **changes)

    assert response.status_code == 422
    assert message in text(response)
    assert ">\n" + changes.get("prompt", ASKED["prompt"]) + "</textarea>" in response.content.decode()
    assert (Generation.objects.count(), balance(team).held) == (0, 0)


@pytest.mark.parametrize("encoded", ["boats%00", "boats%ED%A0%80"])
def test_create_with_text_that_cannot_be_stored_is_no_server_error(
    member: User, client_of: ClientOf, encoded: str
) -> None:
    fields = "&".join(f"{name}={value}" for name, value in ASKED.items() if name != "prompt").replace(" ", "+")

    response = client_of(member).post(
        CREATE, f"{fields}&prompt={encoded}", content_type="application/x-www-form-urlencoded"
    )

    # A half pair cannot even be written in UTF-8: what arrives is the mark for something unreadable.
    assert response.status_code == (400 if encoded.endswith("00") else 303)
    assert Generation.objects.filter(prompt__contains="\ud800".encode("utf-8", "replace").decode()).count() == 0


def test_create_success_after_a_refusal_clears_what_was_wrong(send: Send) -> None:
    refused = send(prompt="")
    assert hidden(refused, "kept") == "1"

    response = send(kept="1")

    assert response.status_code == 200
    assert re.search(r'<form[^>]* id="compose"[^>]* hx-swap-oob="true"', response.content.decode())
    assert "Describe the image first." not in text(response)
    assert "Three paper boats</textarea>" in response.content.decode()


def test_create_without_a_model_is_refused(send: Send) -> None:
    Connection.objects.update(enabled=False)

    assert send().status_code == 400
    assert Generation.objects.count() == 0


def test_create_without_its_token_says_the_page_has_expired(member: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)

    response = client.post(CREATE, {**ASKED, "key": str(uuid.uuid4())})

    assert response.status_code == 403
    assert "This page has expired" in text(response)
    assert Generation.objects.count() == 0


@pytest.mark.parametrize(("fixture", "status"), [("viewer", 403), ("stranger", 404)])
def test_writes_are_refused_to_who_may_not(
    fixture: str, status: int, request: pytest.FixtureRequest, team: Team, member: User, client_of: ClientOf
) -> None:
    generation = show(team, member, Is.WAITING)
    client = client_of(request.getfixturevalue(fixture))

    answers = [
        client.post(path, ASKED).status_code
        for path in (CREATE, QUOTE, f"{CREATE}{generation.pk}/cancel/", f"{CREATE}{generation.pk}/retry/")
    ]

    assert answers == [status] * 4
    assert Generation.objects.get().state == GenerationState.QUEUED


@pytest.mark.parametrize("path", [CREATE, QUOTE])
def test_writes_do_not_answer_get(path: str, member: User, client_of: ClientOf) -> None:
    assert client_of(member).get(path).status_code == 405


def test_quote_prices_the_form_as_it_stands(member: User, client_of: ClientOf) -> None:
    response = client_of(member).post(QUOTE, {**ASKED, "n": "5", "prompt": ""}, headers=HTMX)

    assert response.status_code == 200
    assert "5 credits 5 × 1 After this 95 left after this" in text(response)
    assert hidden(response, "quoted_for") == "rehearsal low 1024x1024 5"


def test_quote_of_auto_is_the_most_it_can_be(member: User, client_of: ClientOf) -> None:
    response = client_of(member).post(QUOTE, {**ASKED, "quality": "auto"}, headers=HTMX)

    assert "Up to 2 credits" in text(response)


def test_quote_of_settings_without_a_price_says_so(member: User, client_of: ClientOf) -> None:
    response = client_of(member).post(QUOTE, {**ASKED, "n": "abc"}, headers=HTMX)

    assert "No price for these settings." in text(response)
    assert 'aria-disabled="true"' in response.content.decode()


def test_quote_while_the_options_are_exchanged_changes_nothing(member: User, client_of: ClientOf) -> None:
    response = client_of(member).post(QUOTE, {"model": "rehearsal"}, headers=HTMX)

    assert (response.status_code, response.content) == (204, b"")


def test_quote_options_are_those_of_the_chosen_model(member: User, client_of: ClientOf) -> None:
    response = client_of(member).post(f"{QUOTE}?part=options", {**ASKED, "size": "17x17"}, headers=HTMX)

    page = response.content.decode()
    assert "Rehearsal has no 1:1, 17 × 17." in text(response)
    assert re.search(r'<div[^>]* id="quote" hx-swap-oob="outerMorph"', page)
    assert "<textarea" not in page


@pytest.mark.parametrize(("output_format", "shown"), [("png", False), ("webp", True), ("jpeg", True)])
def test_quote_compression_is_asked_for_where_the_format_has_one(
    output_format: str, shown: bool, member: User, client_of: ClientOf
) -> None:
    response = client_of(member).post(
        f"{QUOTE}?part=compression", {**ASKED, "output_format": output_format}, headers=HTMX
    )

    assert ('name="compression"' in response.content.decode()) == shown


def test_quote_without_javascript_is_the_page_with_the_form_kept(member: User, client_of: ClientOf) -> None:
    response = client_of(member).post(QUOTE, {**ASKED, "n": "3"})

    assert response.status_code == 200
    assert "3 credits 3 × 1" in text(response)
    assert "Three paper boats</textarea>" in response.content.decode()
