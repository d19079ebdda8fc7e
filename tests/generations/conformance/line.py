"""A team, its connection to one emulator, and how a generation there has ended."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Sum

from studio.accounts.models import User
from studio.catalogue.capabilities import Capabilities, read_capabilities
from studio.catalogue.models import ImageModel
from studio.generations.models import Attempt, AttemptState, Generation, Output, OutputState
from studio.ledger.queries import balance
from studio.library.models import Asset
from studio.providers.health import resume
from studio.providers.models import Connection, PausedModel
from studio.teams.models import Team
from studio.usage.models import UsageRecord
from tests.emulators.control import EmulatorControl
from tests.generations.providers import MODELS, order, work

# Every protocol, AIgateway in both ways of answering, with the settings that make jobs end at once.
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "openai": {},
    "aigateway": {},
    "aigateway-jobs": {"answer_as_job": True, "poll_seconds": 0},
    "pixapi": {},
    "apiframe": {},
    "aimlapi": {},
    "cloudflare": {},
}
JOBS: Final = ("aigateway-jobs", "pixapi", "apiframe")
AT_ONCE: Final = tuple(way for way in WAYS if way not in JOBS)
CREDITS: Final = 2000
BASE64: Final = ("openai", "aigateway", "aimlapi")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a generation has ended, and what it took.

    `calls` are the attempts in their order, each by its error or its state. `lost` says that some of them may have
    been paid for in vain; `requests` and `paid` are what the provider counted.
    """

    state: str
    outputs: Mapping[str, int]
    reasons: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ("closed",)
    lost: bool = False
    requests: int = 1
    paid: int = 1


def delivered(n: int = 1, **facts: Any) -> Ending:
    """Return the ending in which all pictures came."""
    return Ending(**{"state": "succeeded", "outputs": {"delivered": n}, "paid": n, **facts})


def failed(reason: str, **facts: Any) -> Ending:
    """Return the ending in which none came, for one reason, and which by itself cost nothing."""
    usual = {"state": "failed", "outputs": {"failed": 1}, "reasons": frozenset({reason}), "calls": (reason,), "paid": 0}
    return Ending(**{**usual, **facts})


def interrupted(**facts: Any) -> Ending:
    """Return the ending that nobody knows more about."""
    known = {"state": "interrupted", "outputs": {"interrupted": 1}, "lost": True}
    return failed("outcome_unknown", **{**known, **facts})


@dataclass(frozen=True)
class Line:
    """One way to one provider."""

    way: str
    emulator: EmulatorControl
    connection: Connection
    team: Team
    member: User

    @property
    def protocol(self) -> str:
        """The protocol that is spoken."""
        return self.connection.protocol

    @property
    def capabilities(self) -> Capabilities:
        """What the model offers that is asked for here."""
        return read_capabilities(ImageModel.objects.get(slug=MODELS[self.protocol]).capabilities)

    def renew(self) -> None:
        """Begin again: an emulator that has seen nothing, a connection that nothing is wrong with."""
        self.emulator.reset()
        self.emulator.set(job_seconds=0, **WAYS[self.way])
        resume(self.connection)

    def each(self, faults: Iterable[str], **changes: Any) -> dict[str, Ending]:
        """Return how a generation ends for each fault, one after another, each as if it were the first."""
        endings = {}
        for fault in faults:
            self.renew()
            endings[fault] = self.make(fault, **changes)
        return endings

    def limit(self, per_call: int) -> None:
        """Let one call ask for at most so many pictures."""
        model = ImageModel.objects.get(slug=MODELS[self.protocol])
        model.capabilities["max_per_call"] = per_call
        model.save()

    def ask(self, fault: str = "", **changes: Any) -> Generation:
        """Submit a request whose prompt names a fault."""
        prompt = f"A red kite over the sea [fault:{fault}]" if fault else "A red kite over the sea"
        return order(self.team, self.member, self.protocol, prompt, **changes)

    def make(self, fault: str = "", **changes: Any) -> Ending:
        """Submit a request and see it to its end."""
        return self.end(self.ask(fault, **changes))

    def end(self, generation: Generation) -> Ending:
        """See a generation to its end; what has to be true of every end is held here."""
        work(generation)
        attempts = list(generation.attempts.order_by("number"))
        outputs = list(generation.outputs.order_by("slot"))
        self._hold_the_books(generation, outputs)
        self._hold_the_secrets(attempts, outputs)
        stats = self.emulator.stats()
        return Ending(
            state=generation.state,
            outputs=Counter(output.state for output in outputs),
            reasons=frozenset(output.reason for output in outputs if output.reason),
            calls=tuple(attempt.error_kind or attempt.state for attempt in attempts),
            lost=any(attempt.possible_cost for attempt in attempts),
            requests=stats["requests"],
            paid=stats["paid_pictures"],
        )

    def pictures(self, generation: Generation) -> list[bytes]:
        """Return the stored pictures of a generation, by slot."""
        pictures = []
        for asset in Asset.objects.filter(generation_id=generation.pk).order_by("slot"):
            with default_storage.open(asset.original_name) as stored:
                pictures.append(stored.read())
        return pictures

    def _hold_the_books(self, generation: Generation, outputs: list[Output]) -> None:
        came = [output for output in outputs if output.state == OutputState.DELIVERED]
        assert [output.credits for output in outputs] == [
            generation.unit_price if output in came else 0 for output in outputs
        ]
        account = balance(self.team)
        charged = Output.objects.aggregate(total=Sum("credits"))["total"]
        assert (account.held, account.available) == (0, CREDITS - charged)
        used = UsageRecord.objects.filter(generation_id=generation.pk).values_list("output_id", "credits")
        assert sorted(used) == [(output.pk, output.credits) for output in came]
        assert Asset.objects.filter(generation_id=generation.pk).count() == len(came)
        assert all(output.message for output in outputs if output not in came)

    def _hold_the_secrets(self, attempts: list[Attempt], outputs: list[Output]) -> None:
        kept = "".join(
            [
                *(f"{attempt.provider_message}{attempt.reported}{attempt.request_id}" for attempt in attempts),
                *(output.message for output in outputs),
                *Connection.objects.values_list("paused_note", flat=True),
                *PausedModel.objects.values_list("note", flat=True),
            ]
        )
        assert self.emulator.key not in kept
        assert "A red kite over the sea" not in kept
        assert [path.name for path in Path(settings.SPOOL_ROOT).glob("*/*")] == []
        assert self.emulator.stats()["trapped"] == 0
        assert not [fetch for fetch in self.emulator.fetches() if self.emulator.key in str(fetch["headers"])]
        assert not [attempt for attempt in attempts if attempt.state in _UNDER_WAY]


_UNDER_WAY: Final = (
    AttemptState.PLANNED,
    AttemptState.SENT,
    AttemptState.ANSWERED,
    AttemptState.ACCEPTED,
    AttemptState.READY,
)
