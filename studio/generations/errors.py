"""Why a submission is not taken."""

from studio.catalogue.pricing import Quote
from studio.core.errors import Conflict


class PriceChanged(Conflict):
    """The price rose between the page and the submission; the new one is shown and never charged unasked."""

    code = "price_changed"

    def __init__(self, quote: Quote) -> None:
        super().__init__("The price has changed. Look at the new price and generate again.")
        self.quote = quote


class KeyReused(Conflict):
    """The same submission key came with another request."""

    code = "already_sent"

    def __init__(self) -> None:
        super().__init__("Already sent. Generate again?")


class NothingToRetry(Conflict):
    """A retry of a generation that still runs or missed nothing."""

    code = "nothing_to_retry"

    def __init__(self) -> None:
        super().__init__("This generation has no missing images.")
