"""The credits page, topping up, and the balance in the bar."""

from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from studio.core.keys import read_key
from studio.core.pagination import page_of
from studio.ledger import queries
from studio.ledger.errors import KeyReused
from studio.ledger.forms import TopUpForm
from studio.ledger.services import top_up as add_credits
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

PAGE_SIZE: Final = 50
# What an open page fetches of the new; a page that missed more than this loads itself again.
MOST_NEWS: Final = 200


@team_required(Role.ADMIN)
@require_safe
def statement(request: TeamRequest) -> HttpResponse:
    """Show what the team has and every entry, newest first; parts of it for htmx."""
    part = request.GET.get("part", "")
    if part == "figures":
        return render(request, "ledger/statement.html#figures", _account(request))
    if part == "newest":
        return _newest(request)
    before = read_key(request.GET.get("before"))
    page = page_of(queries.statement(request.team), before=before, size=PAGE_SIZE)
    context: dict[str, Any] = {"page": page, "entries": page.items, "is_first": before is None}
    if request.htmx and before is not None:
        return render(request, "ledger/statement.html#older", context)
    account = _account(request)
    if before is None:
        context |= _held(request, account["balance"])
        context["since"] = page.items[-1].pk if page.items else 0
    return render(request, "ledger/statement.html", context | account | {"form": TopUpForm()})


@team_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def top_up(request: TeamRequest) -> HttpResponse:
    """Add credits; the same form as the dialog of the credits page, as a page of its own."""
    if request.method != "POST":
        return render(request, "ledger/top_up.html", {"form": TopUpForm()})
    form = TopUpForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            _add(request, form)
        except KeyReused as error:
            status = error.http_status
            form = form.kept_with_new_key()
            form.add_error(None, "This page was sent before with another amount. Send it again to add these as well.")
        else:
            return redirect("ledger:statement", team_slug=request.team.slug)
    return render(request, "ledger/top_up.html", {"form": form}, status=status)


@team_required(Role.VIEWER)
@require_safe
def badge(request: TeamRequest) -> HttpResponse:
    """The balance in the bar, for every member; only who may open the credits page gets a link to it."""
    may_open = request.membership.may(Role.ADMIN)
    return render(request, "ledger/badge.html", _account(request) | {"may_open": may_open})


def _add(request: TeamRequest, form: TopUpForm) -> None:
    entry = add_credits(
        team=request.team,
        amount=form.cleaned_data["amount"],
        actor=request.user,
        reference=form.cleaned_data["reference"],
        note=form.cleaned_data["note"],
        key=f"top-up:{form.cleaned_data['key']}",
    )
    unit = "credit" if entry.amount == 1 else "credits"
    messages.success(request, f"{entry.amount:,} {unit} added.")


def _account(request: TeamRequest) -> dict[str, Any]:
    balance = queries.balance(request.team)
    return {
        "balance": balance,
        "worth": _dollars(balance.available),
    }


def _dollars(credits: int) -> str:
    cents = Decimal("0.01")
    return f"${(credits * settings.CREDIT_USD).quantize(cents):,}"


def _held(request: TeamRequest, balance: queries.Balance) -> dict[str, Any]:
    lines = queries.held_lines(request.team, balance)
    return {"held_lines": lines, "held_elsewhere": -balance.held - sum(line.change for line in lines)}


def _newest(request: TeamRequest) -> HttpResponse:
    """Answer an open page: everything since the last entry that it began with, so nothing is missing or doubled."""
    since = read_key(request.GET.get("since")) or 0
    entries = list(queries.statement(request.team).filter(pk__gte=since)[: MOST_NEWS + 1])
    if len(entries) > MOST_NEWS:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = _held(request, queries.balance(request.team)) | {"entries": entries}
    return render(request, "ledger/statement.html#newest", context)
