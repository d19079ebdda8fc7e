"""The credits page: who may see it, what it says, and what topping up does with every kind of input."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from studio.accounts.models import User
from studio.ledger.models import Entry
from studio.ledger.queries import Balance, balance
from studio.ledger.services import refund, reserve, settle, top_up
from studio.ledger.views import PAGE_SIZE
from studio.teams.models import Team
from tests.conftest import ClientOf

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def url(team: Team, tail: str = "team/credits/") -> str:
    return f"/t/{team.slug}/{tail}"


def spend(team: Team, amount: int, *, of: int, actor: User, note: str = "images") -> uuid.UUID:
    hold_id = uuid.uuid4()
    reserve(team_id=team.pk, hold_id=hold_id, amount=of, actor_id=actor.pk, note=note)
    settle(hold_id=hold_id, amount=amount, actor_id=actor.pk, note=note)
    return hold_id


def rows(html: str) -> list[list[str]]:
    """The table's cells as bare text, as a wide screen shows them."""
    bodies = re.sub(r"<thead>.*?</thead>", "", html, flags=re.DOTALL)
    bodies = re.sub(r'<span class="narrow-only.*?</span>', "", bodies, flags=re.DOTALL)
    found = re.findall(r"<tr>(.*?)</tr>", bodies, flags=re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, flags=re.DOTALL) for row in found]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


def form(**fields: str) -> dict[str, str]:
    return {"key": str(uuid.uuid4()), "amount": "10", "reference": "", "note": ""} | fields


def test_statement_shows_holds_on_top_and_a_running_balance(
    funded: Team, owner: User, member: User, client_of: ClientOf
) -> None:
    hold_id = spend(funded, 3, of=5, actor=member, note="3 of 5 images")
    refund(hold_id=hold_id, amount=1, actor=owner, reason="Broken", key="r")
    for amount in (2, 1):
        reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=amount, actor_id=member.pk, note=f"Held for {amount}")
    response = client_of(owner).get(url(funded))
    assert response.status_code == 200
    html = response.content.decode()
    assert [row[1:] for row in rows(html)] == [
        ["Held for 1 Held", "PN Priya Nair", "−1", "5"],
        ["Held for 2 Held", "PN Priya Nair", "−2", "6"],
        ["Broken Refund", "ML Maya Lindqvist", "+1", "8"],
        ["3 of 5 images 2 returned", "PN Priya Nair", "−3", "7"],
        ["First , INV-1 Top-up".replace(" ,", ","), "ML Maya Lindqvist", "+10", "10"],
    ]
    figures = re.findall(r'<dd class="v">([^<]*)</dd>', html)
    assert figures == ["5", "3", "8"]
    assert "credits, $0.05" in html


