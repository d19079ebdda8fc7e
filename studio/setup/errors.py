"""What can be wrong with the set-up."""

from studio.core.errors import NotFound


class SetupOver(NotFound):
    """The link was used, replaced by a later start, or never was one."""

    code = "setup_over"
