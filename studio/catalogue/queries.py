"""What a team can be offered, and what it costs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F, OuterRef, QuerySet, Subquery

from studio.catalogue.capabilities import Capabilities, Wanted, read_capabilities
from studio.catalogue.errors import NotOffered
from studio.catalogue.models import HiddenModel, ImageModel, Price
from studio.catalogue.pricing import PricedModel, PricePoint, Quote, quote
from studio.catalogue.routing import Step, ways_for
from studio.core.templatetags.studio import day_of
from studio.teams.models import Team


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that the team can use now, the places that would serve it in their order, and its prices."""

    model: ImageModel
    steps: Sequence[Step]
    priced: PricedModel
    capabilities: Capabilities
    # Why it is of no use at this moment, in few words; empty where it can be used.
    reason: str = ""
    successor_family: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether it has a price and a place that can be asked."""
        return bool(self.steps and self.priced.prices)

    @property
    def qualities(self) -> list[str]:
        """The qualities that have a price, in the catalogue's order."""
        priced = {quality for quality, _ in self.priced.prices}
        return [quality for quality in self.capabilities.qualities if quality in priced]

    @property
    def sizes(self) -> list[str]:
        """The sizes that have a price, in the catalogue's order."""
        priced = {size for _, size in self.priced.prices}
        return [size for size in self.capabilities.sizes if size in priced]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a person can choose from, and what is shown beside it with the reason why it cannot be chosen."""

    offers: Sequence[Offer]
    away: Sequence[Offer]


def shelf_for(team: Team) -> Shelf:
    """What the team can use at this moment and what is only away, each in the catalogue's order: five queries."""
    found = _offers(team, ImageModel.objects.current())
    return Shelf([offer for offer in found if not offer.reason], [offer for offer in found if offer.reason])


def models_for(team: Team) -> list[Offer]:
    """What the team can use today, in the catalogue's order: five queries, however much there is.

    Left out are models without a price, at their end, switched off, hidden by the team's admins, or without a
    connection that can be asked.
    """
    return [offer for offer in _offers(team, ImageModel.objects.current()) if offer.steps]


def _offers(team: Team, wanted: QuerySet[ImageModel]) -> list[Offer]:
    """Return what has a price and a connection, also where no connection can be asked now."""
    visible = wanted.exclude(pk__in=HiddenModel.objects.filter(team=team).values("model"))
    return [offer for offer in offers_of(team, visible) if offer.priced.prices and (offer.steps or offer.reason)]


def offers_of(team: Team, wanted: QuerySet[ImageModel]) -> list[Offer]:
    """What the team would get of these models, whether it can use them or not."""
    successor = ImageModel.objects.filter(slug=OuterRef("successor"))
    models = list(wanted.annotate(family_after=Subquery(successor.values("family")[:1])))
    ways = ways_for(team, models)
    priced = _priced(models, Price.objects.filter(model__in=models, version=F("model__price_version")))
    return [
        Offer(
            model,
            ways[model.pk].steps,
            priced[model.pk],
            read_capabilities(model.capabilities),
            reason=ways[model.pk].reason,
            successor_family=model.family_after or model.successor,
        )
        for model in models
    ]


def successor_of(offer: Offer, offers: Iterable[Offer]) -> ImageModel | None:
    """Return what to use instead of a model: its successor, or else another entry of the successor's family."""
    others = [each.model for each in offers if each.model != offer.model and not each.model.ends_soon]
    named = [model for model in others if model.slug == offer.model.successor]
    related = [model for model in others if offer.successor_family and model.family == offer.successor_family]
    return next(iter([*named, *related]), None)


def note_of(offer: Offer, offers: Iterable[Offer]) -> str:
    """What to know when choosing a model: its note, when it ends, and what to use instead."""
    model, successor = offer.model, successor_of(offer, offers)
    sentences = [model.note] if model.note else []
    if model.last_day:
        sentences.append(f"Ends {day_of(model.last_day)}")
    if successor:
        sentences.append(f"Use {successor.title} instead" if model.last_day else f"{successor.title} follows it")
    return ". ".join(sentences)


def find_offer(team: Team, slug: str) -> Offer:
    """Return the team's offer of one model; raises NotOffered."""
    for offer in _offers(team, ImageModel.objects.current().filter(slug=slug)):
        if offer.steps:
            return offer
    raise NotOffered(field="model", message="This model is not available to your team now.")


def price_at(*, model: ImageModel, version: int, quality: str, size: str) -> Quote:
    """Price one picture at a version of the past, as a generation that was quoted then needs; raises NotOffered."""
    rows = Price.objects.filter(model=model, version=version, quality=quality, size=size)
    capabilities = read_capabilities(model.capabilities)
    table = _table(rows)
    return quote(
        model=PricedModel(model.slug, model.title, version, capabilities.max_n, table), quality=quality, size=size, n=1
    )


def find_step(offer_steps: Iterable[Step], model: ImageModel, wanted: Wanted, *, most: int) -> Step | None:
    """Return the first place that can do what is wanted for at most `most` credits a picture.

    What the model itself offers has been checked; another entry of its family may offer less, or ask for more.
    """
    for step in offer_steps:
        if step.via == model or _can_do(step.via, wanted, most):
            return step
    return None


def _can_do(via: ImageModel, wanted: Wanted, most: int) -> bool:
    try:
        read_capabilities(via.capabilities).check(wanted)
        price = price_at(model=via, version=via.price_version, quality=wanted.quality, size=wanted.size)
    except NotOffered:
        return False
    return price.unit <= most


def _priced(models: Iterable[ImageModel], rows: QuerySet[Price]) -> dict[int, PricedModel]:
    by_model: dict[int, list[Price]] = defaultdict(list)
    for row in rows:
        by_model[row.model_id].append(row)
    return {
        model.pk: PricedModel(
            model.slug,
            model.title,
            model.price_version,
            read_capabilities(model.capabilities).max_n,
            _table(by_model[model.pk]),
        )
        for model in models
    }


def _table(rows: Iterable[Price]) -> dict[tuple[str, str], PricePoint]:
    return {(row.quality, row.size): PricePoint(row.credits, row.usd, row.estimate) for row in rows}
