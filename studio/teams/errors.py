"""What can be wrong with memberships and invitations."""

from studio.core.errors import Conflict, NotAllowed, NotFound, StudioError


class LastOwner(Conflict):
    """The team would be left without an owner."""

    code = "last_owner"
    title = "A team keeps an owner"

    def __init__(self) -> None:
        super().__init__("This is the team's last owner. Make somebody else an owner first.")


class AlreadyMember(Conflict):
    """The person is in the team already."""

    code = "already_member"
    title = "Already a member"


class InvitationUnknown(NotFound):
    """No invitation has this token."""

    code = "invitation_unknown"


class InvitationEnded(StudioError):
    """The invitation was used or revoked, or its time is over; which of them is nobody's business."""

    code = "invitation_ended"
    http_status = 410


class InvitationForSomebodyElse(NotAllowed):
    """The invitation is bound to another address."""

    code = "invitation_for_somebody_else"


class TooManyTries(StudioError):
    """Somebody sends the form of an invitation again and again."""

    code = "too_many_tries"
    http_status = 429
    title = "Too many tries"

    def __init__(self) -> None:
        super().__init__("Wait a minute, then try again.")
