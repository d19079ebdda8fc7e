"""A long command's line: seen on a terminal, silent everywhere else."""

import io

import pytest
import time_machine
from django.core.management.base import OutputWrapper

from studio.core.terminal import Progress, size_of, terminal_of


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_line_changes_in_place_and_goes_away() -> None:
    shown = Terminal()
    with time_machine.travel(0, tick=False):
        progress = Progress(shown)
        progress.say("10 of 20 files")
    progress.end()
    assert shown.getvalue() == "\r10 of 20 files\r              \r"
    progress.end()
    assert shown.getvalue().count("\r") == 3


def test_shorter_line_leaves_nothing_of_the_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.core.terminal._EVERY", 0)
    shown = Terminal()
    progress = Progress(shown)
    progress.say("1,000 files")
    progress.say("done")
    assert shown.getvalue() == "\r1,000 files\rdone       "


def test_calls_in_quick_succession_write_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.core.terminal._EVERY", 3600)
    shown = Terminal()
    progress = Progress(shown)
    for number in range(100):
        progress.say(str(number))
    assert shown.getvalue() == "\r0"


def test_nothing_is_written_to_a_pipe() -> None:
    piped = io.StringIO()
    progress = Progress(terminal_of(OutputWrapper(piped)))
    progress.say("10 files")
    progress.end()
    assert piped.getvalue() == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (30 * 10**9, "30.0 GB"),
        (2 * 10**15, "2000.0 TB"),
    ],
)
def test_sizes_are_said_for_people(number: int, said: str) -> None:
    assert size_of(number) == said
