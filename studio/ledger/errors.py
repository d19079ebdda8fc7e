"""What can go wrong with credits."""

from studio.core.errors import BadInput, Conflict, StudioError


class InsufficientCredits(StudioError):
    """The team has fewer credits available than the request needs; `missing` says how many fewer."""

    code = "insufficient_credits"
    http_status = 402
    title = "Not enough credits"

    def __init__(self, *, missing: int) -> None:
        unit = "credit" if missing == 1 else "credits"
        super().__init__(f"{missing:,} {unit} short.")
        self.missing = missing


class AmountRefused(BadInput):
    """The amount is no whole number within the bounds of its use."""

    code = "amount_refused"


class KeyReused(Conflict):
    """The same key came before with another amount or for another purpose."""

    code = "key_reused"
