"""What it takes to show a picture large: its addresses, its measures, and what to say about it."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.urls import reverse

from studio.core.templatetags.studio import alt
from studio.library.models import Asset
from studio.library.templatetags.library import Addresses


@dataclass(frozen=True)
class Look:
    """One picture as the viewer, the compare page and a picture's own page show it; `query` is the search around it."""

    asset: Asset
    slug: str
    query: str = ""

    @cached_property
    def at(self) -> Addresses:
        """Where its page and files are."""
        return Addresses(reverse("library:asset", args=[self.slug, self.asset.pk]), self.asset, self.query)

    @property
    def alt(self) -> str:
        """What stands for it where it cannot be seen."""
        return alt(self.asset.caption)

    @property
    def preview(self) -> str:
        """The address of the preview; its original stands in until there is one."""
        return f"{self.at.base}file/preview/"

    @property
    def data(self) -> dict[str, Any]:
        """What slides.js reads; `is_favourite` is there where the pictures were loaded for a person."""
        return {
            "href": self.at.page,
            "caption": self.asset.caption,
            "alt": self.alt,
            "width": self.asset.width,
            "height": self.asset.height,
            "hasAlpha": self.asset.has_alpha,
            "isFavourite": bool(getattr(self.asset, "is_favourite", False)),
            "thumb": self.at.small,
            "preview": self.preview,
            "original": self.at.original,
        }

    @property
    def json(self) -> str:
        """The same as text, for an attribute."""
        return json.dumps(self.data)
