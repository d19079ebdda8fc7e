"""What models can do and cost, as lines of a page with a cell for each model. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from studio.catalogue.capabilities import Capabilities
from studio.catalogue.listing import RANKED_DAYS, Entry
from studio.catalogue.pricing import AUTO, PricePoint
from studio.core.templatetags.studio import aspect, credit_amount, pixels, usd

PREFERRED_SIZE: Final = "1024x1024"
WORDS: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "xhigh": "Extra high", "max": "Maximum"}


@dataclass(frozen=True, slots=True)
class Fact:
    """What holds for one model: a word with a quieter one below it, or whether it can."""

    text: str = ""
    detail: str = ""
    can: bool | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to know, for each of the models."""

    label: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together."""

    title: str
    lines: Sequence[Line]


def compare(entries: Sequence[Entry], *, with_use: bool) -> list[Section]:
    """Set models side by side; what the team got of them only `with_use`."""
    sections = [prices_at_one_size(entries), Section("Makes", abilities(entries))]
    return [*sections, Section(f"In your team, last {RANKED_DAYS} days", use(entries))] if with_use else sections


def prices_at_one_size(entries: Sequence[Entry]) -> Section:
    """What each quality costs at a size that all models have, or each at its own first size if there is none."""
    size = _common_size(entries)
    qualities = list(dict.fromkeys(quality for entry in entries for quality in entry.offer.qualities))
    ordered = sorted(qualities, key=lambda quality: quality == AUTO)
    lines = [
        Line(wording(quality), [_price(entry.price(quality, size or _first(entry))) for entry in entries])
        for quality in ordered
    ]
    return Section(f"Credits at {pixels(size)}" if size else "Credits at the first size of each", lines)


def price_table(entry: Entry) -> list[Line]:
    """What each size costs at each of `entry.offer.qualities`."""
    sizes, qualities = entry.offer.sizes, entry.offer.qualities
    return [Line(size, [_price(entry.price(quality, size)) for quality in qualities]) for size in sizes]


def abilities(entries: Sequence[Entry]) -> list[Line]:
    """What models can do."""
    lines: list[tuple[str, Callable[[Capabilities], Fact]]] = [
        ("Shapes", lambda has: Fact(", ".join(_shapes(has)), f"up to {pixels(_largest(has))}")),
        ("Images at once", lambda has: Fact(str(has.max_n))),
        ("Reference images", lambda has: Fact(str(has.references)) if has.references else Fact(can=False)),
        ("Masks", lambda has: Fact(can=has.mask)),
        ("Follows references closely", lambda has: Fact(can="high" in has.fidelity)),
        ("Transparent background", lambda has: Fact(can="transparent" in has.backgrounds)),
        ("Live previews", lambda has: Fact(can=has.previews)),
        ("Formats", lambda has: Fact(", ".join(wording(each) for each in has.formats))),
        (
            "Styles",
            lambda has: Fact(", ".join(wording(each) for each in has.styles)) if has.styles else Fact(can=False),
        ),
        ("Longest prompt", lambda has: Fact(f"{has.prompt_limit:,} characters")),
    ]
    return [Line(label, [tell(entry.offer.capabilities) for entry in entries]) for label, tell in lines]


def use(entries: Sequence[Entry]) -> list[Line]:
    """What the team got of models lately."""
    return [
        Line("Images", [Fact(credit_amount(entry.used.pictures)) for entry in entries]),
        Line("Credits", [Fact(credit_amount(entry.used.credits)) for entry in entries]),
        Line("Median wait", [Fact(wait(entry)) for entry in entries]),
        Line("Rank", [Fact(f"No. {entry.rank}" if entry.rank else "Not used") for entry in entries]),
    ]


def wait(entry: Entry) -> str:
    """How long half of a model's pictures took at most, as far as that is known."""
    median = entry.used.median_ms
    return "–" if median is None else f"{max(1, round(median / 1000))} s"


def wording(value: str) -> str:
    """The word on the page for a value of a provider."""
    return WORDS.get(value, value.capitalize())


def _price(point: PricePoint | None) -> Fact:
    if point is None:
        return Fact("–")
    dollars = "" if point.usd is None else f"{'≈ ' if point.estimate else ''}{usd(point.usd)}"
    return Fact(credit_amount(point.credits), dollars)


def _common_size(entries: Sequence[Entry]) -> str:
    common = [size for size in entries[0].offer.sizes if all(size in entry.offer.sizes for entry in entries)]
    return PREFERRED_SIZE if PREFERRED_SIZE in common else next(iter(common), "")


def _first(entry: Entry) -> str:
    return next(iter(entry.offer.sizes), "")


def _shapes(has: Capabilities) -> list[str]:
    return list(dict.fromkeys(aspect(size) for size in has.sizes if size != AUTO))


def _largest(has: Capabilities) -> str:
    return max((size for size in has.sizes if size != AUTO), key=_area, default=AUTO)


def _area(size: str) -> int:
    width, _, height = size.partition("x")
    return int(width) * int(height) if width.isdecimal() and height.isdecimal() else 0