def test_statement_without_entries_offers_a_top_up(team: Team, owner: User, client_of: ClientOf) -> None:
    html = client_of(owner).get(url(team)).content.decode()
    assert "No entries yet" in html
    assert "<table" not in html
    assert "No credits left." in html


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("viewer", 403), ("stranger", 404)]
)
@pytest.mark.parametrize("tail", ["team/credits/", "team/credits/top-up/"])
def test_pages_are_for_admins(
    who: str, status: int, tail: str, funded: Team, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    client = client_of(request.getfixturevalue(who))
    assert client.get(url(funded, tail)).status_code == status


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("stranger", 404)])
def test_post_by_others_adds_nothing(
    who: str, status: int, funded: Team, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    client = client_of(request.getfixturevalue(who))
    assert client.post(url(funded, "team/credits/top-up/"), form()).status_code == status
    assert balance(funded) == Balance(10, 0)


@pytest.mark.parametrize("count", [1, 3])
def test_statement_costs_the_same_for_any_length(
    count: int, funded: Team, owner: User, member: User, client_of: ClientOf, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        spend(funded, 1, of=1, actor=member)
        reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=1, actor_id=member.pk, note="")
    client = client_of(owner)
    # session, user, membership, teams of the switch; entries, account, holds
    with django_assert_num_queries(7):
        client.get(url(funded))


def test_statement_tells_a_phone_when_and_who(funded: Team, owner: User, client_of: ClientOf) -> None:
    html = client_of(owner).get(url(funded)).content.decode()
    lines = re.findall(r'<span class="narrow-only muted xs">(.*?)</span>', html, flags=re.DOTALL)
    assert [re.sub(r"<[^>]+>", "", line).partition(" · ")[2] for line in lines] == ["Maya Lindqvist"]


def test_older_entries_follow_by_link_and_by_htmx(funded: Team, owner: User, client_of: ClientOf) -> None:
    for number in range(PAGE_SIZE):
        top_up(team=funded, amount=1, actor=owner, reference=f"N{number}", note="", key=f"n{number}")
    client = client_of(owner)
    html = client.get(url(funded)).content.decode()
    assert len(rows(html)) == PAGE_SIZE + 1
    (older,) = set(re.findall(r'href="(\?before=\d+)"', html))
    page = client.get(url(funded) + older).content.decode()
    assert [row[1] for row in rows(page)] == ["First, INV-1 Top-up"]
    assert "Newest entries" in page
    part = client.get(url(funded) + older, headers=HTMX).content.decode()
    assert [row[1] for row in rows(part)] == ["First, INV-1 Top-up"]
    assert "<html" not in part


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "²"])
def test_unreadable_place_shows_the_first_page(before: str, funded: Team, owner: User, client_of: ClientOf) -> None:
    html = client_of(owner).get(url(funded), {"before": before}).content.decode()
    assert len(rows(html)) == 1


def test_open_page_fetches_what_is_new(funded: Team, owner: User, client_of: ClientOf) -> None:
    client = client_of(owner)
    html = client.get(url(funded)).content.decode()
    (newest,) = re.findall(r'hx-get="([^"]*part=newest[^"]*)"', html)
    spend(funded, 2, of=2, actor=owner)
    reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=1, actor_id=owner.pk, note="More")
    part = client.get(newest.replace("&amp;", "&"), headers=HTMX).content.decode()
    assert [row[3] for row in rows(part)] == ["−1", "−2", "+10"]
    figures = client.get(url(funded) + "?part=figures", headers=HTMX).content.decode()
    assert re.findall(r'<dd class="v">([^<]*)</dd>', figures) == ["7", "1", "8"]
    assert "<html" not in figures


def test_page_that_missed_much_loads_itself_again(
    funded: Team, owner: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.ledger.views.MOST_NEWS", 1)
    first = Entry.objects.get()
    top_up(team=funded, amount=1, actor=owner, reference="", note="", key="second")
    response = client_of(owner).get(url(funded), {"part": "newest", "since": str(first.pk)}, headers=HTMX)
    assert (response.headers["HX-Refresh"], response.content) == ("true", b"")


def test_more_holds_than_fit_are_summed_up(funded: Team, owner: User, client_of: ClientOf) -> None:
    top_up(team=funded, amount=90, actor=owner, reference="", note="", key="more")
    for _ in range(25):
        reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=2, actor_id=owner.pk, note="Held")
    table = rows(client_of(owner).get(url(funded)).content.decode())
    assert len(table) == 20 + 1 + 2
    assert table[20] == ["", "Older generations that still run Held", "", "−10", ""]


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("1", 1), ("1,000", 1000), (" 2 500 ", 2500), ("1'000'000", 10**6), ("1\u202f000", 1000), (str(10**12), 10**12)],
)
def test_top_up_adds_credits(typed: str, amount: int, team: Team, admin: User, client_of: ClientOf) -> None:
    fields = form(amount=typed, reference="INV-9", note="November")
    response = client_of(admin).post(url(team, "team/credits/top-up/"), fields, follow=True)
    assert response.redirect_chain == [(url(team), 302)]
    entry = Entry.objects.get()
    assert (entry.amount, entry.actor, entry.reference, entry.note) == (amount, admin, "INV-9", "November")
    assert entry.key == f"top-up:{fields['key']}"
    assert f"{amount:,} credit" in response.content.decode()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "0",
        "-5",
        "1.5",
        "1,5",
        "1,00",
        "1,0000",
        "1,000 000",
        "abc",
        "1e3",
        "²",
        str(10**12 + 1),
        "9" * 40,
    ],
)
def test_top_up_with_a_bad_amount_keeps_the_form(typed: str, funded: Team, admin: User, client_of: ClientOf) -> None:
    response = client_of(admin).post(url(funded, "team/credits/top-up/"), form(amount=typed, reference="KEEP-ME"))
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"amount"}
    assert 'value="KEEP-ME"' in response.content.decode()
    assert balance(funded) == Balance(10, 0)


