"""Which pictures a person chose: ticked one by one, everything that a search finds, or the whole bin."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from studio.accounts.models import User
from studio.core.errors import NotFound
from studio.library import queries
from studio.library.models import Asset, AssetQuerySet
from studio.library.search import LibrarySearch
from studio.teams.models import Team

# Without a bound a search reaches to the newest picture there is.
NEWEST: Final = 2**63 - 1


@dataclass(frozen=True)
class Selection:
    """Ids; or a search, up to the picture that was newest then; or all that was in the bin at a moment."""

    ids: tuple[int, ...] = ()
    search: LibrarySearch | None = None
    newest: int | None = None
    binned_until: datetime | None = None

    def assets(self, team: Team, user: User) -> AssetQuerySet:
        """Return the chosen pictures: of a search those in the library, of ids also those in the bin.

        Raises NotFound if only one of the ids is not the team's: then the whole list is doubtful. A search follows
        the library: what was taken out of it since is not among these.
        """
        if self.search is not None:
            return queries.ids_matching(team, user, self.search, newest=NEWEST if self.newest is None else self.newest)
        if self.binned_until is not None:
            return Asset.objects.for_team(team).binned().filter(binned_at__lte=self.binned_until)
        assets = Asset.objects.for_team(team).filter(pk__in=self.ids)
        if assets.count() != len(self.ids):
            raise NotFound("Some of the selected images are not in this library.")
        return assets.unpurged()
