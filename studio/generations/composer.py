"""The composer's state: a form, what it would cost, and what the team can spend."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.catalogue.pricing import Quote
from studio.generations.cards import in_credits
from studio.generations.forms import GenerationForm, wording
from studio.ledger.queries import Balance


@dataclass(frozen=True, slots=True)
class Cheaper:
    """A change that the team's credits suffice for."""

    label: str
    name: str
    value: str


@dataclass(frozen=True)
class Composer:
    """What the page needs to draw the composer; each one carries a fresh submission key."""

    form: GenerationForm
    price: Quote | None
    account: Balance
    error: str = ""
    key: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def available(self) -> int:
        """What the team can spend."""
        return self.account.available

    @property
    def kept(self) -> bool:
        """Whether the form came back with something to say, so that a success has to clear it."""
        return self.form.is_bound

    @property
    def quoted_for(self) -> str:
        """The settings that the price is for, as the form sends them back."""
        return " ".join(self.form.settings_quoted()) if self.price else ""

    @property
    def up_to(self) -> bool:
        """Whether the price is the most it can be, because the provider chooses quality or size."""
        return "auto" in self.form.settings_quoted() if self.price else False

    @property
    def n(self) -> int:
        """How many images the price is for."""
        return self.price.total // self.price.unit if self.price and self.price.unit else 1

    @property
    def left(self) -> int:
        """What would be left."""
        return max(0, self.available - self.price.total) if self.price else self.available

    @property
    def missing(self) -> int:
        """How many credits are missing."""
        return max(0, self.price.total - self.available) if self.price else 0

    @property
    def short(self) -> str:
        """What is missing, in words."""
        return f"{in_credits(self.missing)} short." if self.missing else ""

    @property
    def cheaper(self) -> list[Cheaper]:
        """What the team could afford instead: a lower quality, or fewer images."""
        if not self.missing or self.price is None:
            return []
        _, quality, size, _ = self.form.settings_quoted()
        changes = [self._lower_quality(quality, size), self._fewer_images()]
        return [change for change in changes if change is not None]

    def _lower_quality(self, quality: str, size: str) -> Cheaper | None:
        prices = self.form.offer.priced.prices
        totals = {
            other: prices[other, size].credits * self.n
            for other in self.form.offer.qualities
            if other not in {quality, "auto"} and (other, size) in prices
        }
        affordable = {other: total for other, total in totals.items() if total <= self.available}
        if not affordable:
            return None
        best = max(affordable, key=lambda other: affordable[other])
        return Cheaper(f"Use {wording(best)}, {in_credits(affordable[best])}", "quality", best)

    def _fewer_images(self) -> Cheaper | None:
        unit = self.price.unit if self.price else 0
        fitting = self.available // unit if unit else 0
        if not fitting:
            return None
        images = f"{fitting} {'image' if fitting == 1 else 'images'}"
        return Cheaper(f"Make {images}, {in_credits(fitting * unit)}", "n", str(fitting))

    @property
    def price_list(self) -> list[tuple[str, list[int | None]]]:
        """Credits for one image: a row for each size, a column for each quality; None where that is not offered."""
        offer = self.form.offer
        return [
            (
                wording(size),
                [
                    point.credits if (point := offer.priced.prices.get((quality, size))) else None
                    for quality in offer.qualities
                ],
            )
            for size in offer.sizes
        ]

    @property
    def qualities(self) -> list[str]:
        """The columns of the price list."""
        return [wording(quality) for quality in self.form.offer.qualities]

    @property
    def summary(self) -> str:
        """The settings in a line, for the dock on phones."""
        values: Mapping[str, Any] = self.form.data if self.form.is_bound else self.form.initial
        n = values.get("n", 1)
        shape = wording(str(values.get("size", ""))).partition(",")[0]
        images = f"{n} {'image' if str(n) == '1' else 'images'}"
        return f"{self.form.offer.model.title}, {wording(str(values.get('quality', '')))}, {shape}, {images}"
