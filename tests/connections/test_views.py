"""The connections page: who may see it, what it shows, and what adding, changing and removing do with every input."""

import re
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone
from pytest_django import Settings

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.catalogue.models import ImageModel
from studio.connections import services, views
from studio.connections.services import MOST_CONNECTIONS
from studio.connections.tasks import test_connection as tell_worker
from studio.generations.models import AttemptState, Generation
from studio.providers import testing
from studio.providers.models import Connection, PausedModel
from studio.providers.services import create_connection, remove_connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.connections.conftest import SECRET, Called
from tests.generations.pages import HTMX, text

pytestmark = pytest.mark.django_db

PAGE = "/t/halden-co/team/providers/"
OTHER = "sk-another-9876543210"
ASKED = {
    "protocol": "openai",
    "name": "Main",
    "base_url": "https://api.openai.com/v1",
    "secret": SECRET,
    "option_organization": "",
    "option_project": "",
    "option_previews": "0",
    "max_in_flight": "1000",
    "per_minute": "",
}
# The fields that only this protocol has on the page.
FIELDS = {
    "openai": {"base_url", "secret", "option_organization", "option_project", "option_previews"},
    "aigateway": {"base_url", "secret", "option_tag"},
    "pixapi": {"base_url", "secret", "option_flow"},
    "apiframe": {"base_url", "secret"},
    "aimlapi": {"base_url", "secret"},
    "cloudflare": {"base_url", "secret", "option_account_id"},
    "rehearsal": set(),
}


