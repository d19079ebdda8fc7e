"""What can go wrong with pictures, in words for the people who wanted them."""

from studio.core.errors import BadInput, NotFound


class BadImage(BadInput):
    """These bytes are no picture that can be kept; `reason` says why in words a designer understands."""

    code = "bad_image"

    @property
    def reason(self) -> str:
        """The same sentence as `message`."""
        return self.message


class FileMissing(NotFound):
    """The row is there, the file is not: the history stands, the picture cannot be shown."""

    code = "file_missing"
    http_status = 410
    title = "The file is missing"


class TooManySelected(BadInput):
    """A selection is longer than one archive takes."""

    code = "too_many_selected"
