"""The pages about models."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.catalogue.arranging import set_route
from studio.catalogue.models import HiddenModel, ImageModel, Price
from studio.catalogue.queries import models_for
from studio.catalogue.routing import Step, route_of
from studio.catalogue.services import sync_catalogue
from studio.providers.models import Connection
from studio.teams.models import Role, Team
from tests.catalogue.making import connect, use
from tests.conftest import ClientOf
from tests.factories import make_member

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_invariants]  # records of outputs that are made up

MODELS = "/t/halden-co/team/models/"
TWO = MODELS + "gpt-image-2/"
HTMX = {"HX-Request": "true"}
EARLY, SOON, LATE = "2026-09-01T12:00Z", "2026-11-20T12:00Z", "2026-12-02T12:00Z"


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    sync_catalogue()


@pytest.fixture
def openai(team: Team) -> Connection:
    """The team's own connection."""
    return connect(team, "Our OpenAI")


def text_of(response: Any) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(response.content.decode().split())


def row_of(text: str, slug: str) -> str:
    """Return the line of the list that is about one model."""
    return next(row for row in text.split("<tr>") if f"{MODELS}{slug}/" in row)


def test_list_says_what_each_model_can_do_and_costs(
    team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    connect(None, "Pixapi", "pixapi")
    text = text_of(client_of(admin).get(MODELS))
    two = row_of(text, "gpt-image-2")
    assert '<td class="sm">OpenAI</td>' in two
    assert "10 at once · 16 reference images · masks" in two
    assert "1–43 credits" in two
    assert "≈ $0.0036–$0.428" in two
    assert '<td class="sm">Pixapi</td>' in row_of(text, "pixapi-gpt-image-2")
    assert "No price known" in row_of(text, "gpt-image-2.6-sunburst")
    assert "cloudflare" not in text


def test_list_of_a_team_without_connections_says_where_models_come_from(
    team: Team, other_team: Team, viewer: User, admin: User, client_of: ClientOf
) -> None:
    connect(other_team, "Theirs")
    for person in (viewer, admin):
        text = text_of(client_of(person).get(MODELS))
        assert "No models yet" in text
        assert "gpt-image" not in text
        assert ('href="/t/halden-co/team/providers/new/"' in text) is (person == admin)


@pytest.mark.parametrize(
    ("moment", "said", "unsaid"),
    [
        (EARLY, ["Ends 1 Dec 2026."], ["Ends in", "Ended"]),
        (SOON, ["Ends in 11 days", "Ends 1 Dec 2026."], ["Ended"]),
        (LATE, ["Ended 1 Dec 2026.", ">Ended</span>"], ["Ends in", "switch"]),
    ],
)
def test_end_of_a_model_is_said_with_what_follows(
    moment: str, said: list[str], unsaid: list[str], team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    with time_machine.travel(moment):
        row = row_of(text_of(client_of(admin).get(MODELS)), "gpt-image-1.5")
    assert [words for words in said if words not in row] == []
    assert [words for words in unsaid if words in row] == []
    assert f'Use <a href="{MODELS}gpt-image-2.5-sunburst/">GPT Image 2.5 Sunburst</a> instead.' in row


@time_machine.travel(SOON)
@pytest.mark.parametrize(("protocol", "follows"), [("cloudflare", True), ("rehearsal", False)])
def test_successor_that_the_team_lacks_is_another_of_its_family(
    protocol: str, follows: bool, team: Team, member: User, client_of: ClientOf
) -> None:
    connect(team, "AIgateway", "aigateway")
    connect(team, "Other", protocol)
    row = row_of(text_of(client_of(member).get(MODELS)), "aigateway-gpt-image-1.5")
    assert ("Use <a" in row) is follows
    assert ("GPT Image 2.5 Sunburst (Cloudflare)" in row) is follows


@time_machine.travel(SOON)
def test_use_is_ranked_for_admins_and_unknown_to_others(
    team: Team, openai: Connection, admin: User, member: User, client_of: ClientOf
) -> None:
    use(team, member, "a-model-that-is-gone", credits=3)
    for _ in range(2):
        use(team, member, "gpt-image-2", credits=6)
    text = text_of(client_of(admin).get(MODELS))
    ranks = text[text.index("Most used, last 30 days") :]
    assert ranks.index("GPT Image 2</span>") < ranks.index("a-model-that-is-gone")
    assert "2</b> images, 12 credits" in ranks
    assert '<span class="med">2</span><br><span class="xs muted">12 credits' in row_of(text, "gpt-image-2")
    for address in (MODELS, TWO, MODELS + "?compare=gpt-image-2,gpt-image-2.5-flare"):
        hidden = text_of(client_of(member).get(address))
        assert "GPT Image 2" in hidden
        assert [word for word in ("last 30 days", "Our OpenAI", 'role="switch"', "route") if word in hidden] == []


@time_machine.travel(SOON)
def test_wait_is_what_half_of_the_pictures_took_at_most(
    team: Team, openai: Connection, admin: User, member: User, client_of: ClientOf
) -> None:
    for latency in (8_000, 27_600, 99_000):
        use(team, member, "gpt-image-2", latency_ms=latency)
    use(team, member, "gpt-image-2.5-flare", latency_ms=85)
    client = client_of(admin)

    compared = text_of(client.get(f"{MODELS}?compare=gpt-image-2,gpt-image-2.5-flare,gpt-image-2.5-sunburst"))

    line = compared[compared.index('<th scope="row">Median wait</th>') :].partition("</tr>")[0]
    assert re.findall(r"<td>(\S+(?: s)?) *</td>", line) == ["–", "1 s", "28 s"]
    assert 'Median wait, last 30 days</dt><dd class="v">28 s</dd>' in text_of(client.get(f"{MODELS}gpt-image-2/"))


@pytest.mark.parametrize("query", ["compare=gpt-image-2,gpt-image-1.5", "compare=gpt-image-2&compare=gpt-image-1.5"])
@time_machine.travel(SOON)
def test_comparison_sets_models_side_by_side(
    query: str, team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    text = text_of(client_of(admin).get(f"{MODELS}?{query}"))
    assert "<h1>Compare models</h1>" in text
    assert "Credits at 1024 × 1024" in text
    medium = text[text.index('<th scope="row">Medium</th>') :]
    assert medium.index("6 ") < medium.index("4 ") < medium.index("</tr>")
    assert "2 days" not in text
    assert text.count('role="switch"') == 2
    assert "GPT Image 2.5 Flare" not in text


@pytest.mark.parametrize(
    ("query", "ticked"),
    [
        ("compare=", []),
        ("compare=gpt-image-2", ["gpt-image-2"]),
        ("compare=gpt-image-2,gpt-image-9,pixapi-gpt-image-2", ["gpt-image-2"]),
        (
            "compare=gpt-image-2.6-sunburst,gpt-image-2.6-flare,gpt-image-2.5-sunburst,gpt-image-2.5-flare,gpt-image-2",
            [
                *["gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "gpt-image-2.5-sunburst"],
                *["gpt-image-2.5-flare", "gpt-image-2"],
            ],
        ),
    ],
)
def test_comparison_of_too_few_or_too_many_asks_for_others(
    query: str, ticked: list[str], team: Team, openai: Connection, viewer: User, client_of: ClientOf
) -> None:
    text = text_of(client_of(viewer).get(f"{MODELS}?{query}"))
    assert "Choose 2 to 4 models to compare." in text
    shown = [
        slug
        for slug in ImageModel.objects.values_list("slug", flat=True)
        if f'value="{slug}" form="compare" checked' in text
    ]
    assert shown == ticked


def test_page_of_a_model_shows_prices_with_their_sources(
    team: Team, openai: Connection, viewer: User, client_of: ClientOf
) -> None:
    text = text_of(client_of(viewer).get(TWO))
    assert "price version 1" in text
    assert '<th scope="row">1024 × 1024</th>' in text
    prices = Price.objects.filter(model__slug="gpt-image-2").exclude(quality="auto").exclude(size="auto")
    sources = set(prices.values_list("source", flat=True))
    assert len(sources) > 1
    assert [source for source in sources if f"{escape(source)}." not in text] == []
    assert "<dt>Longest prompt</dt><dd>32,000 characters" in text


@pytest.mark.parametrize("slug", ["gpt-image-9", "pixapi-gpt-image-2"])
def test_model_that_the_team_does_not_have_is_unknown(
    slug: str, team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    assert client.get(f"{MODELS}{slug}/").status_code == 404
    assert client.post(f"{MODELS}{slug}/available/").status_code == 404
    assert client.post(f"{MODELS}{slug}/route/").status_code == 404
    assert client.post(f"{MODELS}{slug}/route/{openai.pk}/", {"act": "up"}).status_code == 404
    assert HiddenModel.objects.count() == 0


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_admin_turns_a_model_off_and_on(
    headers: dict[str, str], team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    off = client.post(TWO + "available/", {}, headers=headers)
    assert "gpt-image-2" not in [offer.model.slug for offer in models_for(team)]
    on = client.post(TWO + "available/", {"available": "1"}, headers=headers)
    assert "gpt-image-2" in [offer.model.slug for offer in models_for(team)]
    if headers:
        assert ["checked" in text_of(answer) for answer in (off, on)] == [False, True]
    else:
        assert [(answer.status_code, answer["Location"]) for answer in (off, on)] == [(302, MODELS)] * 2
        assert "GPT Image 2 is available in Halden &amp; Co." in text_of(client.get(MODELS))


def test_acts_are_the_admins(team: Team, openai: Connection, client_of: ClientOf) -> None:
    for role, status in [(Role.VIEWER, 403), (Role.MEMBER, 403), (Role.ADMIN, 302), (Role.OWNER, 302)]:
        client = client_of(make_member(team, role))
        assert client.get(MODELS).status_code == 200
        assert client.post(TWO + "available/", {"available": "1"}).status_code == status


def places(team: Team) -> list[str]:
    return [step.connection.name for step in route_of(team, ImageModel.objects.get(slug="gpt-image-2"))]


def test_route_is_built_and_ordered_without_script(
    team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    other = connect(None, "Cloudflare", "cloudflare")
    via = ImageModel.objects.get(slug="cloudflare-gpt-image-2")
    client = client_of(admin)
    before = text_of(client.get(TWO))
    assert "no order set" in before
    assert "provably did not accept the request" in before
    assert f'<option value="{other.pk}:{via.pk}">Cloudflare, as GPT Image 2 (Cloudflare)</option>' in before
    assert 'value="up"' not in before

    added = client.post(TWO + "route/", {"step": f"{other.pk}:{via.pk}"})
    assert (added.status_code, added["Location"], places(team)) == (302, TWO + "#route", ["Our OpenAI", "Cloudflare"])
    assert "No other connection" not in text_of(client.get(TWO))
    for act, pk, after in [
        ("up", other.pk, ["Cloudflare", "Our OpenAI"]),
        ("up", other.pk, ["Cloudflare", "Our OpenAI"]),
        ("down", other.pk, ["Our OpenAI", "Cloudflare"]),
        ("remove", openai.pk, ["Cloudflare"]),
    ]:
        assert client.post(f"{TWO}route/{pk}/", {"act": act}).status_code == 302
        assert places(team) == after
    assert "no order set" not in text_of(client.get(TWO))


def test_route_answers_htmx_with_its_part_alone(
    team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    other = connect(None, "Cloudflare", "cloudflare")
    via = ImageModel.objects.get(slug="cloudflare-gpt-image-2")
    client = client_of(admin)
    part = text_of(client.post(TWO + "route/", {"step": f"{other.pk}:{via.pk}"}, headers=HTMX))
    assert part.startswith('<section class="card" id="route"')
    assert '<p class="sr" role="status">Cloudflare added.</p>' in part
    part = text_of(client.post(f"{TWO}route/{other.pk}/", {"act": "up"}, headers=HTMX))
    assert part.index("Cloudflare</span>") < part.index("Our OpenAI</span>")


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("step", ["", "1", "x:y", "theirs"])
def test_route_takes_no_other_connection(
    step: str,
    headers: dict[str, str],
    team: Team,
    other_team: Team,
    openai: Connection,
    admin: User,
    client_of: ClientOf,
) -> None:
    theirs = connect(other_team, "Theirs")
    wanted = f"{theirs.pk}:{ImageModel.objects.get(slug='gpt-image-2').pk}" if step == "theirs" else step
    answer = client_of(admin).post(TWO + "route/", {"step": wanted}, headers=headers)
    assert answer.status_code == 422
    assert places(team) == []
    assert ("<h1>" in text_of(answer)) is not bool(headers)
    assert "Theirs" not in text_of(answer)


@pytest.mark.parametrize(("act", "known"), [("sideways", True), ("", True), ("up", False), ("remove", False)])
def test_route_refuses_what_is_no_change_of_it(
    act: str, known: bool, team: Team, openai: Connection, admin: User, client_of: ClientOf
) -> None:
    model = ImageModel.objects.get(slug="gpt-image-2")
    set_route(team=team, model=model, steps=[Step(openai, model)], actor=admin)
    pk = openai.pk if known else openai.pk + 1
    assert client_of(admin).post(f"{TWO}route/{pk}/", {"act": act}).status_code == 400
    assert places(team) == ["Our OpenAI"]


@pytest.mark.parametrize(
    ("change", "said", "in_list"),
    [
        ({"enabled": False}, "Paused by an admin", "No connection can be asked"),
        ({"paused_kind": "auth"}, "Paused", "The provider rejects the key"),
    ],
)
def test_route_says_what_is_passed_over(
    change: dict[str, Any],
    said: str,
    in_list: str,
    team: Team,
    openai: Connection,
    admin: User,
    client_of: ClientOf,
) -> None:
    Connection.objects.update(**change)
    text = text_of(client_of(admin).get(TWO))
    assert f"{said}</span>" in text
    assert in_list in row_of(text_of(client_of(admin).get(MODELS)), "gpt-image-2")


@pytest.mark.parametrize("count", [1, 3])
def test_pages_cost_the_same_for_any_number(
    count: int,
    team: Team,
    openai: Connection,
    admin: User,
    member: User,
    client_of: ClientOf,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    keep = ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-1.5"][:count]
    ImageModel.objects.exclude(slug__in=keep).exclude(slug="cloudflare-gpt-image-2").update(enabled=False)
    model = ImageModel.objects.get(slug="gpt-image-2")
    more = [connect(team, f"Another {number}") for number in range(count)]
    set_route(team=team, model=model, steps=[Step(each, model) for each in more], actor=admin)
    for slug in keep:
        use(team, member, slug)
        HiddenModel.objects.create(team=team, model=ImageModel.objects.get(slug=slug))
    client: Client = client_of(admin)
    asked: list[tuple[str, int, Callable[[str], bool]]] = [
        # session, user, door, use, models, connections, routes, paused ones, prices, hidden ones, titles of what was
        # used, balance, teams in the switch
        (MODELS, 13, lambda text: text.count("<tr>") == count + 1),
        # without the titles; sources of the prices, the route, its paused places, connections and models of the family
        (TWO, 17, lambda text: text.count('id="place-') == count),
    ]
    for address, queries, is_whole in asked:
        with django_assert_num_queries(queries):
            answer = client.get(address)
        assert is_whole(text_of(answer))


def test_stranger_knows_nothing_of_it(team: Team, openai: Connection, stranger: User, client_of: ClientOf) -> None:
    client = client_of(stranger)
    assert client.get(MODELS).status_code == 404
    assert client.get(TWO).status_code == 404
    assert client.post(TWO + "available/").status_code == 404
    assert HiddenModel.objects.count() == 0
