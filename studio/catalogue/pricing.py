"""What a request costs. Pure: everything it needs is handed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from studio.catalogue.errors import NotOffered

__all__ = ["AUTO", "NotOffered", "PricePoint", "PricedModel", "Quote", "credits_for", "quote", "with_auto"]

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class PricePoint:
    """One picture: what the team pays, and what the provider is thought to ask."""

    credits: int
    usd: Decimal | None = None
    estimate: bool = False


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model's prices of one version, by quality and size; what is not in `prices` is not offered."""

    slug: str
    title: str
    version: int
    max_n: int
    prices: Mapping[tuple[str, str], PricePoint]

    @property
    def cheapest(self) -> int:
        """What the cheapest picture costs."""
        return min(point.credits for point in self.prices.values())


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of one request before it is sent: the most that can be charged. `usd` is for one picture."""

    unit: int
    total: int
    version: int
    usd: Decimal | None
    estimate: bool

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot that is stored with the generation."""
        return {
            "unit": self.unit,
            "total": self.total,
            "version": self.version,
            "usd": None if self.usd is None else str(self.usd),
            "estimate": self.estimate,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Quote":
        """Return the quote that `to_json` stored."""
        usd = stored["usd"]
        return cls(**{**stored, "usd": None if usd is None else Decimal(usd)})


def quote(*, model: PricedModel, quality: str, size: str, n: int) -> Quote:
    """Price `n` pictures; raises NotOffered, which names the field."""
    if type(n) is not int or not 1 <= n <= model.max_n:
        raise NotOffered(field="n", message=f"{model.title} makes 1 to {model.max_n} images at once.")
    if quality not in {known for known, _ in model.prices}:
        raise NotOffered(field="quality", message=f"{model.title} does not offer this quality.")
    point = model.prices.get((quality, size))
    if point is None:
        raise NotOffered(field="size", message=f"{model.title} does not offer this size at this quality.")
    return Quote(point.credits, point.credits * n, model.version, point.usd, point.estimate)


def credits_for(usd: Decimal, *, credit_usd: Decimal) -> int:
    """Turn a provider's price into whole credits: rounded up, at least 1."""
    return max(1, int((usd / credit_usd).to_integral_value(ROUND_CEILING)))


def with_auto(
    points: Mapping[tuple[str, str], PricePoint], *, qualities: list[str], sizes: list[str]
) -> dict[tuple[str, str], PricePoint]:
    """Add `auto` where the model knows it, at the dearest it may turn into.

    Where one of those has no price, the dearest is unknown and so is `auto`.
    """
    table = dict(points)
    for quality in qualities:
        for size in sizes:
            if AUTO not in (quality, size):
                continue
            candidates = [
                points.get((some_quality, some_size))
                for some_quality in _meant(quality, qualities)
                for some_size in _meant(size, sizes)
            ]
            known = [point for point in candidates if point is not None]
            if known and len(known) == len(candidates):
                dearest = max(known, key=lambda point: (point.credits, point.usd or 0))
                table[quality, size] = dearest
    return table


def _meant(choice: str, choices: list[str]) -> list[str]:
    return [each for each in choices if each != AUTO] if choice == AUTO else [choice]
