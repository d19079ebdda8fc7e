"""The studio's page and its fragments: who sees what, and at which cost."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.catalogue.models import ImageModel
from studio.generations.models import Generation, GenerationState
from studio.generations.models import OutputState as Is
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.generations.making import submit
from tests.generations.pages import ASKED, CREATE, HTMX, QUOTE, STUDIO, articles, hidden, text
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


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


def test_pages_answer_head_as_they_answer_get(team: Team, member: User, client_of: ClientOf) -> None:
    generation = submit(team, member)
    person = client_of(member)

    for path, status in [(STUDIO, 200), ("/t/halden-co/history/", 200), (f"{CREATE}{generation.pk}/", 302)]:
        assert person.head(path).status_code == person.get(path).status_code == status


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
    assert b"<form" not in response.content.partition(b'<main class="main"')[2].partition(b"</main>")[0]


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
    assert ("Add connection" in shown) == (fixture == "admin")


def test_studio_lists_a_model_that_is_away_and_does_not_take_it(team: Team, member: User, client_of: ClientOf) -> None:
    create_connection(team=None, name="OpenAI", protocol="openai", secret="sk-test", actor=None)
    Connection.objects.filter(name="OpenAI").update(paused_kind="auth", paused_at=timezone.now())
    client = client_of(member)

    page = client.get(STUDIO).content.decode()
    refused = client.post(CREATE, {**ASKED, "model": "gpt-image-2"})
    switched = client.post(f"{QUOTE}?part=options", {**ASKED, "model": "gpt-image-2"}, headers=HTMX)

    why = "the provider rejects the key"
    assert f'<option value="gpt-image-2" disabled>GPT Image 2: {why}</option>' in page
    assert '<option value="rehearsal" selected>' in page
    assert refused.status_code == 422
    assert f"GPT Image 2 cannot be used now: {why}." in text(refused)
    assert switched.status_code == 200
    assert Generation.objects.count() == 0


def test_studio_whose_models_are_all_away_says_why(member: User, client_of: ClientOf) -> None:
    Connection.objects.update(paused_kind="insufficient_funds", paused_at=timezone.now())

    shown = text(client_of(member).get(STUDIO))

    assert "No model can be used now. Rehearsal: the account at the provider is empty." in shown


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


@pytest.mark.parametrize(("zone", "days"), [("UTC", ["Today", "Yesterday"]), ("Asia/Tokyo", ["Today"])])
def test_days_of_the_studio_are_the_readers(
    team: Team, member: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, zone: str, days: list[str]
) -> None:
    made = [submit(team, member, n=1).pk for _ in range(14)]
    Generation.objects.filter(pk__in=made).update(created_at=datetime(2026, 3, 4, 0, 30, tzinfo=UTC))
    # The last of the first page and the first of the next one.
    Generation.objects.filter(pk__in=made[:3]).update(created_at=datetime(2026, 3, 3, 23, 30, tzinfo=UTC))
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 4, 12, 0, tzinfo=UTC))
    client = client_of(member)
    client.cookies["zone"] = zone

    first = client.get(STUDIO).content.decode()
    [more] = re.findall(r'href="([^"]*before=[^"]*)"', first)
    part = client.get(unescape(more), headers=HTMX).content.decode()

    assert re.findall(r'<h2 class="day"[^>]*>([^<]*)</h2>', first + part) == days


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


@pytest.mark.parametrize("count", [1, 3])
def test_studio_query_count(
    count: int, team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        show(team, member, Is.DELIVERED, Is.RUNNING)
    client = client_of(member)

    with django_assert_num_queries(13):
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

    with django_assert_num_queries(9):
        client.post(QUOTE, ASKED, headers=HTMX)
