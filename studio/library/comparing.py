"""Several pictures side by side: which ones, and in what they differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict
from django.template.defaultfilters import capfirst

from studio.core.errors import BadInput
from studio.core.keys import read_keys
from studio.core.templatetags.studio import MULTIPLY, credit_amount, filesize, moment
from studio.library.looks import Look
from studio.library.models import MOST_RATING, Asset, Status

LEAST_COMPARED: Final = 2
MOST_COMPARED: Final = 4
# Approving is a decision of its own, so picking only moves between these.
PICKABLE: Final = frozenset({Status.DRAFT.value, Status.SHORTLISTED.value})
_LETTERS: Final = "ABCD"


@dataclass(frozen=True)
class Fact:
    """One thing to know about a picture, and whether the others have it otherwise."""

    label: str
    value: str
    is_different: bool


@dataclass(frozen=True)
class Compared:
    """One picture of a comparison; `others` are the ids of the rest, as the address of a comparison without it."""

    letter: str
    look: Look
    facts: Sequence[Fact]
    others: str
    may_pick: bool

    @property
    def asset(self) -> Asset:
        """The picture itself."""
        return self.look.asset


def read_ids(data: QueryDict, *, least: int = LEAST_COMPARED, most: int = MOST_COMPARED) -> list[int]:
    """Read two to four pictures, `ids=1,2` or `ids=1&ids=2`, each once; raises BadInput in words."""
    values = [part.strip() for value in data.getlist("ids") for part in value.split(",") if part.strip()]
    ids = read_keys(values)
    if ids is None:
        raise BadInput("The address of this comparison holds something that is not an image.")
    if len(ids) < least:
        raise BadInput("A comparison needs two images at least. Choose two to four in the library, then press Compare.")
    if len(ids) > most:
        raise BadInput(f"At most four images can be compared at once; these are {len(ids):,}.")
    return ids


def compare(assets: Sequence[Asset], *, slug: str, may_organise: bool) -> list[Compared]:
    """Set pictures side by side in the order given."""
    table = [(label, [read(asset) for asset in assets]) for label, read in _FACTS]
    shown = [(label, values) for label, values in table if any(values)]
    return [
        Compared(
            letter=_LETTERS[place],
            look=Look(asset, slug),
            facts=[Fact(label, values[place] or "None", len(set(values)) > 1) for label, values in shown],
            others=",".join(str(other.pk) for other in assets if other != asset),
            may_pick=may_organise and asset.binned_at is None,
        )
        for place, asset in enumerate(assets)
    ]


def read_pick(data: QueryDict, compared: Sequence[Compared]) -> tuple[Asset, Status]:
    """Read which picture of a comparison is picked, or no longer; raises BadInput."""
    chosen = [one.asset for one in compared if str(one.asset.pk) == data.get("asset")]
    status = str(data.get("status", ""))
    if not chosen or status not in PICKABLE:
        raise BadInput("Pick one of the images that are compared.")
    return chosen[0], Status(status)


def _model(asset: Asset) -> str:
    return asset.model_title or asset.get_source_display()


def _quality(asset: Asset) -> str:
    return capfirst(str(asset.spec.get("quality", "")))


def _cost(asset: Asset) -> str:
    return f"{credit_amount(asset.credits)} credit{'' if asset.credits == 1 else 's'}"


def _rating(asset: Asset) -> str:
    return f"{asset.rating} of {MOST_RATING}" if asset.rating else "Not rated"


_FACTS: Final[Sequence[tuple[str, Callable[[Asset], str]]]] = (
    ("Model", _model),
    ("Quality", _quality),
    ("Size", lambda asset: f"{asset.width} {MULTIPLY} {asset.height}"),
    ("File", lambda asset: f"{asset.type_label}, {filesize(asset.size)}"),
    ("Cost", _cost),
    ("Made by", lambda asset: asset.author.display_name),
    ("Made", lambda asset: moment(asset.created_at)),
    ("Rating", _rating),
    ("Status", lambda asset: asset.get_status_display()),
)
