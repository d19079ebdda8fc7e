"""Reading the catalogue's files. Pure: paths in, checked entries out."""

import datetime as dt
import tomllib
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.catalogue.capabilities import Capabilities
from studio.catalogue.errors import CatalogueUnreadable
from studio.catalogue.pricing import AUTO

# As fine as the database keeps a price.
CENT_PARTS = Decimal("0.00001")

Usd = Annotated[Decimal, Field(ge=0, lt=10_000, allow_inf_nan=False)]


class PriceEntry(BaseModel):
    """What one picture of some qualities costs: one price for all sizes, or one each."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    qualities: list[str] = Field(min_length=1)
    usd: Usd | dict[str, Usd]
    estimate: bool = False
    source: str = Field(default="", max_length=120)


class ModelEntry(Capabilities):
    """One model as the files describe it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    slug: str = Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    protocol: str = Field(min_length=1, max_length=20)
    remote_name: str = Field(default="", max_length=100)
    family: str = Field(default="", max_length=60)
    successor: str = Field(default="", max_length=60)
    title: str = Field(min_length=1, max_length=80)
    note: str = Field(default="", max_length=200)
    retires_on: dt.date | None = None
    enabled: bool | None = None
    position: int = Field(default=100, ge=0, le=10_000)
    price: list[PriceEntry] = []

    def capabilities(self) -> dict[str, Any]:
        """Return the part that the model's row stores as JSON."""
        return self.model_dump(mode="json", include=set(Capabilities.model_fields))

    def figures(self) -> dict[tuple[str, str], "Figure"]:
        """Return the price of each quality and size; of two that name the same, the later one counts."""
        figures: dict[tuple[str, str], Figure] = {}
        for entry in self.price:
            table = entry.usd
            by_size = table if isinstance(table, dict) else dict.fromkeys(set(self.sizes) - {AUTO}, table)
            for quality in entry.qualities:
                for size, usd in by_size.items():
                    self._check_known(quality, size)
                    exact = usd.quantize(CENT_PARTS, ROUND_CEILING)
                    figures[quality, size] = Figure(usd=exact, estimate=entry.estimate, source=entry.source)
        return figures

    def _check_known(self, quality: str, size: str) -> None:
        if quality not in self.qualities or size not in self.sizes or AUTO in (quality, size):
            raise CatalogueUnreadable(
                f"Model {self.slug} has a price for {quality} {size}, which it does not list or cannot have."
            )


class Figure(BaseModel):
    """What a file says one picture costs."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    usd: Decimal
    estimate: bool
    source: str


def read_catalogue(paths: Sequence[Path]) -> list[ModelEntry]:
    """Read the files in this order; a later one overrides what it mentions, model by model."""
    merged: dict[str, dict[str, Any]] = {}
    for path in paths:
        for raw in _models_in(path):
            slug = raw["slug"]
            merged[slug] = _merge(merged.get(slug, {}), raw)
    return [_entry(slug, raw) for slug, raw in merged.items()]


def _models_in(path: Path) -> Iterable[dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueUnreadable(f"{path.name} cannot be read: {error}.") from error
    models = content.get("model")
    unknown = set(content) - {"protocol", "model"}
    if unknown or not isinstance(models, list) or not all(_has_slug(raw) for raw in models):
        raise CatalogueUnreadable(f"{path.name} must hold a protocol and [[model]] tables, each with a slug.")
    shared = {"protocol": content["protocol"]} if "protocol" in content else {}
    return [shared | raw for raw in models]


def _has_slug(raw: object) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("slug"), str)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    prices = [*base.get("price", []), *over.get("price", [])]
    return base | over | {"price": prices}


def _entry(slug: str, raw: dict[str, Any]) -> ModelEntry:
    try:
        return ModelEntry.model_validate({"remote_name": slug, "family": slug} | raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CatalogueUnreadable(f"Model {slug}, {place or 'as a whole'}: {first['msg']}.") from error
