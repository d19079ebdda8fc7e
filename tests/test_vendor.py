"""What is not ours is what it says it is, and nothing else lies beside it."""

import hashlib
import tomllib
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parent.parent / "static"
PACKAGES = tomllib.loads((STATIC / "vendor" / "vendor.toml").read_text())["package"]
HASHES = {path: digest for package in PACKAGES for path, digest in package["sha256"].items()}


@pytest.mark.parametrize("path", HASHES)
def test_file_has_the_written_hash(path):
    assert hashlib.sha256((STATIC / path).read_bytes()).hexdigest() == HASHES[path]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_package_names_version_licence_and_ships_it(package):
    assert all(package[key] for key in ("name", "version", "licence", "source"))
    assert any(Path(path).stem in {"LICENSE", "OFL"} for path in package["sha256"])


def test_every_foreign_file_is_listed():
    foreign = [*(STATIC / "vendor").rglob("*"), *(STATIC / "fonts").rglob("*")]
    listed = {path.relative_to(STATIC).as_posix() for path in foreign if path.is_file()}
    assert listed - {"vendor/vendor.toml"} == set(HASHES)
