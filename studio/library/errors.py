"""What can go wrong with pictures, in words for the people who wanted them."""

from studio.core.errors import BadInput, Conflict, NoRoom, NotFound, Unavailable


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


class BadName(BadInput):
    """A tag or a collection cannot be called that."""

    code = "bad_name"


class NameTaken(Conflict):
    """Another tag, or another collection in the same place, is called that already."""

    code = "name_taken"
    title = "That name is taken"


class TooMany(Conflict):
    """A team has as many of these as it can have."""

    code = "too_many"
    title = "That is the most there can be"


class TagGone(Conflict):
    """The tag was deleted or merged while somebody used it."""

    code = "tag_gone"


class CollectionGone(Conflict):
    """The collection was deleted while somebody used it."""

    code = "collection_gone"


class StoreDown(Unavailable, OSError):
    """The place where pictures are kept does not answer: a 503 to a page, and to a worker a disk that fails."""

    code = "store_down"
    title = "The pictures cannot be reached"

    def __init__(self) -> None:
        super().__init__("The place where pictures are kept does not answer. Nothing is lost; try again in a moment.")


class InTheBin(Conflict):
    """A picture in the bin is looked at, not worked on."""

    code = "in_the_bin"


class ItemGone(Conflict):
    """A picture that was to be moved, or moved beside, is not in the collection any more."""

    code = "item_gone"


class StorageFull(NoRoom):
    """There is no room for another picture, or the disk refuses to write."""
