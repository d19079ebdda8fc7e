"""Where requests for a team's models go now: the connections of each, in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.catalogue.models import ImageModel
from studio.catalogue.queries import shelf_for
from studio.connections.rows import Row
from studio.teams.models import Team


@dataclass(frozen=True, slots=True)
class Order:
    """Models that are asked for at the same connections, and why they are of no use at this moment.

    The first connection is asked; the others stand in where it provably did not accept the request.
    """

    models: Sequence[ImageModel]
    rows: Sequence[Row]
    reason: str


def orders_of(team: Team, rows: Mapping[int, Row]) -> list[Order]:
    """Return the orders of the models that the team's studio shows, in the catalogue's: five queries.

    `rows` are all that the team may use, by the connection's id.
    """
    shelf = shelf_for(team)
    together: dict[tuple[Sequence[int], str], list[ImageModel]] = {}
    for offer in (*shelf.offers, *shelf.away):
        places = tuple(step.connection.pk for step in offer.steps)
        together.setdefault((places, offer.reason), []).append(offer.model)
    return [Order(models, [rows[pk] for pk in places], reason) for (places, reason), models in together.items()]
