"""What a picture's own page shows beside the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from studio.accounts.models import User
from studio.library.comparing import LEAST_COMPARED, MOST_COMPARED
from studio.library.looks import Look
from studio.library.models import Asset
from studio.library.provenance import Said, described
from studio.library.queries import Neighbours, duplicates_of, neighbours
from studio.library.rules import rules_of
from studio.library.search import LibrarySearch
from studio.teams.models import Team

# A generation makes ten at most; the same bytes may have come any number of times.
_MOST_TWINS: Final = 6


@dataclass(frozen=True, slots=True)
class Input:
    """A picture that another was made from: with its place among the references, or as the mask."""

    asset: Asset
    number: int
    is_mask: bool = False


@dataclass(frozen=True)
class AssetPage:
    """One picture inside a search: what comes before and after it, and what belongs to it."""

    asset: Asset
    look: Look
    neighbours: Neighbours
    siblings: Sequence[Asset]
    inputs: Sequence[Input]
    twins: Sequence[Asset]
    goes_at: datetime | None

    @property
    def compared(self) -> str:
        """The ids of a comparison with the siblings, itself first; empty where there is nothing to compare with."""
        others = [sibling.pk for sibling in self.siblings if sibling.pk != self.asset.pk]
        ids = [self.asset.pk, *others][:MOST_COMPARED]
        return ",".join(map(str, ids)) if len(ids) >= LEAST_COMPARED else ""

    @property
    def said(self) -> list[Said]:
        """What its file says of how it was made."""
        return described(self.asset.marks)


def asset_page(team: Team, user: User, search: LibrarySearch, asset: Asset) -> AssetPage:
    """Read what belongs to a picture whose files still exist."""
    return AssetPage(
        asset=asset,
        look=Look(asset, team.slug, search.to_query()),
        neighbours=neighbours(team, user, search, asset),
        siblings=_siblings(team, asset),
        inputs=_inputs(team, asset),
        twins=list(duplicates_of(asset).for_tiles()[:_MOST_TWINS]),
        goes_at=None if asset.binned_at is None else asset.binned_at + timedelta(days=rules_of(team).bin_days),
    )


def _siblings(team: Team, asset: Asset) -> list[Asset]:
    """Return the pictures of the same generation in their order, itself among them; none where it is alone."""
    if asset.generation_id is None:
        return []
    made = Asset.objects.for_team(team).listed().filter(generation_id=asset.generation_id).for_tiles().order_by("slot")
    found = list(made)
    return found if any(other.pk != asset.pk for other in found) else []


def _inputs(team: Team, asset: Asset) -> list[Input]:
    """Return what a picture was made from, purged ones too.

    The snapshot of an imported picture names pictures of another installation, and none here.
    """
    if asset.generation_id is None:
        return []
    references, mask = asset.spec.get("references") or [], asset.spec.get("mask")
    wanted = [*references, *([] if mask is None else [mask])]
    found = Asset.objects.for_team(team).for_tiles().in_bulk(wanted) if wanted else {}
    inputs = [Input(found[pk], number) for number, pk in enumerate(references, start=1) if pk in found]
    return [*inputs, *([Input(found[mask], 0, is_mask=True)] if mask in found else [])]
