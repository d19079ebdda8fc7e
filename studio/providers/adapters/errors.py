"""What may go wrong with a provider.

    ProviderError
    ├── Unsupported          build_request: the provider cannot do that; nothing was sent
    ├── NotReady             our own storage or database failed before anything was sent; may be tried again
    ├── Unreachable          no byte left this machine; may be tried again
    │   └── AddressRefused   the address is private, not https, or not allowed
    ├── OutcomeUnknown       the line broke after the request left; never sent again blindly
    ├── BadAnswer            an answer without a usable picture
    ├── JobTimedOut          a job that did not end in time
    ├── JobCancelled         a job that was stopped as somebody wished
    └── Refused              the provider answered with an error
        ├── InvalidRequest   ├── Unauthorised       ├── NotPermitted     ├── InsufficientFunds
        │                    └── OutdatedKey
        ├── ContentRefused   ├── ModelUnavailable   ├── RateLimited      ├── Conflict
        │                    └── UnderMaintenance   └── QuotaUsedUp
        └── UpstreamTransient
            └── Overloaded   refused before any work; may be tried again

`retryable` says whether sending again is safe, `sent` whether the provider may have worked (and billed), `pauses`
what is of no use until somebody looks after it, and `moves_on` whether another connection may be asked instead.
"""

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar


class Pauses(Enum):
    """What an error takes out of service until an admin has looked at it."""

    NOTHING = ""
    CONNECTION = "connection"
    MODEL = "model"


class ProviderError(Exception):
    """Something between us and a provider failed.

    `designer_message` is for whoever made the generation, `admin_message` for whoever looks after the connection.
    """

    kind: ClassVar[str]
    retryable: ClassVar[bool] = False
    pauses: ClassVar[Pauses] = Pauses.NOTHING
    # Whether the fault lies with the connection or the model there, and not with what was asked.
    elsewhere: ClassVar[bool] = False
    sent: bool = True
    designer_message: str
    admin_message: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str = "",
        provider_message: str = "",
        designer_message: str = "",
        sent: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.request_id = request_id
        self.provider_message = provider_message
        if designer_message:
            self.designer_message = designer_message
        if sent is not None:
            self.sent = sent

    @property
    def moves_on(self) -> bool:
        """Whether the provider provably did not accept the request, and another one might."""
        return self.elsewhere and not self.sent


class Unsupported(ProviderError):
    """The provider cannot do what was asked; raised before anything is sent."""

    kind = "unsupported"
    sent = False
    designer_message = "This model cannot do what was asked. Change the settings and try again."
    admin_message = "What was asked is beyond this model; nothing was sent."


class NotReady(ProviderError):
    """Our own storage or database did not do its part, so nothing was sent; it says nothing about the provider."""

    kind = "not_ready"
    retryable = True
    sent = False
    designer_message = "This server could not send the request: its own storage or database did not answer. Try again."
    admin_message = "The storage or the database of this server did not answer, so nothing was sent."


class Unreachable(ProviderError):
    """Nothing left this machine."""

    kind = "unreachable"
    retryable = True
    sent = False
    designer_message = "The provider cannot be reached right now. Try again in a few minutes."
    elsewhere = True
    admin_message = "The provider could not be reached. Check the base URL and the provider’s status page."


class AddressRefused(Unreachable):
    """The address breaks the rules for outgoing calls, so trying again changes nothing."""

    kind = "address_refused"
    retryable = False
    designer_message = "The address of this connection is not allowed. Whoever looks after it can correct it."
    pauses = Pauses.CONNECTION
    admin_message = (
        "The base URL leads to a private address, or is not https. The operator can list it in PRIVATE_HOSTS."
    )


class OutcomeUnknown(ProviderError):
    """The provider may have worked, but its answer never arrived whole."""

    kind = "outcome_unknown"
    designer_message = "The line to the provider broke before the picture arrived. Try again."
    admin_message = "The line broke after the request was sent, so the provider may have made and billed the picture."


class BadAnswer(ProviderError):
    """The provider answered with something that holds no usable picture."""

    kind = "bad_answer"
    designer_message = "The provider sent no usable picture. Try again."
    admin_message = "The provider answered with something that holds no usable picture; it may have been billed."


class JobTimedOut(ProviderError):
    """The provider's job did not end in the time it had."""

    kind = "job_timed_out"
    designer_message = "The provider did not finish in time. Try again."
    admin_message = "The provider’s job did not end before the deadline; it may still be billed."


