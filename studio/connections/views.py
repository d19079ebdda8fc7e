"""The connections page: how each one does, adding, changing, testing and removing them."""

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from studio.catalogue.errors import CatalogueUnreadable
from studio.connections import services
from studio.connections.forms import ConnectionForm, SecretForm
from studio.connections.queries import Health, connections_for, health_of
from studio.connections.routing import orders_of
from studio.connections.rows import Row
from studio.generations.models import Generation
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.errors import ConnectionRefused
from studio.providers.gateway import adapter_of
from studio.providers.models import Connection
from studio.providers.services import remove_connection, rotate_secret, set_enabled
from studio.providers.testing import is_running
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

_PAGE: Final = ["GET", "HEAD", "POST"]


@team_required(Role.ADMIN)
@require_safe
def index(request: TeamRequest) -> HttpResponse:
    """List the connections that the team may use, how they did in the last day, and what is asked where."""
    return _list(request)


@team_required(Role.ADMIN)
@sensitive_post_parameters("secret")
@require_http_methods(_PAGE)
def new(request: TeamRequest) -> HttpResponse:
    """Add a connection: first its protocol, then what that needs."""
    asked = request.POST if request.method == "POST" else request.GET
    protocol = asked.get("protocol", "openai")
    if protocol not in ADAPTERS:
        if request.method == "POST":
            raise ConnectionRefused("There is no such protocol.")
        protocol = "openai"
    form = ConnectionForm(request.POST if request.method == "POST" else None, protocol=protocol)
    if form.is_bound and form.is_valid():
        try:
            connection = services.add_connection(
                team=request.team, protocol=protocol, actor=request.user, **form.facts()
            )
        except ConnectionRefused as refused:
            form.take(refused)
        except CatalogueUnreadable as error:
            form.add_error(None, error.message)
        else:
            _say(request, f"{connection.name} added.", connection)
            return redirect("connections:index", team_slug=request.team.slug)
    context = {"form": form, "protocol": protocol, "adapters": ADAPTERS.values()}
    return render(request, "connections/new.html", context, status=422 if form.is_bound else 200)


@team_required(Role.ADMIN)
@sensitive_post_parameters("secret")
@require_http_methods(_PAGE)
def edit(request: TeamRequest, pk: int) -> HttpResponse:
    """One connection: how it does, and what can be changed of it. A part of it for htmx."""
    part = request.GET.get("part", "")
    if request.method != "POST" and request.htmx and part == "state":
        return _state(request, pk)
    connection = _find(request, pk)
    if request.method != "POST":
        return _edit_page(request, connection)
    form = ConnectionForm(request.POST, protocol=connection.protocol, connection=connection)
    if not form.is_valid():
        return _edit_page(request, connection, form=form)
    try:
        changed = services.change_connection(connection=connection, actor=request.user, **form.facts())
    except ConnectionRefused as refused:
        form.take(refused)
        return _edit_page(request, connection, form=form)
    if changed.tested_at is None:
        services.begin_test(changed)
    messages.success(request, "Saved.")
    return redirect("connections:edit", team_slug=request.team.slug, pk=pk)


@team_required(Role.ADMIN)
@require_POST
def test(request: TeamRequest, pk: int) -> HttpResponse:
    """Have a connection tested by a worker; pressed twice it is one test."""
    services.begin_test(_find(request, pk))
    on_its_page = request.GET.get("part") == "state"
    if request.htmx:
        return _state(request, pk) if on_its_page else _list(request)
    if on_its_page:
        return redirect("connections:edit", team_slug=request.team.slug, pk=pk)
    return redirect("connections:index", team_slug=request.team.slug)


