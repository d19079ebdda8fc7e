"""Invariants of files: every asset has its own, whole; nothing else lies there.

Files change while this runs. Assets are asked for up to the newest of the snapshot, and a file without a row only
counts once it is older than any delivery takes.
"""

from collections.abc import Iterator
from typing import Final

from studio.integrity.invariants import MOST_NAMED, Breach
from studio.integrity.stock import Finding, Stock
from studio.library import names

QUICK: Final = ("files.original_has_its_size", "files.smaller_versions_are_there", "files.none_is_left_over")
FULL: Final = (*QUICK, "files.original_has_its_hash")

# Housekeeping removes left-over files from a day on and comes round to each of them in less than this.
LEFT_OVER_AGE: Final = 24 * 3600 + 3600
_MADE: Final = frozenset({names.THUMBS, names.PREVIEWS})


def check_files(*, full: bool, newest: int) -> Iterator[tuple[str, Breach | None]]:
    """Check the files of every asset up to the one with the id `newest`, and look for files of none."""
    checks = (*QUICK[:2], FULL[-1], QUICK[2]) if full else QUICK
    broken: dict[str, list[str]] = {name: [] for name in checks}
    for finding in Stock(newest=newest, full=full, orphan_age=LEFT_OVER_AGE).findings():
        found = broken[_invariant(finding)]
        what = finding.name if finding.is_extra else f"asset {finding.asset}"
        if len(found) <= MOST_NAMED and what not in found:
            found.append(what)
    for name, found in broken.items():
        yield name, Breach.of(name, found) if found else None


def _invariant(finding: Finding) -> str:
    """Return what a finding breaks: pictures that are made again are told apart from those that are not."""
    if finding.is_extra:
        return QUICK[2]
    if finding.folder in _MADE:
        return QUICK[1]
    return FULL[-1] if finding.is_of_content else QUICK[0]