class JobCancelled(ProviderError):
    """The provider stopped the job before it had made anything."""

    kind = "cancelled"
    sent = False
    designer_message = "Cancelled."
    admin_message = "The job was cancelled at the provider."


class Refused(ProviderError):
    """The provider answered with an error."""


class InvalidRequest(Refused):
    """The provider did not accept the request as it is."""

    kind = "invalid_request"
    sent = False
    designer_message = "The provider did not accept these settings. Change the prompt, size or format and try again."
    admin_message = "The provider did not accept the request. Its own words stand beside the attempt."


class Unauthorised(Refused):
    """The key is wrong, revoked or expired."""

    kind = "auth"
    sent = False
    designer_message = "The provider rejected this connection’s key. Whoever looks after it can replace it."
    pauses = Pauses.CONNECTION
    elsewhere = True
    admin_message = "The provider rejects the key: it is wrong, revoked or expired. Enter a new one and test it."


class OutdatedKey(Unauthorised):
    """The key that was rejected has been replaced since the call left: with the new one it may be tried again."""

    retryable = True
    pauses = Pauses.NOTHING
    elsewhere = False


class NotPermitted(Refused):
    """The key is right, but the account may not do this."""

    kind = "permission"
    sent = False
    designer_message = "This provider account may not use this model. Whoever looks after it can check why."
    pauses = Pauses.MODEL
    elsewhere = True
    admin_message = "The account may not use this model. At some providers it must be verified first."


class InsufficientFunds(Refused):
    """The account at the provider is empty or at its limit."""

    kind = "insufficient_funds"
    sent = False
    designer_message = "The account at the provider has no money left. Whoever looks after it can top it up."
    pauses = Pauses.CONNECTION
    elsewhere = True
    admin_message = "The account at the provider is empty or at its limit. Top it up there, then test the connection."


class ContentRefused(Refused):
    """The provider's content rules refused the prompt or its picture."""

    kind = "content_refused"
    sent = False
    designer_message = "The provider’s content rules refused this prompt. Change the wording and try again."
    admin_message = "The provider’s content rules refused the prompt or its picture."


class ModelUnavailable(Refused):
    """The model is retired, unknown or not open to this account."""

    kind = "model_unavailable"
    sent = False
    designer_message = "The provider no longer offers this model. Choose another one."
    pauses = Pauses.MODEL
    elsewhere = True
    admin_message = "The provider does not offer this model any more, or not to this account."


class UnderMaintenance(ModelUnavailable):
    """The model is away for a while."""

    kind = "model_maintenance"
    designer_message = "The provider is working on this model. Choose another one or try again later."
    admin_message = "The provider says that the model is under maintenance. Test the connection to use it again."


class RateLimited(Refused):
    """Too many requests; `retry_after` says how long to wait, where the provider does."""

    kind = "rate_limited"
    retryable = True
    sent = False
    designer_message = "The provider has too many requests right now. Try again in a few minutes."
    elsewhere = True
    admin_message = "The provider had too many requests; the connection waits before the next one. A limit avoids this."


class QuotaUsedUp(RateLimited):
    """An allowance of hours or days is used up; `retry_after` says until when."""

    kind = "quota_used_up"
    retryable = False
    designer_message = "The provider’s allowance is used up for now. Try again later, or choose another model."
    admin_message = "The account’s allowance is used up; the connection waits until it is renewed."


class Conflict(Refused):
    """The request is in conflict with another one; whether that one was billed is unknown."""

    kind = "conflict"
    designer_message = "The provider reported a conflict with another request. Try again."
    admin_message = "The provider saw a conflict with another request; it may have been billed."


class UpstreamTransient(Refused):
    """The provider failed on its side, perhaps after the work was done and billed: not sent again by itself."""

    kind = "upstream_transient"
    designer_message = "The provider had a problem of its own. Try again in a few minutes."
    admin_message = "The provider failed on its side, perhaps after the picture was made and billed."


class Overloaded(UpstreamTransient):
    """The provider had no room and did not begin."""

    retryable = True
    elsewhere = True
    sent = False


def _every(kind: type[ProviderError]) -> list[type[ProviderError]]:
    return [kind, *(below for each in kind.__subclasses__() for below in _every(each))]


# What admins read for each kind that is kept with an attempt or a pause.
ADMIN_MESSAGES: Mapping[str, str] = {
    error.kind: error.admin_message for error in reversed(_every(ProviderError)) if "kind" in vars(error)
}
