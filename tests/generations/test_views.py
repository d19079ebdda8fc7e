"""The studio's pages and fragments: who may see and do what, what comes back, and at which cost."""

import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.catalogue.models import ImageModel, Price
from studio.generations.models import Generation, GenerationState
from studio.generations.models import OutputState as Is
from studio.ledger.queries import balance
from studio.ledger.services import reserve
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.making import submit
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

STUDIO, CREATE, QUOTE = "/t/halden-co/studio/", "/t/halden-co/generations/", "/t/halden-co/quote/"
HTMX = {"HX-Request": "true"}
ASKED = {
    "prompt": "Three paper boats",
    "model": "rehearsal",
    "quality": "low",
    "size": "1024x1024",
    "n": "2",
    "background": "auto",
    "output_format": "png",
    "moderation": "auto",
    "quoted": "2",
    "quoted_for": "rehearsal low 1024x1024 2",
}
Send = Callable[..., Any]


@pytest.fixture
def send(member: User, client_of: ClientOf) -> Send:
    """Submits the composer as htmx does; `plain=True` as a browser without JavaScript."""
    client = client_of(member)

    def submit_form(*, plain: bool = False, **changes: Any) -> Any:
        data = {**ASKED, "key": str(uuid.uuid4()), **changes}
        return client.post(CREATE, data, headers={} if plain else HTMX)

    return submit_form


def text(response: Any) -> str:
    """What a reader sees, without tags and with single spaces."""
    body = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(body).split())


def hidden(response: Any, name: str) -> str:
    """The value of the one hidden field of that name."""
    [value] = re.findall(rf'<input type="hidden"[^>]* name="{name}" value="([^"]*)"', response.content.decode())
    return str(value)


def articles(response: Any) -> list[tuple[str, str]]:
    """Every generation on the page: its number and its state."""
    return re.findall(r'<article[^>]* data-generation="(\d+)" data-state="(\w+)"', response.content.decode())


# The page


def test_studio_has_the_fields_that_stay_the_same(member: User, client_of: ClientOf) -> None:
    page = client_of(member).get(STUDIO).content.decode()

    for name, label in [
        ("prompt", "Prompt"),
        ("model", "Model"),
        ("quality", "Quality"),
        ("size", "Size"),
        ("n", "Images"),
        ("background", "Background"),
        ("output_format", "Format"),
    ]:
        field = re.search(rf'<(?:textarea|select) name="{name}"[^>]* id="([^"]+)"', page)
        assert field is not None, name
        assert re.search(rf'<label[^>]* for="{field[1]}">{label}</label>', page), label
    assert re.search(r'<button[^>]* type="submit" form="compose">.*?Generate</span>', page)


def test_studio_says_price_and_what_is_left(member: User, client_of: ClientOf) -> None:
    response = client_of(member).get(STUDIO)

    assert response.status_code == 200
    assert "1 credit After this 99 left after this" in text(response)
    assert hidden(response, "quoted") == "1"
    assert hidden(response, "quoted_for") == "rehearsal medium 1024x1024 1"


def test_studio_of_a_viewer_shows_the_feed_and_says_why_there_is_no_composer(
    team: Team, member: User, viewer: User, client_of: ClientOf
) -> None:
    generation = show(team, member, Is.FAILED)

    response = client_of(viewer).get(STUDIO)

    assert articles(response) == [(str(generation.pk), "failed")]
    assert "Making images needs the role member." in text(response)
    assert b'id="compose"' not in response.content
    assert b"<form" not in response.content.split(b'<main class="main"')[1]


def test_studio_is_404_for_a_stranger(team: Team, stranger: User, client_of: ClientOf) -> None:
    assert client_of(stranger).get(STUDIO).status_code == 404


@pytest.mark.parametrize("fixture", ["member", "admin"])
def test_studio_without_a_model_says_who_can_help(
    fixture: str, request: pytest.FixtureRequest, client_of: ClientOf
) -> None:
    person = request.getfixturevalue(fixture)
    Connection.objects.update(enabled=False)

    shown = text(client_of(person).get(STUDIO))

    assert "No model is available to this team." in shown
    assert ("Ask the operator" in shown) == (fixture == "admin")