@team_required(Role.ADMIN)
@sensitive_post_parameters("secret")
@require_http_methods(_PAGE)
def key(request: TeamRequest, pk: int) -> HttpResponse:
    """Replace the key; the new one is tested at once, and a test that passes ends a pause."""
    connection = _find(request, pk)
    form = SecretForm(request.POST if request.method == "POST" else None, auto_id="id_new_%s")
    if not adapter_of(connection).needs_secret or not form.is_bound:
        return redirect("connections:edit", team_slug=request.team.slug, pk=pk)
    if form.is_valid():
        try:
            rotated = rotate_secret(connection=connection, secret=form.cleaned_data["secret"], actor=request.user)
        except ConnectionRefused as refused:
            form.add_error("secret", refused.message)
        else:
            services.begin_test(rotated)
            _say(request, "The key is replaced.", rotated)
            return redirect("connections:edit", team_slug=request.team.slug, pk=pk)
    return _edit_page(request, connection, key_form=form)


@team_required(Role.ADMIN)
@require_POST
def pause(request: TeamRequest, pk: int) -> HttpResponse:
    """Leave a connection alone for now."""
    set_enabled(connection=_find(request, pk), enabled=False, actor=request.user)
    return redirect("connections:edit", team_slug=request.team.slug, pk=pk)


@team_required(Role.ADMIN)
@require_POST
def resume(request: TeamRequest, pk: int) -> HttpResponse:
    """Use a connection again."""
    set_enabled(connection=_find(request, pk), enabled=True, actor=request.user)
    return redirect("connections:edit", team_slug=request.team.slug, pk=pk)


@team_required(Role.ADMIN)
@require_http_methods(_PAGE)
def remove(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask before a connection is removed; a post removes it."""
    connection = _find(request, pk)
    if request.method == "POST":
        remove_connection(connection=connection, actor=request.user)
        messages.success(request, f"{connection.name} removed.")
        return redirect("connections:index", team_slug=request.team.slug)
    context = {
        "title": f"Remove {connection.name}?",
        "body": "connections/remove_form.html",
        "connection": connection,
        "live": Generation.objects.live().filter(connection=connection).count(),
    }
    return render(request, "components/dialog_content.html" if request.htmx else "connections/remove.html", context)


def _find(request: TeamRequest, pk: int) -> Connection:
    """Return a connection of the team's own; shared ones are the operator's."""
    return get_object_or_404(Connection.objects.kept().filter(team=request.team), pk=pk)


def _rows(request: TeamRequest, **only: Any) -> dict[int, Row]:
    connections = list(connections_for(request.team).filter(**only))
    health = health_of(request.team, connections)
    return {each.pk: Row(each, health.get(each.pk, Health())) for each in connections}


def _say(request: TeamRequest, done: str, connection: Connection) -> None:
    """Say what was done, and that a test runs, which waits where the team has too many under way."""
    messages.success(request, f"{done} It is being tested." if is_running(connection) else done)


def _list(request: TeamRequest) -> HttpResponse:
    """The page, or for htmx what changes of it while it is open."""
    rows = _rows(request)
    context = {
        "rows": rows.values(),
        "orders": orders_of(request.team, rows),
        "is_testing": any(row.is_testing for row in rows.values()),
    }
    return render(request, "connections/index.html#list" if request.htmx else "connections/index.html", context)


def _state(request: TeamRequest, pk: int) -> HttpResponse:
    """How one connection does, for a page that is open; nothing in its place once it is removed."""
    rows = _rows(request, team=request.team, pk=pk)
    return render(request, "connections/edit.html#state", {"row": rows[pk]}) if rows else HttpResponse()


def _edit_page(
    request: TeamRequest,
    connection: Connection,
    *,
    form: ConnectionForm | None = None,
    key_form: SecretForm | None = None,
) -> HttpResponse:
    rows = _rows(request)
    row = rows.get(connection.pk)
    if row is None:
        raise Http404("This connection has been removed.")
    context = {
        "row": row,
        "orders": [order for order in orders_of(request.team, rows) if row in order.rows],
        "form": form or ConnectionForm(protocol=connection.protocol, connection=connection),
        "key_form": key_form or SecretForm(auto_id="id_new_%s"),
    }
    return render(request, "connections/edit.html", context, status=422 if form or key_form else 200)
