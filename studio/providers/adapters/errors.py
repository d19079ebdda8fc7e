"""What may go wrong with a provider.

    ProviderError
    ├── Unsupported          build_request: the provider cannot do that; nothing was sent
    ├── Unreachable          no byte left this machine; may be tried again
    │   └── AddressRefused   the address is private, not https, or not allowed
    ├── OutcomeUnknown       the line broke after the request left; never sent again blindly
    ├── BadAnswer            an answer without a usable picture
    └── Refused              the provider answered with an error
        ├── InvalidRequest   ├── Unauthorised       ├── NotPermitted     ├── InsufficientFunds
        ├── ContentRefused   ├── ModelUnavailable   ├── RateLimited      ├── Conflict
        └── UpstreamTransient
            └── Overloaded   refused before any work; may be tried again

`retryable` says whether sending again is safe, `sent` whether the provider may have worked (and billed).
"""

from typing import ClassVar


class ProviderError(Exception):
    """Something between us and a provider failed; `designer_message` is for the page, the rest for operators."""

    kind: ClassVar[str]
    retryable: ClassVar[bool] = False
    sent: bool = True
    designer_message: str

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


class Unsupported(ProviderError):
    """The provider cannot do what was asked; raised before anything is sent."""

    kind = "unsupported"
    sent = False
    designer_message = "This model cannot do what was asked. Change the settings and try again."


class Unreachable(ProviderError):
    """Nothing left this machine."""

    kind = "unreachable"
    retryable = True
    sent = False
    designer_message = "The provider cannot be reached right now. Try again in a few minutes."


class AddressRefused(Unreachable):
    """The address breaks the rules for outgoing calls, so trying again changes nothing."""

    retryable = False
    designer_message = "The address of this connection is not allowed. A team admin can correct it."


class OutcomeUnknown(ProviderError):
    """The provider may have worked, but its answer never arrived whole."""

    kind = "outcome_unknown"
    designer_message = "The line to the provider broke before the picture arrived. Try again."


class BadAnswer(ProviderError):
    """The provider answered with something that holds no usable picture."""

    kind = "bad_answer"
    designer_message = "The provider sent no usable picture. Try again."


class Refused(ProviderError):
    """The provider answered with an error."""


class InvalidRequest(Refused):
    """The provider did not accept the request as it is."""

    kind = "invalid_request"
    sent = False
    designer_message = "The provider did not accept these settings. Change the prompt, size or format and try again."


class Unauthorised(Refused):
    """The key is wrong, revoked or expired."""

    kind = "auth"
    sent = False
    designer_message = "The provider rejected this connection’s key. A team admin can replace it."


class NotPermitted(Refused):
    """The key is right, but the account may not do this."""

    kind = "permission"
    sent = False
    designer_message = "This provider account may not use this model. A team admin can check the account."


class InsufficientFunds(Refused):
    """The account at the provider is empty or at its limit."""

    kind = "insufficient_funds"
    sent = False
    designer_message = "The account at the provider has no money left. A team admin can top it up."


class ContentRefused(Refused):
    """The provider's content rules refused the prompt or its picture."""

    kind = "content_refused"
    sent = False
    designer_message = "The provider’s content rules refused this prompt. Change the wording and try again."


class ModelUnavailable(Refused):
    """The model is retired, unknown or not open to this account."""

    kind = "model_unavailable"
    sent = False
    designer_message = "The provider no longer offers this model. Choose another one."


class RateLimited(Refused):
    """Too many requests; `retry_after` says how long to wait, where the provider does."""

    kind = "rate_limited"
    retryable = True
    sent = False
    designer_message = "The provider has too many requests right now. Try again in a few minutes."


class Conflict(Refused):
    """The request is in conflict with another one; whether that one was billed is unknown."""

    kind = "conflict"
    designer_message = "The provider reported a conflict with another request. Try again."


class UpstreamTransient(Refused):
    """The provider failed on its side, perhaps after the work was done and billed: not sent again by itself."""

    kind = "upstream_transient"
    designer_message = "The provider had a problem of its own. Try again in a few minutes."


class Overloaded(UpstreamTransient):
    """The provider had no room and did not begin."""

    retryable = True
    sent = False