def test_studio_without_generations_invites_to_start(member: User, client_of: ClientOf) -> None:
    assert "Nothing here yet" in text(client_of(member).get(STUDIO))


def test_studio_of_mine_shows_only_mine(team: Team, member: User, admin: User, client_of: ClientOf) -> None:
    mine, theirs = show(team, member, Is.FAILED), show(team, admin, Is.FAILED)
    client = client_of(member)

    assert articles(client.get(STUDIO)) == [(str(theirs.pk), "failed"), (str(mine.pk), "failed")]
    assert articles(client.get(STUDIO, {"scope": "mine"})) == [(str(mine.pk), "failed")]


def test_studio_never_shows_another_teams_generation(
    team: Team, member: User, other_team: Team, stranger: User, client_of: ClientOf
) -> None:
    show(team, member, Is.FAILED)

    assert articles(client_of(stranger).get("/t/elsewhere/studio/")) == []


def test_studio_pages_are_stable_while_new_generations_arrive(team: Team, member: User, client_of: ClientOf) -> None:
    made = [submit(team, member, n=1) for _ in range(14)]
    client = client_of(member)
    first = client.get(STUDIO)
    [more] = re.findall(r'href="([^"]*before=[^"]*)"', first.content.decode())
    submit(team, member, n=1)

    second = client.get(unescape(more))
    part = client.get(unescape(more), headers=HTMX)

    assert [number for number, _ in articles(first)] == [str(one.pk) for one in reversed(made[2:])]
    assert [number for number, _ in articles(second)] == [str(one.pk) for one in reversed(made[:2])]
    assert articles(part) == articles(second)
    assert b"<html" not in part.content
    assert b'class="day"' not in part.content  # their day has its heading on the page already


def test_studio_from_fills_in_an_earlier_request(team: Team, member: User, client_of: ClientOf) -> None:
    earlier = show(team, member, Is.FAILED, Is.FAILED, prompt="A <b>bold</b> moon", size="1536x1024", quality="high")

    page = client_of(member).get(STUDIO, {"from": str(earlier.pk)}).content.decode()

    assert "A &lt;b&gt;bold&lt;/b&gt; moon</textarea>" in page
    assert '<option value="1536x1024" selected>' in page
    assert '<option value="high" selected>' in page
    assert '<option value="2" selected>' in page


@pytest.mark.parametrize("wanted", ["0", "999999", "abc", "9" * 30])
def test_studio_from_unknown_is_404(wanted: str, member: User, client_of: ClientOf) -> None:
    assert client_of(member).get(STUDIO, {"from": wanted}).status_code == 404


def test_studio_from_another_team_is_404(
    team: Team, member: User, other_team: Team, stranger: User, client_of: ClientOf
) -> None:
    foreign = show(team, member, Is.FAILED)

    assert client_of(stranger).get("/t/elsewhere/studio/", {"from": str(foreign.pk)}).status_code == 404


# Submitting


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


# The quote


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


# Cards


