"""What the library's templates ask of a picture."""

from dataclasses import dataclass
from typing import Final

from django import template
from django.urls import reverse

from studio.library.models import Asset
from studio.library.pixels import PREVIEW_SIDE, THUMB_SIDE

register = template.Library()
_SIDES: Final = (("thumb", THUMB_SIDE), ("preview", PREVIEW_SIDE))


@dataclass(frozen=True)
class Addresses:
    """Where a picture's page and files are.

    A page of the grid asks for hundreds of them, so the router is asked once per picture, and what lies below its page
    is written from there.
    """

    base: str
    asset: Asset
    query: str

    @property
    def page(self) -> str:
        """Its page, inside the search that found it."""
        return f"{self.base}?{self.query}" if self.query else self.base

    @property
    def original(self) -> str:
        """The file as it is kept."""
        return f"{self.base}file/original/"

    @property
    def small(self) -> str:
        """The thumbnail; the original until there is one."""
        return f"{self.base}file/{'thumb' if self.asset.has_thumb else 'original'}/"

    @property
    def sizes(self) -> str:
        """The derived sizes with their widths, for the browser to choose from; nothing while one is missing."""
        if not (self.asset.has_thumb and self.asset.has_preview):
            return ""
        widths = {self._width(side): f"{self.base}file/{variant}/" for variant, side in reversed(_SIDES)}
        return ", ".join(f"{address} {width}w" for width, address in sorted(widths.items())) if len(widths) > 1 else ""

    def _width(self, side: int) -> int:
        longest = max(self.asset.width, self.asset.height)
        return max(1, round(self.asset.width * min(1.0, side / longest)))


@register.simple_tag
def addresses(asset: Asset, slug: str, query: str = "") -> Addresses:
    """Return where a picture's page and files are."""
    return Addresses(reverse("library:asset", args=[slug, asset.pk]), asset, query)
