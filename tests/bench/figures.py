"""A measured figure beside what it should be, and how figures are shown."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value; without an aim it is there to explain the others."""

    subject: str
    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def aim(self) -> str:
        """The aim in words."""
        if self.most is not None:
            return f"≤ {self.most:g}"
        return f"≥ {self.least:g}" if self.least is not None else ""

    @property
    def verdict(self) -> str:
        """Whether the aim is met."""
        if self.most is not None:
            return "met" if self.value <= self.most else "missed"
        if self.least is not None:
            return "met" if self.value >= self.least else "missed"
        return ""

    def as_json(self) -> dict[str, object]:
        """Return everything about it."""
        return {
            "subject": self.subject,
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "aim": self.aim,
            "verdict": self.verdict,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as lines of text, each subject under its name."""
    lines: list[str] = []
    subject = ""
    for figure in figures:
        if figure.subject != subject:
            subject = figure.subject
            lines += ["", subject]
        shown = f"{figure.value:,.0f}" if figure.value >= 1000 else f"{figure.value:.3g}"
        lines.append(f"  {figure.name:<62}{shown:>10} {figure.unit:<14}{figure.aim:<8}{figure.verdict}".rstrip())
    return "\n".join(lines[1:])


class Sheet:
    """Collects the figures of one subject and shows each as soon as it is known."""

    def __init__(self, subject: str, show: Callable[[str], None]) -> None:
        self.subject = subject
        self.figures: list[Figure] = []
        self._show = show

    def add(self, name: str, value: float, unit: str, *, most: float | None = None, least: float | None = None) -> None:
        """Note one figure."""
        figure = Figure(self.subject, name, value, unit, most, least)
        self.figures.append(figure)
        self._show(table([figure]).splitlines()[-1])
