"""Cards: each state of a generation, and what can be done about it."""

import uuid

import pytest

from studio.accounts.models import User
from studio.generations.models import Generation
from studio.generations.models import OutputState as Is
from studio.ledger.queries import balance
from studio.ledger.services import reserve
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.making import submit
from tests.generations.pages import CREATE, HTMX, STUDIO, articles, text
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


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


@pytest.mark.parametrize("reason", ["content_refused", "model_unavailable"])
def test_card_of_what_would_fail_again_offers_to_edit_it(
    reason: str, team: Team, member: User, client_of: ClientOf
) -> None:
    generation = show(team, member, Is.FAILED)
    Generation.objects.update(reason=reason)

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
