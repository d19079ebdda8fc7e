"""What can be wrong with a person's account."""

from studio.core.errors import Conflict


class EmailTaken(Conflict):
    """Somebody signs in with this address already."""

    code = "email_taken"

    def __init__(self) -> None:
        super().__init__("This address has an account already. Sign in with it instead.")


class StillOwner(Conflict):
    """The person is the only owner of a team."""

    code = "still_owner"
    title = "A team keeps an owner"

    def __init__(self, user: object) -> None:
        super().__init__(f"{user} is the last owner of a team. Make somebody else its owner first.")