@pytest.mark.parametrize(
    ("outputs", "state", "said"),
    [
        ([Is.WAITING], "queued", ["Queued", "1 credit held", "Cancel"]),
        ([Is.RUNNING, Is.WAITING], "running", ["Rendering", "2 credits held", "Cancel"]),
        ([Is.DELIVERED, Is.RUNNING, Is.WAITING], "running", ["1 of 3 ready", "3 credits held", "Cancel remaining"]),
        ([Is.DELIVERED, Is.DELIVERED], "succeeded", ["2 credits", "Reuse"]),
        (
            [Is.DELIVERED, Is.DELIVERED, Is.FAILED],
            "partial",
            ["2 of 3", "2 of 3 credits charged", "Retry 1 image", "The provider had a fault of its own. Not charged."],
        ),
        (
            [Is.FAILED, Is.FAILED],
            "failed",
            ["Failed", "The provider had a fault of its own. Not charged.", "2 held credits were returned."],
        ),
        (
            [Is.INTERRUPTED],
            "interrupted",
            ["The connection to the provider broke. Not charged.", "It was not sent again", "Retry 1 image"],
        ),
        ([Is.CANCELLED, Is.CANCELLED], "cancelled", ["Cancelled. Not charged.", "Retry 2 images"]),
    ],
)
def test_card_shows_each_state(
    outputs: list[Is], state: str, said: list[str], team: Team, member: User, client_of: ClientOf
) -> None:
    generation = show(team, member, *outputs)

    response = client_of(member).get(f"{CREATE}{generation.pk}/", headers=HTMX)

    assert articles(response) == [(str(generation.pk), state)]
    shown, page = text(response), response.content.decode()
    assert [words for words in said if words not in shown] == []
    assert page.count(f'href="/t/{team.slug}/assets/') == outputs.count(Is.DELIVERED)
    # What may still change listens and refetches; what has ended does neither.
    assert (f"generation-{generation.pk} from:body, live-resumed from:body, every 10s" in page) == generation.is_live


def test_card_of_a_waiting_provider_says_when_it_tries_again(team: Team, member: User, client_of: ClientOf) -> None:
    generation = show(team, member, Is.WAITING)
    Generation.objects.update(next_try_at="2126-11-18T12:05Z")

    shown = text(client_of(member).get(f"{CREATE}{generation.pk}/", headers=HTMX))

    assert "Provider is busy, tries again at 18 Nov 2126 ." in shown


def test_card_after_a_refused_prompt_offers_to_edit_it(team: Team, member: User, client_of: ClientOf) -> None:
    generation = show(team, member, Is.FAILED)
    Generation.objects.update(reason="content_refused")

    shown = text(client_of(member).get(f"{CREATE}{generation.pk}/", headers=HTMX))

    assert "Edit and retry" in shown
    assert "Retry 1 image" not in shown


def test_card_without_htmx_leads_to_its_place_in_the_studio(team: Team, member: User, client_of: ClientOf) -> None:
    generation = show(team, member, Is.FAILED)

    response = client_of(member).get(f"{CREATE}{generation.pk}/", follow=True)

    assert response.redirect_chain == [(f"{STUDIO}?before={generation.pk + 1}#generation-{generation.pk}", 302)]
    assert articles(response) == [(str(generation.pk), "failed")]


def test_card_of_another_team_is_404(
    team: Team, member: User, other_team: Team, stranger: User, client_of: ClientOf
) -> None:
    generation = show(team, member, Is.FAILED)

    assert client_of(stranger).get(f"/t/elsewhere/generations/{generation.pk}/", headers=HTMX).status_code == 404


def test_cancel_answers_with_the_card_as_it_is_now(team: Team, member: User, client_of: ClientOf) -> None:
    generation = submit(team, member)

    response = client_of(member).post(f"{CREATE}{generation.pk}/cancel/", headers=HTMX)

    assert articles(response) == [(str(generation.pk), "cancelled")]
    assert balance(team).available == 100


def test_cancel_without_javascript_leads_back(team: Team, member: User, client_of: ClientOf) -> None:
    generation = submit(team, member)

    response = client_of(member).post(f"{CREATE}{generation.pk}/cancel/")

    assert (response.status_code, response["Location"]) == (303, f"{STUDIO}#generation-{generation.pk}")


def test_cancel_while_a_call_is_under_way_says_what_happens(team: Team, member: User, client_of: ClientOf) -> None:
    generation = show(team, member, Is.RUNNING, Is.WAITING)

    shown = text(client_of(member).post(f"{CREATE}{generation.pk}/cancel/", headers=HTMX))

    assert "Cancelling" in shown
    assert "What was already sent finishes and is charged; the rest is returned." in shown


