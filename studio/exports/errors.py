"""What can go wrong with exports, in words for the people who wanted them."""

from studio.core.bodies import BodyFailedError
from studio.core.errors import BadInput, Conflict, NotFound, StudioError, Unavailable


class NothingToExport(BadInput):
    """The list would be empty."""

    code = "nothing_to_export"
    title = "Nothing to download"


class TooManyExports(Conflict):
    """The team keeps as many downloads as it may."""

    code = "too_many_exports"
    title = "Too many downloads are kept"


class TooManyDownloads(StudioError):
    """The team downloads as much at once as it may."""

    code = "too_many_downloads"
    http_status = 429
    title = "Too many downloads at once"
    retry_after = 30


class ExportOver(NotFound):
    """The download was revoked, its time is over, or it could not be prepared."""

    code = "export_over"
    http_status = 410
    title = "This download is over"


class ExportNotReady(Unavailable):
    """The list is still being written; whoever asked for a part of the archive comes back later."""

    code = "export_not_ready"
    retry_after = 10


class FileGone(ExportNotReady, BodyFailedError):
    """A picture's file is gone or damaged where an archive needs it: the next request has the list written anew."""

    code = "export_file_gone"
