"""The studio, its fragments, and the history."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from studio.catalogue.pricing import NotOffered
from studio.catalogue.queries import Shelf, shelf_for
from studio.core.errors import StudioError
from studio.core.keys import read_key, read_keys
from studio.core.pagination import page_of
from studio.core.zones import in_readers_zone
from studio.generations.cards import Card, cards_of
from studio.generations.composer import Composer
from studio.generations.errors import KeyReused, NothingToRetry, PriceChanged
from studio.generations.forms import PRICED_FIELDS, GenerationForm
from studio.generations.inputs import Inputs, find_inputs, take_inputs
from studio.generations.models import Generation
from studio.generations.queries import feed, inputs_of, typical_seconds
from studio.generations.services import cancel_generation, retry_rest, start_generation
from studio.ledger.errors import InsufficientCredits
from studio.ledger.queries import balance
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

FEED_PAGE: Final = 12
HISTORY_PAGE: Final = 24
# A page that was away long enough to miss more is better reloaded.
MOST_NEWER: Final = 20


@team_required(Role.VIEWER)
@require_safe
@in_readers_zone
def studio(request: TeamRequest) -> HttpResponse:
    """The composer and the feed; `?from=` fills the composer with an earlier request, `?reference=` with a picture."""
    if request.htmx and "after" in request.GET:
        return _newer(request)
    if request.htmx and "before" in request.GET:
        return render(request, "generations/studio.html#feed_page", _feed(request))
    if not request.membership.may(Role.MEMBER):
        return _page(request, None)
    shelf = shelf_for(request.team)
    return _page(request, _composer(request, shelf, *_wanted(request)), shelf=shelf)


@team_required(Role.MEMBER)
@require_POST
@in_readers_zone
def create(request: TeamRequest) -> HttpResponse:
    """Start a generation, or give the form back as it was with what stands against it."""
    shelf = shelf_for(request.team)
    if not shelf.offers:
        raise NotOffered(field="model", message="No model is available to this team now.")
    form = GenerationForm(request.POST, offers=shelf.offers, inputs=_taken(request), away=shelf.away)
    if not form.is_valid():
        return _kept(request, form, status=422)
    price = form.price()
    try:
        generation = start_generation(
            team=request.team,
            actor=request.user,
            spec=form.to_spec(),
            key=form.submission_key(),
            quoted=form.amount_shown(price) if price else 0,
        )
    except NotOffered as error:
        form.add_error(error.field, error.message)
        return _kept(request, form, status=422)
    except (PriceChanged, KeyReused, InsufficientCredits) as error:
        return _kept(request, form, status=error.http_status, error=error.message)
    return _started(request, generation, Composer(form, price, balance(request.team)))


@team_required(Role.MEMBER)
@require_POST
def quote(request: TeamRequest) -> HttpResponse:
    """Price the form as it stands; `?part=` asks for another part of it instead.

    That is what the model offers, what the format needs, or the pictures that go along, which are taken in here.
    """
    inputs = _taken(request)
    shelf = shelf_for(request.team)
    composer = _composer(request, shelf, request.POST.dict(), inputs)
    if not request.htmx:
        return _page(request, composer, shelf=shelf, status=422 if inputs.problems else 200)
    part = request.GET.get("part", "")
    if part in {"options", "compression", "references"}:
        context = {"composer": composer, "swap_options": part == "options", "close_dialog": part == "references"}
        is_refused = bool(inputs.problems) and part == "references"
        return render(request, f"generations/studio.html#{part}", context, status=422 if is_refused else 200)
    if any(name not in request.POST for name in PRICED_FIELDS):
        # The options were being exchanged when this was sent; their answer brings the price along.
        return HttpResponse(status=204)
    return render(request, "generations/studio.html#quote", {"composer": composer})


@team_required(Role.VIEWER)
@require_safe
def card(request: TeamRequest, pk: int) -> HttpResponse:
    """One generation, as it is now; without htmx its place in the studio."""
    generation = _find(request, pk)
    if not request.htmx:
        return HttpResponseRedirect(f"{_studio_url(request)}?before={pk + 1}#generation-{pk}")
    return _card(request, generation)


@team_required(Role.MEMBER)
@require_POST
def cancel(request: TeamRequest, pk: int) -> HttpResponse:
    """Stop what has not been sent yet."""
    cancel_generation(generation=_find(request, pk), actor=request.user)
    if request.htmx:
        return _card(request, _find(request, pk))
    return HttpResponseRedirect(f"{_studio_url(request)}#generation-{pk}", status=303)


@team_required(Role.MEMBER)
@require_POST
@in_readers_zone
def retry(request: TeamRequest, pk: int) -> HttpResponse:
    """Make the images that a generation missed, as a new one."""
    earlier = _find(request, pk)
    try:
        again = retry_rest(generation=earlier, actor=request.user, key=_key(request))
    except (InsufficientCredits, KeyReused, NotOffered, NothingToRetry, PriceChanged) as error:
        return _refused(request, earlier, error)
    return _started(request, again, composer=None, renew=earlier)


@team_required(Role.VIEWER)
@require_safe
def history(request: TeamRequest) -> HttpResponse:
    """Every prompt of the team, newest first."""
    before = read_key(request.GET.get("before"))
    page = page_of(feed(request.team), before=before, size=HISTORY_PAGE)
    first = reverse("generations:history", args=[request.team.slug])
    context = _card_context(request) | {
        "cards": cards_of(page.items),
        "next_url": f"{first}?before={page.next_before}" if page.next_before else None,
        "first_url": first if before else None,
    }
    return render(request, "generations/history.html", context)


def _page(
    request: TeamRequest, composer: Composer | None, *, shelf: Shelf | None = None, status: int = 200
) -> HttpResponse:
    """The whole studio; without a composer the shelf says which models are only away."""
    context = _feed(request) | {
        "composer": composer,
        "away": shelf.away if shelf else (),
    }
    if composer:
        context["balance"] = composer.account
    return render(request, "generations/studio.html", context, status=status)


def _feed(request: TeamRequest) -> dict[str, Any]:
    before = read_key(request.GET.get("before"))
    page = page_of(feed(request.team, author=request.user if _mine(request) else None), before=before, size=FEED_PAGE)
    cards = _cards(page.items, after=_day(request) if request.htmx else None)
    more = f"{_studio_url(request)}?scope={_scope(request)}&before={page.next_before}"
    if cards:
        more += f"&day={timezone.localdate(cards[-1].generation.created_at)}"
    return _card_context(request) | {
        "cards": cards,
        "next_url": more if page.next_before else None,
        "scope": _scope(request),
        # An older part of the feed stays as it is; only its top takes in what is new.
        "newest": (page.items[0].pk if page.items else 0) if before is None else None,
    }


def _newer(request: TeamRequest) -> HttpResponse:
    """What came since the page was made, for the top of its feed."""
    after = read_key(request.GET.get("after")) or 0
    found = feed(request.team, author=request.user if _mine(request) else None).filter(pk__gt=after)[:MOST_NEWER]
    newest = max([after, *(generation.pk for generation in found)])
    return _prepended(request, found, {"newest": newest})


def _prepended(request: TeamRequest, generations: Iterable[Generation], more: dict[str, Any]) -> HttpResponse:
    """Cards for the top of the feed, whatever is there already of them."""
    context = _card_context(request) | {"cards": _cards(list(generations)), "scope": _scope(request)} | more
    return render(request, "generations/studio.html#newer", context)


def _card(request: TeamRequest, generation: Generation, *, note: str = "", status: int = 200) -> HttpResponse:
    [shown] = _cards([generation])
    context = _card_context(request) | {"card": shown, "note": note, "announce": True}
    return render(request, "generations/studio.html#card", context, status=status)


def _cards(generations: Sequence[Generation], *, after: date | None = None) -> list[Card]:
    """Cards with all that is known around them."""
    return cards_of(generations, seconds=typical_seconds(generations), inputs=inputs_of(generations), after=after)


def _card_context(request: TeamRequest) -> dict[str, Any]:
    """What every card needs to know of the person who looks."""
    return {
        "may_generate": request.membership.may(Role.MEMBER),
        "may_manage": request.membership.may(Role.ADMIN),
    }


def _composer(request: TeamRequest, shelf: Shelf, wanted: dict[str, Any], inputs: Inputs) -> Composer | None:
    """A composer with the wanted settings and pictures; None while the team has no model that it can use."""
    if not shelf.offers:
        return None
    form = GenerationForm.prefilled(shelf.offers, wanted, inputs, shelf.away)
    return Composer(form, form.price(), balance(request.team))


def _taken(request: TeamRequest) -> Inputs:
    return take_inputs(team=request.team, actor=request.user, post=request.POST, files=request.FILES)


def _wanted(request: TeamRequest) -> tuple[dict[str, Any], Inputs]:
    """What the address asks to begin with: the generation that `?from=` names, or the pictures of `?reference=`.

    They have to be the team's own.
    """
    if "reference" in request.GET:
        inputs = find_inputs(request.team, read_keys(request.GET.getlist("reference")) or [0], None)
        if inputs.problems:
            raise Http404("There is no such picture.")
        return {}, inputs
    reused = request.GET.get("from")
    if reused is None:
        return {}, Inputs()
    spec = get_object_or_404(Generation, team=request.team, pk=read_key(reused) or 0).spec
    return {**spec, "model": spec["model_slug"]}, find_inputs(
        request.team, spec.get("references", ()), spec.get("mask")
    )


def _kept(request: TeamRequest, form: GenerationForm, *, status: int, error: str = "") -> HttpResponse:
    """The form as it was sent, with a new key and today's price."""
    composer = Composer(form, form.price(), balance(request.team), error=error)
    if request.htmx:
        context = {"composer": composer, "swap_quote": True}
        return render(request, "generations/studio.html#composer_form", context, status=status)
    return _page(request, composer, status=status)