def test_retry_makes_the_missing_images_and_renews_its_own_key(team: Team, member: User, client_of: ClientOf) -> None:
    earlier = show(team, member, Is.DELIVERED, Is.FAILED, Is.FAILED)
    key = str(uuid.uuid4())

    response = client_of(member).post(f"{CREATE}{earlier.pk}/retry/", {"key": key}, headers=HTMX)

    again = Generation.objects.latest("pk")
    assert (again.n, again.retry_of) == (2, earlier)
    assert articles(response) == [(str(again.pk), "queued"), (str(earlier.pk), "partial")]
    assert key not in response.content.decode()


def test_retry_twice_with_one_key_makes_one(team: Team, member: User, client_of: ClientOf) -> None:
    earlier, key, client = show(team, member, Is.FAILED), str(uuid.uuid4()), client_of(member)

    for _ in range(2):
        assert client.post(f"{CREATE}{earlier.pk}/retry/", {"key": key}).status_code == 303

    assert Generation.objects.count() == 2


def test_retry_without_enough_credits_says_so_on_the_card(team: Team, member: User, client_of: ClientOf) -> None:
    earlier = show(team, member, Is.FAILED, Is.FAILED)
    reserve(team_id=team.pk, hold_id=uuid.uuid4(), amount=99, actor_id=None, note="")

    response = client_of(member).post(f"{CREATE}{earlier.pk}/retry/", {"key": str(uuid.uuid4())}, headers=HTMX)

    assert response.status_code == 402
    assert "1 credit short." in text(response)
    assert articles(response) == [(str(earlier.pk), "failed")]


def test_retry_of_what_missed_nothing_is_refused(team: Team, member: User, client_of: ClientOf) -> None:
    generation = show(team, member, Is.DELIVERED)

    response = client_of(member).post(f"{CREATE}{generation.pk}/retry/", {"key": str(uuid.uuid4())})

    assert response.status_code == 409
    assert "This generation has no missing images." in text(response)


def test_newer_brings_what_the_page_has_not_shown(team: Team, member: User, admin: User, client_of: ClientOf) -> None:
    shown, new = submit(team, member), submit(team, admin)

    response = client_of(member).get(STUDIO, {"after": str(shown.pk)}, headers=HTMX)

    assert articles(response) == [(str(new.pk), "queued")]
    assert hidden(response, "after") == str(new.pk)
    # Whatever another answer has put there already goes first, so nothing is shown twice.
    assert f'hx-swap-oob="delete:#generation-{new.pk}"' in response.content.decode()


def test_newer_of_mine_leaves_others_out(team: Team, member: User, admin: User, client_of: ClientOf) -> None:
    submit(team, admin)

    response = client_of(member).get(STUDIO, {"after": "0", "scope": "mine"}, headers=HTMX)

    assert articles(response) == []


def test_numbers_in_attributes_have_no_separators(team: Team, member: User, client_of: ClientOf) -> None:
    generation = submit(team, member)
    Generation.objects.filter(pk=generation.pk).update(state=GenerationState.QUEUED)
    page = client_of(member).get(STUDIO)
    assert hidden(page, "after") == str(generation.pk)

    model = ImageModel.objects.get(slug="rehearsal")
    model.prices.update(credits=1234)
    priced = client_of(member).get(STUDIO)

    assert hidden(priced, "quoted") == "1234"
    assert "1,234 credits" in text(priced)


# Cost


@pytest.mark.parametrize("count", [1, 3])
def test_studio_query_count(
    count: int, team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        show(team, member, Is.DELIVERED, Is.RUNNING)
    client = client_of(member)

    with django_assert_num_queries(12):
        client.get(STUDIO)


@pytest.mark.parametrize("count", [1, 3])
def test_card_query_count(
    count: int, team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    generation = show(team, member, *[Is.DELIVERED] * count)
    client = client_of(member)

    with django_assert_num_queries(5):
        client.get(f"{CREATE}{generation.pk}/", headers=HTMX)


def test_quote_query_count(
    member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(member)

    with django_assert_num_queries(7):
        client.post(QUOTE, ASKED, headers=HTMX)