@pytest.mark.parametrize(("field", "value"), [("key", "x"), ("key", ""), ("reference", "r" * 121), ("note", "n" * 201)])
def test_top_up_with_another_bad_field_adds_nothing(
    field: str, value: str, funded: Team, admin: User, client_of: ClientOf
) -> None:
    response = client_of(admin).post(url(funded, "team/credits/top-up/"), form(**{field: value}))
    assert response.status_code == 422
    assert balance(funded) == Balance(10, 0)


def test_same_form_twice_tops_up_once(funded: Team, admin: User, client_of: ClientOf) -> None:
    client, fields = client_of(admin), form()
    statuses = [client.post(url(funded, "team/credits/top-up/"), fields).status_code for _ in range(2)]
    assert statuses == [302, 302]
    assert balance(funded) == Balance(20, 0)


def test_same_form_with_another_amount_asks_again_under_a_new_key(
    funded: Team, admin: User, client_of: ClientOf
) -> None:
    client, fields = client_of(admin), form()
    client.post(url(funded, "team/credits/top-up/"), fields)
    response = client.post(url(funded, "team/credits/top-up/"), fields | {"amount": "5"})
    assert response.status_code == 409
    html = response.content.decode()
    assert "sent before with another amount" in html
    (key,) = re.findall(r'name="key" value="([^"]+)"', html)
    assert key != fields["key"]
    client.post(url(funded, "team/credits/top-up/"), fields | {"amount": "5", "key": key})
    assert balance(funded) == Balance(25, 0)


def test_top_up_needs_the_csrf_token(funded: Team, admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.post(url(funded, "team/credits/top-up/"), form()).status_code == 403
    assert balance(funded) == Balance(10, 0)


@pytest.mark.parametrize(("who", "links"), [("admin", True), ("viewer", False)])
def test_badge_is_for_every_member_and_links_for_admins(
    who: str, links: bool, funded: Team, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=4, actor_id=None, note="")
    html = client_of(request.getfixturevalue(who)).get(url(funded, "balance/")).content.decode()
    assert re.sub(r"<[^>]+>", "", html).split() == ["6", "credits", "available4", "held"]
    assert (url(funded) in html) is links


def test_badge_of_another_team_is_not_found(funded: Team, stranger: User, client_of: ClientOf) -> None:
    assert client_of(stranger).get(url(funded, "balance/")).status_code == 404


@pytest.mark.parametrize(("left", "low"), [(1, False), (0, True)])
def test_badge_warns_below_a_tenth(left: int, low: bool, funded: Team, owner: User, client_of: ClientOf) -> None:
    spend(funded, 10 - left, of=10, actor=owner)
    html = client_of(owner).get(url(funded, "balance/")).content.decode()
    assert ('class="balance low"' in html) is low


def test_account_is_low_by_what_came_in_last(team: Team, owner: User, client_of: ClientOf) -> None:
    top_up(team=team, amount=1000, actor=owner, reference="", note="", key="a")
    spend(team, 901, of=901, actor=owner)
    assert "99 credits left." in client_of(owner).get(url(team)).content.decode()
    top_up(team=team, amount=1, actor=owner, reference="", note="", key="b")
    assert "credits left." not in client_of(owner).get(url(team)).content.decode()
