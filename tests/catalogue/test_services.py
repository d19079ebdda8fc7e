"""Syncing the files into the database."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from studio.catalogue.errors import CatalogueUnreadable
from studio.catalogue.models import ImageModel, Price
from studio.catalogue.services import SHIPPED, catalogue_files, sync_catalogue
from tests.catalogue.test_files import GOOD, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """One file with one model."""
    return [write(tmp_path, "a.toml", GOOD)]


def prices(version: int) -> dict[tuple[str, str], tuple[int, Decimal | None]]:
    rows = Price.objects.filter(version=version)
    return {(row.quality, row.size): (row.credits, row.usd) for row in rows}


def test_sync_of_the_shipped_files_prices_what_is_known() -> None:
    report = sync_catalogue()
    assert len(report.added) == ImageModel.objects.count()
    assert report.without_price == ["gpt-image-2.6-sunburst", "gpt-image-2.6-flare"]
    practice = Price.objects.filter(model__slug="rehearsal")
    assert set(practice.values_list("credits", flat=True)) == {1}
    assert practice.count() == 4 * 6
    two = {(row.quality, row.size): row.credits for row in Price.objects.filter(model__slug="gpt-image-2")}
    square = {quality: two[quality, "1024x1024"] for quality in ("low", "medium", "high", "auto")}
    assert square == {"low": 1, "medium": 6, "high": 22, "auto": 22}
    assert two["auto", "auto"] == 43
    half = Price.objects.filter(model__slug="gpt-image-2.5-flare")
    assert set(half.values_list("quality", flat=True)) == {"low", "medium", "high"}
    assert set(half.values_list("estimate", flat=True)) == {True}


def test_sync_again_changes_nothing() -> None:
    first = sync_catalogue()
    rows = list(Price.objects.order_by("pk").values_list("pk", flat=True))
    again = sync_catalogue()
    assert again.unchanged == first.added
    assert (again.added, again.changed, again.repriced, again.switched_off) == ([], [], [], [])
    assert list(Price.objects.order_by("pk").values_list("pk", flat=True)) == rows


def test_new_figure_makes_a_new_version_and_keeps_the_old(files: list[Path]) -> None:
    sync_catalogue(paths=files)
    before = prices(1)
    files[0].write_text(GOOD.replace("0.01", "0.025"))
    assert sync_catalogue(paths=files).repriced == ["m-1"]
    assert ImageModel.objects.get().price_version == 2
    assert prices(1) == before
    assert prices(2)["low", "1024x1024"] == (3, Decimal("0.02500"))


def test_another_source_of_the_same_figure_makes_a_new_version(files: list[Path]) -> None:
    sync_catalogue(paths=files)
    files[0].write_text(GOOD.replace("usd = 0.01", 'usd = 0.01\nsource = "Invoice"'))
    assert sync_catalogue(paths=files).repriced == ["m-1"]
    assert prices(2) == prices(1)
    known = Price.objects.filter(version=2).exclude(quality="auto").exclude(size="auto")
    assert set(known.values_list("source", flat=True)) == {"Invoice"}
    assert not Price.objects.filter(version=1, source="Invoice").exists()


def test_another_credit_value_makes_a_new_version(files: list[Path], settings: Any) -> None:
    sync_catalogue(paths=files)
    settings.CREDIT_USD = Decimal("0.001")
    assert sync_catalogue(paths=files).repriced == ["m-1"]
    assert prices(2)["low", "1024x1024"] == (10, Decimal("0.01000"))


def test_price_that_left_the_file_is_no_longer_offered(files: list[Path]) -> None:
    sync_catalogue(paths=files)
    files[0].write_text(GOOD[: GOOD.index("[[model.price]]")])
    report = sync_catalogue(paths=files)
    assert (report.repriced, report.without_price) == (["m-1"], ["m-1"])
    assert (ImageModel.objects.get().price_version, prices(2)) == (2, {})


def test_another_title_changes_the_model_and_not_its_version(files: list[Path]) -> None:
    sync_catalogue(paths=files)
    files[0].write_text(GOOD.replace('"M"', '"N"'))
    assert sync_catalogue(paths=files).changed == ["m-1"]
    model = ImageModel.objects.get()
    assert (model.title, model.price_version) == ("N", 1)


def test_model_that_left_the_files_is_switched_off(files: list[Path]) -> None:
    sync_catalogue(paths=files)
    files[0].write_text(GOOD.replace("m-1", "m-2"))
    report = sync_catalogue(paths=files)
    assert (report.added, report.switched_off) == (["m-2"], ["m-1"])
    assert dict(ImageModel.objects.values_list("slug", "enabled")) == {"m-1": False, "m-2": True}


def test_model_switched_off_by_the_operator_stays_off(files: list[Path]) -> None:
    sync_catalogue(paths=files)
    ImageModel.objects.update(enabled=False)
    sync_catalogue(paths=files)
    assert ImageModel.objects.get().enabled is False
    files[0].write_text(GOOD.replace('title = "M"', 'title = "M"\nenabled = true'))
    sync_catalogue(paths=files)
    assert ImageModel.objects.get().enabled is True


def test_broken_file_changes_nothing(files: list[Path], tmp_path: Path) -> None:
    sync_catalogue(paths=files)
    files[0].write_text(GOOD.replace('"M"', '"N"'))
    broken = write(tmp_path, "b.toml", "[[model]]\nslug = 'x'")
    with pytest.raises(CatalogueUnreadable):
        sync_catalogue(paths=[*files, broken])
    assert ImageModel.objects.get().title == "M"


def test_two_models_of_one_name_at_the_provider_are_refused(files: list[Path], tmp_path: Path) -> None:
    renamed = GOOD.replace('slug = "m-1"', 'slug = "m-2"\nremote_name = "m-1"')
    said = "Model m-2: what test calls m-1 is a model of its own already"
    with pytest.raises(CatalogueUnreadable, match=said):
        sync_catalogue(paths=[*files, write(tmp_path, "b.toml", renamed)])
    assert not ImageModel.objects.exists()

    sync_catalogue(paths=files)
    files[0].write_text(renamed)
    with pytest.raises(CatalogueUnreadable, match=said):
        sync_catalogue(paths=files)
    assert list(ImageModel.objects.values_list("slug", "enabled")) == [("m-1", True)]


def test_files_of_the_installation_come_last(tmp_path: Path, settings: Any) -> None:
    settings.HOME = tmp_path
    folder = tmp_path / "catalogue"
    folder.mkdir()
    own = write(folder, "own.toml", '[[model]]\nslug = "rehearsal"\ntitle = "Practice"\n')
    assert [path.name for path in catalogue_files()] == [*sorted(path.name for path in SHIPPED.iterdir()), "own.toml"]
    assert catalogue_files()[-1] == own
    sync_catalogue()
    assert ImageModel.objects.get(slug="rehearsal").title == "Practice"


@pytest.mark.django_db(transaction=True)
def test_syncs_at_once_wait_for_each_other(files: list[Path]) -> None:
    def sync() -> int:
        try:
            return len(sync_catalogue(paths=files).added)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(task.result() for task in [pool.submit(sync) for _ in range(4)]) == [0, 0, 0, 1]
    assert Price.objects.count() == 6
