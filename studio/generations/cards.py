"""A generation as people see it: how far it is, what it cost and what can be done. Reads no further rows."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from django.utils import timezone

from studio.core.templatetags.studio import aspect
from studio.generations.forms import wording
from studio.generations.models import Generation, GenerationState, Output, OutputState
from studio.generations.spec import GenerationSpec
from studio.library.models import Asset

# Sending the same words again would fail the same way.
CHANGE_FIRST: Final = frozenset({"content_refused", "invalid_request", "unsupported"})
# Nor is a model that is gone there again.
_FAILS_AGAIN: Final = CHANGE_FIRST | {"model_unavailable"}
STRIP_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in a word, with its tone and its icon."""

    label: str
    kind: str
    icon: str


@dataclass(frozen=True)
class Card:
    """One generation of the feed or of the history."""

    generation: Generation
    outputs: tuple[Output, ...]
    seconds: int | None = None
    heading: date | None = None
    # The pictures that this and other generations are made from.
    known: Mapping[int, Asset] = field(default_factory=dict)
    # Makes a repeated press of its retry button harmless; each drawing of the card has a new one.
    retry_key: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def id(self) -> str:
        """The number as addresses and attributes need it, never with separators."""
        return str(self.generation.pk)

    @property
    def delivered(self) -> int:
        """How many pictures came."""
        return sum(output.state == OutputState.DELIVERED for output in self.outputs)

    @property
    def missing(self) -> int:
        """How many did not come, once no more will."""
        return 0 if self.generation.is_live else self.generation.n - self.delivered

    @property
    def charged(self) -> int:
        """What was charged so far."""
        return sum(output.credits for output in self.outputs)

    @property
    def held(self) -> int:
        """What was set aside when it was submitted, the most it could cost."""
        return self.generation.unit_price * self.generation.n

    @property
    def returned(self) -> int:
        """What of it went back to the team."""
        return 0 if self.generation.is_live else self.held - self.charged

    @property
    def cost(self) -> str:
        """What it costs, in words."""
        if self.held == 0:
            return "Free"
        if self.generation.is_live:
            return f"{in_credits(self.held)} held"
        if self.charged == 0:
            return "Not charged"
        if self.returned:
            return f"{self.charged:,} of {in_credits(self.held)} charged"
        return in_credits(self.held)

    @property
    def next_try_at(self) -> datetime | None:
        """When a generation that waits for its provider is tried again."""
        planned = self.generation.next_try_at
        if self.generation.state != GenerationState.QUEUED or planned is None or planned <= timezone.now():
            return None
        return planned

    @property
    def cancelling(self) -> bool:
        """Whether somebody stopped it while calls are still under way."""
        return self.generation.is_live and self.generation.cancel_requested_at is not None

    @property
    def badge(self) -> Badge | None:
        """The state; nothing for a success, whose pictures say it."""
        state, n = self.generation.state, self.generation.n
        if self.cancelling:
            return Badge("Cancelling", "busy", "loader-circle")
        if self.generation.is_live and self.delivered:
            return Badge(f"{self.delivered} of {n} ready", "busy", "loader-circle")
        if state == GenerationState.PARTIAL:
            return Badge(f"{self.delivered} of {n}", "warn", "triangle-alert")
        return _BADGES.get(GenerationState(state))

    @property
    def estimate(self) -> str:
        """How long it usually takes, as far as that is known."""
        return f"about {self.seconds} s" if self.seconds else ""

    @property
    def left(self) -> str:
        """How long it still takes, as far as that is known and likely."""
        started = self.generation.started_at
        if not self.seconds or started is None:
            return ""
        left = self.seconds - round((timezone.now() - started).total_seconds())
        return f"about {left} s" if left > 0 else ""

    @property
    def inputs(self) -> list[Asset]:
        """What it is made from: the reference images, then the mask."""
        return [self.known[pk] for pk in GenerationSpec.from_json(self.generation.spec).inputs if pk in self.known]

    @property
    def shows_tiles(self) -> bool:
        """Whether each output has a tile; when nothing came at all one message says it for all."""
        return self.generation.is_live or self.delivered > 0

    @property
    def why(self) -> str:
        """What went wrong, in the words that were written for the designer; each said once."""
        messages = (output.message for output in self.outputs if output.state != OutputState.DELIVERED)
        return " ".join(dict.fromkeys(message for message in messages if message))

    @property
    def change_first(self) -> bool:
        """Whether the same request would fail again."""
        return self.generation.reason in _FAILS_AGAIN

    @property
    def settings(self) -> tuple[str, str]:
        """Quality and size as asked for."""
        spec = self.generation.spec
        return wording(str(spec["quality"])), str(spec["size"])

    @property
    def shape(self) -> str:
        """The wanted shape, such as 3:2."""
        size = self.settings[1]
        return aspect(size) if size[:1].isdigit() else wording(size)

    @property
    def outcome(self) -> str:
        """How it ended, for a screen reader."""
        word = GenerationState(self.generation.state).label
        return f"{word}: {self.delivered} of {self.generation.n} images. {self.cost}."

    @property
    def assets(self) -> list[Asset]:
        """The first pictures, for a row."""
        return [output.asset for output in self.outputs if output.asset is not None][:STRIP_LENGTH]

    @property
    def more_assets(self) -> int:
        """How many pictures a row leaves out."""
        return max(0, self.delivered - STRIP_LENGTH)


_BADGES: Final[Mapping[GenerationState, Badge]] = {
    GenerationState.QUEUED: Badge("Queued", "", "clock"),
    GenerationState.RUNNING: Badge("Rendering", "busy", "loader-circle"),
    GenerationState.FAILED: Badge("Failed", "bad", "circle-alert"),
    GenerationState.INTERRUPTED: Badge("Interrupted", "warn", "triangle-alert"),
    GenerationState.CANCELLED: Badge("Cancelled", "", "x"),
}


def cards_of(
    generations: Iterable[Generation],
    *,
    seconds: Mapping[int, int] | None = None,
    inputs: Mapping[int, Asset] | None = None,
    after: date | None = None,
) -> list[Card]:
    """Make the cards of generations that `queries.feed` loaded; the first of each day carries the day as heading.

    `seconds` and `inputs` are what `queries` knows of them; `after` is the day of the card before the first, when the
    list continues another.
    """
    usual = seconds or {}
    cards: list[Card] = []
    for generation in generations:
        day = timezone.localdate(generation.created_at)
        heading = day if day != after else None
        outputs = tuple(generation.outputs.all())
        cards.append(Card(generation, outputs, usual.get(generation.model_id), heading, inputs or {}))
        after = day
    return cards


def in_credits(amount: int) -> str:
    """`1 credit`, `2,418 credits`."""
    return f"{amount:,} {'credit' if amount == 1 else 'credits'}"
