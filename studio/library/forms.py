"""What the library's pages accept."""

from typing import Final

from django.http import QueryDict

from studio.core.errors import BadInput
from studio.library.errors import TooManySelected

MOST_SELECTED: Final = 10_000


def read_selection(data: QueryDict) -> list[int]:
    """Read the ticked assets of a form, each once; raises BadInput for none, too many, or what is no number."""
    values = data.getlist("ids")
    if len(values) > MOST_SELECTED:
        raise TooManySelected(
            f"One download takes at most {MOST_SELECTED:,} images. Download the whole library instead."
        )
    if not all(value.isascii() and value.isdigit() and len(value) <= 18 for value in values):
        raise BadInput("The selection holds something that is not an image.")
    if not values:
        raise BadInput("Nothing is selected. Tick the images you want, then download them.")
    return list(dict.fromkeys(int(value) for value in values))
