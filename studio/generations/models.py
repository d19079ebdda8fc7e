"""Generations, their outputs, and the attempts made at providers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from studio.catalogue.models import ImageModel
from studio.ledger.models import Hold
from studio.library.models import Asset
from studio.providers.models import Connection
from studio.teams.models import Team


class GenerationState(models.TextChoices):
    """`queued → running → succeeded | partial | failed | cancelled | interrupted`; waiting for a retry is queued."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    PARTIAL = "partial", "Partly done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


LIVE_STATES = (GenerationState.QUEUED, GenerationState.RUNNING)


class GenerationQuerySet(models.QuerySet["Generation"]):
    """Generations read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team."""
        return self.filter(team=team)

    def live(self) -> Self:
        """Not ended yet."""
        return self.filter(state__in=LIVE_STATES)


class Generation(models.Model):
    """One submitted request: prompt, model, settings and n wanted outputs."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="generations")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(ImageModel, on_delete=models.PROTECT, related_name="+")
    # Where it goes now and what the model is called there: at first as chosen, after a failover the next of the route.
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    via = models.ForeignKey(ImageModel, on_delete=models.PROTECT, related_name="+")
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, null=True, related_name="generation")
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries")
    prompt = models.TextField()
    # GenerationSpec as it was asked for, and the quote as it was shown: what was promised stays readable.
    spec = models.JSONField()
    quote = models.JSONField()
    n = models.PositiveSmallIntegerField()
    unit_price = models.PositiveIntegerField()
    # The submission: same key and body is the same generation, same key and another body is refused.
    key = models.UUIDField()
    body_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=GenerationState.choices, default=GenerationState.QUEUED)
    reason = models.CharField(max_length=40, blank=True)
    # Who works on it: a short lease, renewed while the worker lives, and a number that fences off a late one.
    fence = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    kills = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["Generation"]] = GenerationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "author", "key"], name="generation_once_per_key"),
            models.CheckConstraint(condition=Q(n__gte=1, n__lte=10), name="generation_one_to_ten"),
            models.CheckConstraint(condition=Q(hold__isnull=False) | Q(unit_price=0), name="generation_paid_has_hold"),
            models.CheckConstraint(
                condition=(
                    Q(state__in=["queued", "running"], ended_at=None)
                    | (~Q(state__in=["queued", "running"]) & Q(ended_at__isnull=False))
                ),
                name="generation_ended_when_terminal",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="generation_team_newest"),
            models.Index(
                fields=["connection", "state"], condition=Q(state__in=["queued", "running"]), name="generation_live"
            ),
        ]

    def __str__(self) -> str:
        return f"Generation {self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether it may still change."""
        return self.state in LIVE_STATES


class AttemptState(models.TextChoices):
    """`planned → sent → answered → closed`; a job goes `sent → accepted → ready → closed`.

    `failed`: no picture came; `unknown`: it may have been paid for nothing.
    """

    PLANNED = "planned", "Planned"
    SENT = "sent", "Sent"
    ANSWERED = "answered", "Answered"
    ACCEPTED = "accepted", "Working"
    READY = "ready", "Ready"
    CLOSED = "closed", "Closed"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    CANCELLED = "cancelled", "Cancelled"


# What gives rows the database's time along: the clocks of several machines may differ.
WITH_TIME: Final[Mapping[str, Any]] = {"now": Now()}
# The provider has the work, and nobody here has to wait for it.
REMOTE_STATES = (AttemptState.ACCEPTED, AttemptState.READY)


class Attempt(models.Model):
    """One call to a provider. `sent` is committed before its first byte leaves, `remote_id` as soon as it is known."""

    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    via = models.ForeignKey(ImageModel, on_delete=models.PROTECT, related_name="+")
    images = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=AttemptState.choices, default=AttemptState.PLANNED)
    fence = models.PositiveIntegerField()
    # Names the spooled answer and, with the slot, the stored files: a repeated delivery finds what the first one wrote.
    token = models.UUIDField(unique=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    error_kind = models.CharField(max_length=30, blank=True)
    provider_message = models.CharField(max_length=500, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    reported = models.JSONField(default=dict, blank=True)
    # Names the call to the provider, the same when an earlier attempt is repeated.
    call_id = models.UUIDField()
    # Addresses of the uploaded references, the same at a repetition of the call.
    uploaded = models.JSONField(default=list, blank=True)
    # The job at the provider: when it is asked for next, how often it was, and its images once it has ended well.
    remote_id = models.CharField(max_length=200, blank=True)
    poll_at = models.DateTimeField(null=True, blank=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    polls = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True, blank=True)
    # A call whose outcome nobody knows, or that was paid for without a delivery: the operator looks here.
    possible_cost = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    # The database's time, where a query was asked for it by WITH_TIME.
    now: datetime
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["generation", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(state__in=["planned", "cancelled"]) | Q(sent_at__isnull=False), name="attempt_sent_is_dated"
            ),
            models.UniqueConstraint(
                fields=["connection", "remote_id"], condition=~Q(remote_id=""), name="attempt_job_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(poll_at__isnull=False) & ~Q(remote_id=""),
                name="attempt_accepted_is_polled",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(result__isnull=False), name="attempt_ready_has_result"
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-sent_at"], name="attempt_connection_sent"),
            models.Index(fields=["poll_at"], condition=Q(state="accepted"), name="attempt_due"),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of generation {self.generation_id}"


class OutputState(models.TextChoices):
    """One slot's life."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Rendering"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


class Output(models.Model):
    """One of the n slots of a generation."""

    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="outputs")
    slot = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=OutputState.choices, default=OutputState.WAITING)
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, null=True, blank=True, related_name="outputs")
    asset = models.OneToOneField(Asset, on_delete=models.PROTECT, null=True, blank=True, related_name="output")
    credits = models.PositiveIntegerField(default=0)
    # Why it was not delivered: the class of failure, and what the designer reads.
    reason = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["generation", "slot"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "slot"], name="output_slot_once"),
            models.CheckConstraint(
                condition=(
                    Q(state="delivered", asset__isnull=False, ended_at__isnull=False)
                    | (~Q(state="delivered") & Q(asset=None, credits=0))
                ),
                name="output_delivered_has_asset",
            ),
        ]

    def __str__(self) -> str:
        return f"Output {self.slot} of generation {self.generation_id}"


class Preview(models.Model):
    """The newest unfinished picture of an output that is being made; gone when it has ended."""

    output = models.OneToOneField(Output, on_delete=models.CASCADE, primary_key=True, related_name="preview")
    number = models.PositiveSmallIntegerField()
    # A small WebP, kept here because several machines may make and show it.
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"Preview {self.number} of output {self.output_id}"


class HookDelivery(models.Model):
    """A webhook that was genuine: the same one again has no effect."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "digest"], name="hookdelivery_once")]
        indexes = [models.Index(fields=["received_at"], name="hookdelivery_age")]

    def __str__(self) -> str:
        return self.digest