@pytest.fixture(autouse=True)
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The connections that a worker was told to test."""
    told: list[int] = []
    monkeypatch.setattr(tell_worker, "delay", told.append)
    return told


def url(connection: Connection, tail: str = "") -> str:
    return f"{PAGE}{connection.pk}/{tail}"


def kept(connection: Connection, **changes: str) -> dict[str, str]:
    """The settings form as the page shows it, changed where told."""
    return {**ASKED, "name": connection.name, "base_url": connection.base_url, "secret": "", **changes}


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403), ("stranger", 404)]
)
@pytest.mark.parametrize("tail", ["", "new/", "{pk}/", "{pk}/remove/"])
def test_pages_are_for_admins(
    who: str, status: int, tail: str, ours: Connection, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    client = client_of(request.getfixturevalue(who))
    answer = client.get(PAGE + tail.format(pk=ours.pk))
    assert answer.status_code == status
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("stranger", 404)])
@pytest.mark.parametrize("tail", ["new/", "{pk}/", "{pk}/test/", "{pk}/key/", "{pk}/pause/", "{pk}/remove/"])
def test_post_by_others_changes_nothing(
    who: str, status: int, tail: str, ours: Connection, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    before = list(Connection.objects.values())
    client = client_of(request.getfixturevalue(who))
    assert client.post(PAGE + tail.format(pk=ours.pk), {**ASKED, "secret": OTHER}).status_code == status
    assert list(Connection.objects.values()) == before


@pytest.mark.parametrize("tail", ["", "test/", "key/", "pause/", "resume/", "remove/"])
@pytest.mark.parametrize("whose", ["theirs", "shared"])
def test_another_teams_and_shared_connections_cannot_be_touched(
    whose: str, tail: str, ours: Connection, owner: User, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    connection = request.getfixturevalue(whose)
    assert client_of(owner).post(url(connection, tail), {**ASKED, "secret": OTHER}).status_code == 404
    connection.refresh_from_db()
    assert (connection.enabled, connection.removed_at, connection.test_state) == (True, None, "")


def test_list_says_how_each_one_does(
    ours: Connection, shared: Connection, owner: User, called: Called, client_of: ClientOf
) -> None:
    Connection.objects.filter(pk=ours.pk).update(per_minute=5)
    called(ours, 28_000)
    called(ours, 28_000, ago=timedelta(hours=3))
    called(ours, None, error_kind="content_refused")

    html = client_of(owner).get(PAGE)

    said = text(html)
    assert "Ours Healthy OpenAI, api.openai.com, key ending 6789 Last success " in said
    assert "Median 28 s 95% under 28 s Succeeded 100% Rate used 40%" in said
    # The operator's own: neither address nor key, and nothing to press.
    assert "Rehearsal Never used Rehearsal, shared by the whole installation Median" in said
    assert f'href="{url(shared)}"' not in html.content.decode()
    assert "Model First Then" in said
    assert "Rehearsal Rehearsal none" in said
    assert "style=" not in html.content.decode()


def test_list_says_why_one_is_paused_and_offers_the_cure(ours: Connection, owner: User, client_of: ClientOf) -> None:
    Connection.objects.filter(pk=ours.pk).update(paused_kind="auth", paused_note="<b>Incorrect</b> key")
    PausedModel.objects.create(connection=ours, remote_name="gpt-image-2", kind="model_unavailable", note="Gone.")
    answer = client_of(owner).get(PAGE)
    assert "Key rejected" in text(answer)
    assert f'href="{url(ours)}#id_new_secret"' in answer.content.decode()
    assert "Paused here: gpt-image-2. A test that passes ends that." in text(answer)

    page = client_of(owner).get(url(ours))
    assert "&lt;b&gt;Incorrect&lt;/b&gt; key" in page.content.decode()
    assert "gpt-image-2 is paused here" in text(page)


def test_list_says_which_is_close_to_its_rate_limit(
    ours: Connection, shared: Connection, owner: User, called: Called, client_of: ClientOf
) -> None:
    Connection.objects.update(per_minute=2)
    called(ours, 1000)
    called(shared, 1000, images=2)
    assert "close to its rate limit" not in text(client_of(owner).get(PAGE))

    called(ours, 1000)

    answer = client_of(owner).get(PAGE)
    # Of the shared one, which others use as well, only the operator could set a limit.
    assert text(answer).count("close to its rate limit") == 1
    assert "Ours is close to its rate limit. 2 of 2 pictures a minute are used." in text(answer)
    assert f'href="{url(ours)}#id_per_minute"' in answer.content.decode()
    assert 'id="id_per_minute"' in client_of(owner).get(url(ours)).content.decode()


def test_list_fetches_itself_as_a_whole(ours: Connection, owner: User, client_of: ClientOf) -> None:
    answer = client_of(owner).get(PAGE, headers=HTMX)
    assert answer.content.decode().lstrip().startswith('<div class="stack" id="connections"')
    assert "Ours" in text(answer)
    assert "Routing" in text(answer)


def test_page_of_one_shows_what_it_serves_alone(
    ours: Connection, shared: Connection, owner: User, client_of: ClientOf
) -> None:
    said = text(client_of(owner).get(url(ours)))
    assert "Routing Model First Then" in said
    assert "Rehearsal" not in said


def test_empty_list_offers_to_add_one(team: Team, owner: User, client_of: ClientOf) -> None:
    said = text(client_of(owner).get(PAGE))
    assert "No connection yet" in said


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_for_any_number(
    count: int, team: Team, owner: User, client_of: ClientOf, called: Called, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        called(create_connection(team=team, name=f"No {number}", protocol="openai", secret=SECRET, actor=None), 1000)
    client = client_of(owner)
    # session, user, membership, teams of the switch, balance; connections, models that pause; figures, hours; offers: 5
    with django_assert_num_queries(14):
        client.get(PAGE)


@pytest.mark.parametrize("protocol", FIELDS)
def test_form_has_only_the_fields_of_its_protocol(protocol: str, team: Team, owner: User, client_of: ClientOf) -> None:
    html = client_of(owner).get(f"{PAGE}new/?protocol={protocol}").content.decode()
    form = html[html.index(f'action="{PAGE}new/"') :]
    named = set(re.findall(r' name="(\w+)"', form[: form.index("</form>")])) - {"csrfmiddlewaretoken"}
    assert named == {"protocol", "name", "max_in_flight", "per_minute"} | FIELDS[protocol]


def test_unknown_protocol_adds_nothing(team: Team, owner: User, client_of: ClientOf) -> None:
    answer = client_of(owner).post(f"{PAGE}new/", ASKED | {"protocol": "smoke"})
    assert answer.status_code == 400
    assert "There is no such protocol." in answer.content.decode()
    assert not Connection.objects.exists()


def test_unknown_protocol_shows_the_first(team: Team, owner: User, client_of: ClientOf) -> None:
    html = client_of(owner).get(f"{PAGE}new/?protocol=smoke").content.decode()
    assert '<input type="hidden" name="protocol" value="openai">' in html


def test_added_connection_brings_its_models_and_is_tested(
    team: Team,
    owner: User,
    client_of: ClientOf,
    asked_for: list[int],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of(owner).post(
            f"{PAGE}new/", {**ASKED, "option_organization": "org-1", "option_previews": "2", "per_minute": "5"}
        )
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    made = Connection.objects.get()
    assert (made.team, made.secret, made.per_minute) == (team, SECRET, 5)
    assert made.options == {"organization": "org-1", "previews": 2}
    assert (made.test_state, asked_for) == ("running", [made.pk])
    assert ImageModel.objects.filter(protocol="openai").exists()
    event = AuditEvent.objects.get(action=Action.CONNECTION_CREATED)
    assert (event.team_id, event.actor_id, event.subject) == (team.pk, owner.pk, "Main")
    assert SECRET not in str(event.data)


@pytest.mark.parametrize(("at_once", "said"), [(1, "Main added. It is being tested."), (0, "Main added.")])
def test_a_test_is_spoken_of_where_one_begins(
    at_once: int, said: str, team: Team, owner: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "MOST_AT_ONCE", at_once)
    client = client_of(owner)
    client.post(f"{PAGE}new/", ASKED)
    assert [str(message) for message in get_messages(client.get(PAGE).wsgi_request)] == [said]


def test_account_id_belongs_to_cloudflare(team: Team, owner: User, client_of: ClientOf) -> None:
    asked = {**ASKED, "protocol": "cloudflare", "base_url": "https://api.cloudflare.com/client/v4"}
    refused = client_of(owner).post(f"{PAGE}new/", asked)
    assert refused.status_code == 422
    assert "This field is required." in text(refused)
    client_of(owner).post(f"{PAGE}new/", {**asked, "option_account_id": "0a1b"})
    assert Connection.objects.get().options == {"account_id": "0a1b"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 5000}, "at most 80 characters"),
        ({"secret": ""}, "This field is required."),
        ({"secret": "   "}, "This field is required."),
        ({"secret": "sk-ключ-0123456789"}, "characters that no key has"),
        ({"base_url": "javascript:alert(1)"}, "must look like https://api.example.com/v1."),
        ({"base_url": "http://api.example.com/v1"}, "must be https"),
        ({"base_url": "https://10.0.4.12/v1"}, "The address is private."),
        ({"base_url": "https://x.example/" + "y" * 5000}, "at most 300 characters"),
        ({"option_previews": "9"}, "not one of the available choices"),
        ({"option_organization": "orgä"}, "Organization does not look right."),
        ({"max_in_flight": "0"}, "greater than or equal to 1"),
        ({"per_minute": "-1"}, "greater than or equal to 1"),
        ({"per_minute": "many"}, "Enter a whole number."),
    ],
)
def test_bad_input_comes_back_with_its_reason_and_without_the_key(
    changes: dict[str, str], says: str, team: Team, owner: User, client_of: ClientOf
) -> None:
    answer = client_of(owner).post(f"{PAGE}new/", {**ASKED, **changes})
    assert answer.status_code == 422
    assert says in text(answer)
    assert SECRET not in answer.content.decode()
    assert not Connection.objects.exists()


def test_second_post_of_the_same_form_adds_no_second_connection(team: Team, owner: User, client_of: ClientOf) -> None:
    client = client_of(owner)
    client.post(f"{PAGE}new/", ASKED)
    again = client.post(f"{PAGE}new/", ASKED)
    assert again.status_code == 422
    assert "There is a connection named &#x27;Main&#x27; already." in again.content.decode()
    assert Connection.objects.count() == 1


def test_damaged_catalogue_file_adds_nothing(
    team: Team, owner: User, client_of: ClientOf, tmp_path: Any, settings: Settings
) -> None:
    settings.HOME = tmp_path
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "mine.toml").write_text("x = ")
    answer = client_of(owner).post(f"{PAGE}new/", ASKED)
    assert answer.status_code == 422
    assert "mine.toml" in text(answer)
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"state": AttemptState.SENT}, 422),
        ({"state": AttemptState.ACCEPTED, "remote_id": "job-1", "poll_at": timezone.now()}, 422),
        ({"state": AttemptState.PLANNED, "possible_cost": True}, 422),
        ({"state": AttemptState.PLANNED, "sent_at": None}, 302),
        ({"state": AttemptState.FAILED, "ended_at": timezone.now()}, 302),
    ],
)
@pytest.mark.breaks_invariants
def test_address_stays_while_calls_to_it_are_under_way(
    facts: dict[str, Any], status: int, ours: Connection, owner: User, client_of: ClientOf, called: Called
) -> None:
    called(ours, None, **{"ended_at": None, "error_kind": "", **facts})
    moved = {**ASKED, "name": "Ours", "base_url": "https://elsewhere.example/v1", "secret": OTHER}

    answer = client_of(owner).post(f"{PAGE}{ours.pk}/", moved)

    assert answer.status_code == status
    ours.refresh_from_db()
    assert ours.secret == (SECRET if status == 422 else OTHER)
    if status == 422:
        assert "Calls to the address of now are under way." in text(answer)
        kept = client_of(owner).post(f"{PAGE}{ours.pk}/", {**ASKED, "name": "Ours", "secret": ""})
        assert kept.status_code == 302


def test_settings_are_saved_and_the_key_stays(ours: Connection, owner: User, client_of: ClientOf) -> None:
    answer = client_of(owner).post(url(ours), kept(ours, name="EU", option_project="proj_1", per_minute="7"))
    assert answer.status_code == 302
    ours.refresh_from_db()
    assert (ours.name, ours.options, ours.per_minute) == ("EU", {"previews": 0, "project": "proj_1"}, 7)
    assert ours.secret == SECRET


def test_options_that_are_not_on_the_page_stay(team: Team, owner: User, client_of: ClientOf) -> None:
    practice = create_connection(team=team, name="Slow", protocol="rehearsal", options={"delay": 2}, actor=None)
    answer = client_of(owner).post(url(practice), {"name": "Slower", "max_in_flight": "3", "per_minute": ""})
    assert answer.status_code == 302
    practice.refresh_from_db()
    assert (practice.name, practice.max_in_flight, practice.options) == ("Slower", 3, {"delay": 2.0})


def test_another_address_needs_its_key_and_is_tested(
    ours: Connection, owner: User, client_of: ClientOf, asked_for: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client, moved = client_of(owner), kept(ours, base_url="https://elsewhere.example/v1")
    refused = client.post(url(ours), moved)
    assert refused.status_code == 422
    assert "Another base URL needs its key: the one that is kept never goes there." in text(refused)
    ours.refresh_from_db()
    assert ours.base_url == "https://api.openai.com/v1"

    with django_capture_on_commit_callbacks(execute=True):
        client.post(url(ours), {**moved, "secret": OTHER})

    ours.refresh_from_db()
    assert (ours.base_url, ours.secret, ours.earlier_secret) == ("https://elsewhere.example/v1", OTHER, "")
    assert asked_for == [ours.pk]


def test_replaced_key_is_tested(
    ours: Connection, owner: User, client_of: ClientOf, asked_for: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(owner)
    refused = client.post(url(ours, "key/"), {"secret": "ключ-0123456789"})
    assert (refused.status_code, asked_for) == (422, [])
    assert "characters that no key has" in text(refused)

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url(ours, "key/"), {"secret": OTHER})

    assert (answer.status_code, asked_for) == (302, [ours.pk])
    ours.refresh_from_db()
    assert (ours.secret, ours.earlier_secret, ours.test_state) == (OTHER, SECRET, "running")
    assert text(client.get(url(ours))).count("key ending 3210") == 1


def test_pressing_test_twice_is_one_test(
    ours: Connection, owner: User, client_of: ClientOf, asked_for: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(owner)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url(ours, "test/"))["Location"] == PAGE
        assert client.post(url(ours, "test/?part=state"))["Location"] == url(ours)
        whole = client.post(url(ours, "test/"), headers=HTMX)
        state = client.post(url(ours, "test/?part=state"), headers=HTMX)
    assert asked_for == [ours.pk]
    for part, name in ((whole, "connections"), (state, f"connection-{ours.pk}")):
        assert re.search(rf'<div[^>]* id="{name}"[^>]*, every 5s', part.content.decode())
        assert "Testing" in text(part)


def test_result_of_a_test_is_shown(ours: Connection, owner: User, client_of: ClientOf) -> None:
    report = {"checked": "The key is accepted.", "unchecked": "Money: unknown.", "latency_ms": 412, "models": 3}
    Connection.objects.update(test_state="passed", tested_at="2026-11-29T12:00Z", test_report=report)
    state = client_of(owner).get(url(ours, "?part=state"), headers=HTMX)
    assert "answered in 412 ms. The key is accepted. Money: unknown." in text(state)
    assert "every 5s" not in state.content.decode()


@pytest.mark.parametrize("whose", ["theirs", "shared"])
def test_part_shows_nothing_of_connections_that_are_not_the_teams(
    whose: str, ours: Connection, owner: User, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    connection = request.getfixturevalue(whose)
    assert client_of(owner).get(url(connection, "?part=state"), headers=HTMX).content == b""


def test_pause_and_resume(ours: Connection, owner: User, client_of: ClientOf) -> None:
    client = client_of(owner)
    client.post(url(ours, "pause/"))
    assert "Paused by an admin" in text(client.get(PAGE))
    client.post(url(ours, "resume/"))
    ours.refresh_from_db()
    assert ours.enabled
    assert list(AuditEvent.objects.order_by("pk").values_list("action", "actor_id"))[-2:] == [
        (Action.CONNECTION_PAUSED, owner.pk),
        (Action.CONNECTION_RESUMED, owner.pk),
    ]


def test_removing_speaks_of_a_key_where_there_is_one(
    team: Team, ours: Connection, owner: User, client_of: ClientOf
) -> None:
    practice = create_connection(team=team, name="Practice", protocol="rehearsal", actor=None)
    for connection, said in ((ours, "Its key is deleted and nothing more is sent"), (practice, "Nothing more is sent")):
        assert f"{said} through it." in text(client_of(owner).get(url(connection, "remove/")))
    assert "Its key" not in text(client_of(owner).get(url(practice, "remove/")))


def test_remove_asks_first_and_says_what_waits(
    ours: Connection, shared: Connection, generation: Generation, owner: User, client_of: ClientOf
) -> None:
    Generation.objects.update(connection=ours)
    client = client_of(owner)
    dialog = client.get(url(ours, "remove/"), headers=HTMX)
    assert dialog.content.decode().lstrip().startswith("<header>")
    assert "1 generation is on the way" in text(dialog)

    assert client.post(url(ours, "remove/"))["Location"] == PAGE

    ours.refresh_from_db()
    assert ours.removed_at is not None
    assert client.post(url(ours, "remove/")).status_code == 404
    assert client.get(url(ours)).status_code == 404
    # An open page that hears of it shows nothing in its place.
    assert client.get(url(ours, "?part=state"), headers=HTMX).content == b""
    assert f'href="{url(ours)}"' not in client.get(PAGE).content.decode()
    Generation.objects.update(connection=shared)


@pytest.mark.parametrize(
    ("tail", "place", "act", "asked"),
    [("", services, "change_connection", ASKED), ("key/", views, "rotate_secret", {"secret": OTHER})],
)
def test_change_of_a_connection_that_is_removed_meanwhile_finds_nothing(
    tail: str,
    place: ModuleType,
    act: str,
    asked: dict[str, str],
    ours: Connection,
    owner: User,
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change = getattr(place, act)

    def remove_first(**facts: Any) -> Any:
        remove_connection(connection=ours, actor=None)
        return change(**facts)

    monkeypatch.setattr(place, act, remove_first)

    answer = client_of(owner).post(url(ours, tail), asked)

    assert answer.status_code == 404
    ours.refresh_from_db()
    assert (ours.name, ours.secret) == ("Ours", SECRET)


def test_team_has_so_many_connections_and_no_more(
    ours: Connection, shared: Connection, theirs: Connection, team: Team, owner: User, client_of: ClientOf
) -> None:
    for number in range(MOST_CONNECTIONS - 1):
        made = Connection(team=team, name=f"No {number}", protocol="rehearsal", base_url="")
        made.save()
    client = client_of(owner)

    refused = client.post(f"{PAGE}new/", ASKED)

    assert refused.status_code == 422
    assert "A team has at most 100 connections. Remove one first." in text(refused)
    # A removed one makes room.
    client.post(url(ours, "remove/"))
    assert client.post(f"{PAGE}new/", ASKED).status_code == 302
    assert Connection.objects.kept().filter(team=team).count() == MOST_CONNECTIONS


def test_side_panel_leads_admins_there(team: Team, owner: User, member: User, client_of: ClientOf) -> None:
    members = "/t/halden-co/team/members/"
    assert f'href="{PAGE}"' in client_of(owner).get(members).content.decode()
    assert f'href="{PAGE}"' not in client_of(member).get(members).content.decode()
