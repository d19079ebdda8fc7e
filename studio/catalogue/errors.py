"""What can go wrong with the catalogue."""

from studio.core.errors import BadInput, StudioError


class NotOffered(BadInput):
    """The model cannot do this, or its price is unknown; `field` names what has to be chosen otherwise."""

    code = "not_offered"
    title = "Not offered"

    def __init__(self, *, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class RouteRefused(BadInput):
    """A connection cannot stand in the team's route for a model."""

    code = "route_refused"
    title = "Not a way to this model"


class CatalogueUnreadable(StudioError):
    """A catalogue file says something that cannot be used; the message names the file and the place in it."""

    code = "catalogue_unreadable"
    http_status = 500
