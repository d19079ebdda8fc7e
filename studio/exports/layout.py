"""Where everything stands in an archive: pictures, manifests, README, directory, end."""

from dataclasses import dataclass
from zlib import crc32

from studio.exports import manifest
from studio.exports.models import ExportPart
from studio.exports.zipformat import Entry, Placed, central_header, dos_time, end_records, local_header, place


@dataclass(frozen=True)
class Layout:
    """The places in one archive, as offsets of its bytes."""

    # The texts after the pictures.
    texts: tuple[Placed, ...]
    # Where the directory begins; its share of the pictures comes first.
    directory: int
    # What follows the pictures' share: the texts' entries and the end of the archive.
    end: bytes
    length: int


def layout_of(part: ExportPart) -> Layout:
    """Compute the layout of a part that is complete."""
    time = dos_time(part.export.created_at)
    readme = bytes(part.readme)
    entries = [
        Entry(manifest.JSON_NAME.encode(), part.json_size, part.json_crc32, time, ""),
        Entry(manifest.CSV_NAME.encode(), part.csv_size, part.csv_crc32, time, ""),
        Entry(manifest.README_NAME.encode(), len(readme), crc32(readme), time, ""),
    ]
    texts = tuple(place(entries, part.local_size))
    directory = texts[-1].offset + len(local_header(entries[-1])) + entries[-1].size
    headers = b"".join(central_header(placed) for placed in texts)
    size = part.central_size + len(headers)
    end = headers + end_records(part.files + part.extras + len(entries), size=size, offset=directory)
    return Layout(texts, directory, end, directory + part.central_size + len(end))
