"""Taking the catalogue's files over into the database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from studio.catalogue.errors import CatalogueUnreadable
from studio.catalogue.files import ModelEntry, read_catalogue
from studio.catalogue.models import ImageModel, Price
from studio.catalogue.pricing import PricePoint, credits_for, with_auto

SHIPPED = Path(__file__).with_name("data")


@dataclass(slots=True)
class SyncReport:
    """What a sync changed, by model."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    repriced: list[str] = field(default_factory=list)
    switched_off: list[str] = field(default_factory=list)
    without_price: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    @property
    def changes_nothing(self) -> bool:
        """Whether the database already says what the files say."""
        return not (self.added or self.changed or self.repriced or self.switched_off)

    def to_json(self) -> dict[str, list[str]]:
        """Return it for `--json`."""
        return asdict(self)


def catalogue_files() -> list[Path]:
    """The shipped files, then the installation's own, which override them."""
    return [*sorted(SHIPPED.glob("*.toml")), *sorted((settings.HOME / "catalogue").glob("*.toml"))]


@transaction.atomic
def sync_catalogue(*, paths: Sequence[Path] | None = None) -> SyncReport:
    """Make models and prices follow the files. Repeating it changes nothing; two at once wait for each other.

    A price that changed, in dollars, by another CREDIT_USD or in its source, becomes a new version; old versions stay.
    A model that left the files is switched off. Raises CatalogueUnreadable, and then nothing is written.
    """
    entries = read_catalogue(catalogue_files() if paths is None else paths)
    tables = {entry.slug: _prices(entry) for entry in entries}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('atelier.catalogue'))")
    report = SyncReport()
    for entry in entries:
        _sync_model(entry, tables[entry.slug], report)
    gone = ImageModel.objects.exclude(slug__in=tables).filter(enabled=True)
    report.switched_off = list(gone.values_list("slug", flat=True))
    gone.update(enabled=False)
    return report


def check_catalogue(*, paths: Sequence[Path] | None = None) -> SyncReport:
    """Say what a sync would change, by taking one back. Raises CatalogueUnreadable."""
    with transaction.atomic():
        report = sync_catalogue(paths=paths)
        transaction.set_rollback(True)
    return report


def _sync_model(entry: ModelEntry, prices: dict[tuple[str, str], Price], report: SyncReport) -> None:
    model = ImageModel.objects.filter(slug=entry.slug).first()
    if model is None:
        model = ImageModel(slug=entry.slug, enabled=entry.enabled is not False)
        outcome = report.added
    else:
        outcome = report.unchanged
    if _assign(model, _wanted(entry)) and outcome is report.unchanged:
        outcome = report.changed
    _save(model)
    if _reprice(model, prices) and outcome is not report.added:
        outcome = report.repriced
    outcome.append(entry.slug)
    if not prices:
        report.without_price.append(entry.slug)


def _save(model: ImageModel) -> None:
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError as error:
        raise CatalogueUnreadable(
            f"Model {model.slug}: what {model.protocol} calls {model.remote_name} is a model of its own already, "
            "in the files or from before."
        ) from error


def _wanted(entry: ModelEntry) -> dict[str, Any]:
    """Return the columns that follow the file; `enabled` only where it says so, since the operator may switch too."""
    fields = entry.model_dump(
        include={"protocol", "remote_name", "family", "successor", "title", "note", "retires_on", "position"}
    )
    switch = {} if entry.enabled is None else {"enabled": entry.enabled}
    return fields | switch | {"capabilities": entry.capabilities()}


def _assign(model: ImageModel, wanted: dict[str, Any]) -> bool:
    changed = [name for name, value in wanted.items() if getattr(model, name) != value]
    for name in changed:
        setattr(model, name, wanted[name])
    return bool(changed)


def _reprice(model: ImageModel, prices: dict[tuple[str, str], Price]) -> bool:
    """Add a version if the prices differ from the current one's."""
    rows = model.prices.filter(version=model.price_version)
    if {(row.quality, row.size): _what_it_says(row) for row in rows} == {
        key: _what_it_says(price) for key, price in prices.items()
    }:
        return False
    if model.prices.exists():
        model.price_version += 1
        model.save(update_fields=["price_version"])
    for price in prices.values():
        price.model = model
        price.version = model.price_version
    Price.objects.bulk_create(prices.values())
    return True


def _what_it_says(price: Price) -> tuple[Any, ...]:
    return price.credits, price.usd, price.estimate, price.source


def _prices(entry: ModelEntry) -> dict[tuple[str, str], Price]:
    """Price every quality and size that a figure is known for, `auto` included, as rows not saved yet."""
    figures = entry.figures()
    points = {
        key: PricePoint(credits_for(figure.usd, credit_usd=settings.CREDIT_USD), figure.usd, figure.estimate)
        for key, figure in figures.items()
    }
    table = with_auto(points, qualities=entry.qualities, sizes=entry.sizes)
    return {
        (quality, size): Price(
            quality=quality,
            size=size,
            credits=point.credits,
            usd=point.usd,
            estimate=point.estimate,
            source=figures[quality, size].source if (quality, size) in figures else "The dearest it may turn into",
        )
        for (quality, size), point in table.items()
    }