def _started(
    request: TeamRequest, generation: Generation, composer: Composer | None, *, renew: Generation | None = None
) -> HttpResponse:
    """The new card on top of the feed, and everything that a submit uses up renewed."""
    if not request.htmx:
        # The composer keeps what was sent, as it does with htmx: the next one is often nearly the same.
        url = f"{_studio_url(request)}?from={generation.pk}#generation-{generation.pk}"
        return HttpResponseRedirect(url, status=303)
    context: dict[str, Any] = {
        "composer": composer,
        "renewed": _cards([renew])[0] if renew else None,
        "started": True,
    }
    if composer is not None and (request.POST.get("kept") or request.FILES):
        # The form on the page still shows what was wrong with it, or holds files that are pictures by now.
        form = composer.form
        context["fresh_form"] = Composer(
            GenerationForm.prefilled(
                list(form.offers.values()), request.POST.dict(), form.inputs, list(form.away.values())
            ),
            composer.price,
            composer.account,
        )
    response = _prepended(request, feed(request.team).filter(pk=generation.pk), context)
    return trigger_client_event(response, "credits-changed")


def _refused(request: TeamRequest, earlier: Generation, error: StudioError) -> HttpResponse:
    if request.htmx:
        return _card(request, earlier, note=error.message, status=error.http_status)
    raise error


def _find(request: TeamRequest, pk: int) -> Generation:
    return get_object_or_404(feed(request.team), pk=pk)


def _key(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid.uuid4()


def _mine(request: HttpRequest) -> bool:
    return _scope(request) == "mine"


def _scope(request: HttpRequest) -> str:
    return "mine" if request.GET.get("scope") == "mine" else "team"


def _day(request: HttpRequest) -> date | None:
    """The day of the last card on the page, whose heading is there already."""
    try:
        return parse_date(request.GET.get("day", ""))
    except ValueError:
        return None


def _studio_url(request: TeamRequest) -> str:
    return reverse("generations:studio", args=[request.team.slug])
