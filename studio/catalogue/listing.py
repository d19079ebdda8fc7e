"""A team's models as the pages show them: all that its connections bring, with what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from studio.catalogue.models import HiddenModel, ImageModel, Price, Route
from studio.catalogue.pricing import AUTO, PricePoint
from studio.catalogue.queries import Offer, offers_of, successor_of
from studio.catalogue.routing import Step, default_places, pause_of, possible_steps, route_of
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.models import Connection, PausedModel
from studio.teams.models import Team
from studio.usage.queries import Used, used_by_model

RANKED_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a team's connections; `used` says what the team got of it lately, `rank` its place by that."""

    offer: Offer
    is_hidden: bool
    successor: ImageModel | None
    used: Used
    rank: int | None

    @property
    def model(self) -> ImageModel:
        """The model itself."""
        return self.offer.model

    @property
    def provider(self) -> str:
        """Who is asked under this entry."""
        return _label(self.model.protocol)

    @property
    def is_priced(self) -> bool:
        """Whether anything of it can be offered."""
        return bool(self.offer.priced.prices)

    @property
    def has_choice(self) -> bool:
        """Whether making it available or not changes anything."""
        return self.is_priced and not self.model.has_ended

    @property
    def price_range(self) -> tuple[int, int]:
        """What one picture costs at the least and at the most."""
        credits = [point.credits for point in self.offer.priced.prices.values()]
        return min(credits), max(credits)

    @property
    def dollar_range(self) -> tuple[Decimal, Decimal] | None:
        """What the provider asks for one picture at the least and at the most; None where that is not known."""
        known = [point.usd for point in self.offer.priced.prices.values() if point.usd is not None]
        return (min(known), max(known)) if known else None

    @property
    def has_estimates(self) -> bool:
        """Whether a price rests on an estimate."""
        return any(point.estimate for point in self.offer.priced.prices.values())

    def price(self, quality: str, size: str) -> PricePoint | None:
        """What one picture costs."""
        return self.offer.priced.prices.get((quality, size))


@dataclass(frozen=True, slots=True)
class Place:
    """One connection of a route, and why it is passed over for now."""

    step: Step
    trouble: str

    @property
    def provider(self) -> str:
        """Who is behind the connection."""
        return _label(self.step.connection.protocol)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The connections of a model in their order, whether the team set it, and those that could be added."""

    places: Sequence[Place]
    is_set: bool
    others: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A model in the order of use; it may be gone from the catalogue."""

    title: str
    used: Used


def entries_for(team: Team, used: Mapping[str, Used]) -> list[Entry]:
    """The models that the team's connections and routes bring, hidden and ended ones too, in the catalogue's order.

    `used` is what `used_lately` says, or nothing for somebody who may not know.
    """
    offers = offers_of(team, models_of(team))
    hidden = set(HiddenModel.objects.filter(team=team).values_list("model_id", flat=True))
    places = {slug: place for place, slug in enumerate(used, 1)}
    usable = [each for each in offers if each.is_usable and each.model.pk not in hidden and not each.model.has_ended]
    return [
        Entry(
            offer=offer,
            is_hidden=offer.model.pk in hidden,
            successor=successor_of(offer, usable),
            used=used.get(offer.model.slug, Used()),
            rank=places.get(offer.model.slug),
        )
        for offer in offers
    ]


def models_of(team: Team) -> QuerySet[ImageModel]:
    """The models that the team's connections and routes bring, unless the operator switched them off."""
    protocols = Connection.objects.open_to(team).values("protocol")
    routed = Route.objects.filter(team=team).values("model")
    return ImageModel.objects.filter(Q(protocol__in=protocols) | Q(pk__in=routed), enabled=True)


def arrangement_of(team: Team, model: ImageModel) -> Arrangement:
    """Where the team's requests for a model go."""
    own = route_of(team, model)
    steps = own or default_places(team, model)
    connections = {step.connection for step in steps}
    rows = PausedModel.objects.filter(connection__in=connections)
    paused = {(row[0], row[1]): row[2] for row in rows.values_list("connection_id", "remote_name", "kind")}
    others = [step for step in possible_steps(team, model) if step.connection not in connections]
    return Arrangement([Place(step, _trouble(step, paused)) for step in steps], bool(own), others)


def _trouble(step: Step, paused_models: Mapping[tuple[int, str], str]) -> str:
    if step.via.has_ended or not step.via.enabled:
        return "Ended there"
    if not step.connection.enabled:
        return "Paused by an admin"
    return "Paused" if pause_of(step, paused_models) else ""


def _label(protocol: str) -> str:
    adapter = ADAPTERS.get(protocol)
    return adapter.label if adapter else protocol


def used_lately(team: Team) -> Mapping[str, Used]:
    """What the team got of each model in the last month, by slug, most pictures first."""
    return used_by_model(team, since=timezone.now() - timedelta(days=RANKED_DAYS))


def ranking(used: Mapping[str, Used]) -> list[Ranked]:
    """The models by use, with their titles; those that have left the catalogue as well."""
    titles = dict(ImageModel.objects.filter(slug__in=used).values_list("slug", "title"))
    return [Ranked(titles.get(slug, slug), each) for slug, each in used.items()]


def price_sources(model: ImageModel) -> Sequence[tuple[str, bool]]:
    """Where the prices of now come from, and whether they are estimates; those of `auto` follow from others."""
    known = Price.objects.filter(model=model, version=model.price_version).exclude(source="")
    rows = known.exclude(Q(quality=AUTO) | Q(size=AUTO))
    return list(rows.order_by("estimate", "source").values_list("source", "estimate").distinct())
