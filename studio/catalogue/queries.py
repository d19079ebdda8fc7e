"""What a team can be offered, and what it costs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from studio.catalogue.capabilities import Capabilities, read_capabilities
from studio.catalogue.errors import NotOffered
from studio.catalogue.models import ImageModel, Price
from studio.catalogue.pricing import PricedModel, PricePoint, Quote, quote
from studio.providers.models import Connection
from studio.teams.models import Team


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that the team can use now, the connection that would serve it, and its prices."""

    model: ImageModel
    connection: Connection
    priced: PricedModel
    capabilities: Capabilities

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


def models_for(team: Team) -> list[Offer]:
    """What the team can use today, in the catalogue's order: three queries, however much there is.

    The team's own connection serves before a shared one; retired, disabled and unpriced models are left out.
    """
    return _offers(team, ImageModel.objects.all())


def _offers(team: Team, wanted: QuerySet[ImageModel]) -> list[Offer]:
    connections = _connection_by_protocol(team)
    usable = wanted.filter(protocol__in=connections, enabled=True)
    models = list(usable.filter(Q(retires_on=None) | Q(retires_on__gt=timezone.now().date())))
    priced = _priced(models, Price.objects.filter(model__in=models, version=F("model__price_version")))
    return [
        Offer(model, connections[model.protocol], priced[model.pk], read_capabilities(model.capabilities))
        for model in models
        if priced[model.pk].prices
    ]


def find_offer(team: Team, slug: str) -> Offer:
    """Return the team's offer of one model; raises NotOffered."""
    for offer in _offers(team, ImageModel.objects.filter(slug=slug)):
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


def _connection_by_protocol(team: Team) -> dict[str, Connection]:
    """One connection for each protocol; the secret stays encrypted in the database, since nothing is sent here."""
    own_first = Connection.objects.usable_by(team).order_by(F("team").asc(nulls_last=True), "pk")
    chosen: dict[str, Connection] = {}
    for connection in own_first.defer("secret"):
        chosen.setdefault(connection.protocol, connection)
    return chosen


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
