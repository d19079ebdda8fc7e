"""How a picture says how it was made: signed content credentials, the digital source type, and what tools leave behind.

Originals are never touched, so what a provider signed stays valid. What is made from them (thumbnails, previews,
converted files) says by an XMP packet of its own that it was generated, and by which model.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from studio.library.containers import XMP_JPEG, Part, parts_of, with_xmp
from studio.library.models import Asset, Source

C2PA: Final = "c2pa"
GENERATED: Final = "trainedAlgorithmicMedia"
EDITED: Final = "compositeWithTrainedAlgorithmicMedia"
_IPTC: Final = "iptc:"
_MARK_OF_SOURCE: Final = {Source.GENERATED: GENERATED, Source.EDITED: EDITED}

# The terms of http://cv.iptc.org/newscodes/digitalsourcetype/, retired ones included, and what they say.
SOURCE_TYPES: Final = {
    "trainedAlgorithmicMedia": "Made by generative AI.",
    "compositeWithTrainedAlgorithmicMedia": "Edited with generative AI.",
    "algorithmicMedia": "Made by an algorithm that was not trained on pictures.",
    "compositeSynthetic": "Put together from parts of which at least one was made by generative AI.",
    "algorithmicallyEnhanced": "Improved by an algorithm.",
    "composite": "Put together from several parts.",
    "compositeCapture": "Put together from several photographs.",
    "computationalCapture": "Photographed, and computed from several shots.",
    "multiFrameComputationalCapture": "Photographed, and computed from several shots.",
    "digitalCapture": "Photographed with a digital camera.",
    "digitalArt": "Drawn by a person with digital tools.",
    "digitalCreation": "Made by a person with digital tools.",
    "dataDrivenMedia": "Drawn from data.",
    "humanEdits": "Edited by a person.",
    "minorHumanEdits": "Slightly edited by a person.",
    "negativeFilm": "Digitised from a negative.",
    "positiveFilm": "Digitised from a transparency.",
    "print": "Digitised from a print.",
    "screenCapture": "Captured from a screen.",
    "softwareImage": "Made by a person with software.",
    "virtualRecording": "Recorded in a virtual world.",
}
TOOLS: Final = {
    "tool:stable-diffusion": "Stable Diffusion left its settings in the file.",
    "tool:comfyui": "ComfyUI left its workflow in the file.",
    "tool:invokeai": "InvokeAI left its settings in the file.",
    "tool:novelai": "NovelAI left its name in the file.",
    "tool:midjourney": "Midjourney left its name in the file.",
    "tool:google-ai": "A note in the file says that it was made with Google AI.",
    "tool:aigc": "The file carries the label for generated content that China asks for (AIGC).",
}

# Hostile files hold what they like: no more than this is read of one part, and of all of them together.
_MOST_OF_PART: Final = 256 * 1024
_MOST_OF_ALL: Final = 4 * 1024 * 1024
_TYPED: Final = re.compile(
    rb"digitalsourcetype.{0,120}?(?:digitalsourcetype/|[\"'>])\s{0,16}("
    + "|".join(sorted(SOURCE_TYPES, key=len, reverse=True)).encode()
    + rb")\b",
    re.IGNORECASE | re.DOTALL,
)
_NAMES: Final = {term.lower(): term for term in SOURCE_TYPES}
_SIGNS: Final = (
    (re.compile(rb"parameters\x00.{0,20000}?Steps: \d+.{0,2000}?Sampler: ", re.DOTALL), "tool:stable-diffusion"),
    (re.compile(rb"\A(?:prompt|workflow)\x00.{0,20000}?\"class_type\"", re.DOTALL), "tool:comfyui"),
    (re.compile(rb"\A(?:invokeai_metadata|invokeai_graph|sd-metadata)\x00"), "tool:invokeai"),
    (re.compile(rb"\bNovelAI\b"), "tool:novelai"),
    (re.compile(rb"\bMidjourney\b", re.IGNORECASE), "tool:midjourney"),
    (re.compile(rb"\b(?:Made|Edited) with Google AI\b"), "tool:google-ai"),
    (re.compile(rb"\bTC260:AIGC\b|\AAIGC\x00|\"AIGC\"\s{0,8}:"), "tool:aigc"),
)
_XMP_PARTS: Final = frozenset({"APP1", "iTXt", "tEXt", "zTXt", "XMP "})
_SIGNED_PARTS: Final = frozenset({"APP11", "caBX", "C2PA"})
_OTHER_PARTS: Final = frozenset({"APP13", "COM", "eXIf", "EXIF"})

_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{term}"{tool}/></rdf:RDF>'
    '</x:xmpmeta><?xpacket end="r"?>'
)
_UNPRINTABLE: Final = re.compile("[^\\S ]|[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Said:
    """One mark in plain words."""

    name: str
    text: str


def marks_of(data: bytes, content_type: str) -> list[str]:
    """Name the signs of origin in a picture's bytes, such as `c2pa` and `iptc:trainedAlgorithmicMedia`.

    Only looks for them: whether a signature is valid, and whether a label tells the truth, is not known from this.
    """
    found: dict[str, None] = {}
    room = _MOST_OF_ALL
    for part in parts_of(data, content_type):
        if part.name not in _XMP_PARTS | _SIGNED_PARTS | _OTHER_PARTS:
            continue
        body = data[part.body : min(part.body_stop, part.body + _MOST_OF_PART)]
        found.update(dict.fromkeys(_marks_in(part, body)))
        room -= len(body)
        if room <= 0:
            break
    return list(found)


def marks_in_original(asset: Asset) -> list[str]:
    """Name the marks that a picture's original carries; `Asset.marks` are those of the file as received.

    Where these are two files, the original keeps the label and has lost the signature, which only fits the bytes that
    were signed.
    """
    if not asset.has_received:
        return list(asset.marks)
    term = source_type_of(asset)
    return [] if term is None else [_IPTC + term]


def source_type_of(asset: Asset) -> str | None:
    """Return the digital source type that files made from a picture carry; None: nothing is known, nothing claimed."""
    return _MARK_OF_SOURCE.get(Source(asset.source)) or term_in(asset.marks)


def term_in(marks: Iterable[str]) -> str | None:
    """Return the digital source type that marks name first."""
    named = (mark.partition(":") for mark in marks if mark.startswith((_IPTC, f"{C2PA}:")))
    return next((term for _, _, term in named if term in SOURCE_TYPES), None)


def packet_for(*, source: Source | str, model_title: str, marks: Iterable[str] = ()) -> bytes:
    """Return the XMP packet for files made from a picture: that a model made it, and which.

    Of an upload it repeats what its `marks` said and claims nothing more; nothing said, no packet.
    """
    term = _MARK_OF_SOURCE.get(Source(source))
    if term is not None:
        return _packet(term, model_title)
    said = term_in(marks)
    return b"" if said is None else _packet(said)


def marked(data: bytes, content_type: str, packet: bytes) -> bytes:
    """Return a picture that was made here with the packet in it; the same bytes where there is none."""
    return with_xmp(data, content_type, packet) if packet else data


def described(marks: Iterable[str]) -> list[Said]:
    """Say marks in words."""
    return [Said(mark, words) for mark in marks if (words := _words_of(mark))]


def _packet(term: str, tool: str = "") -> bytes:
    name = quoteattr(" ".join(_UNPRINTABLE.sub(" ", tool).split()))
    said = f" Iptc4xmpExt:AISystemUsed={name} xmp:CreatorTool={name}" if tool else ""
    return _PACKET.format(term=term, tool=said).encode()


def _words_of(mark: str) -> str:
    kind, _, term = mark.partition(":")
    if mark == C2PA:
        return "Signed content credentials (C2PA) say where it comes from."
    if mark in TOOLS:
        return TOOLS[mark]
    words = SOURCE_TYPES.get(term, "")
    return f"{words[:-1]}, say its content credentials." if words and kind == C2PA else words


def _marks_in(part: Part, body: bytes) -> Iterator[str]:
    if part.name in _SIGNED_PARTS:
        if _is_signed(part, body):
            yield C2PA
        yield from (f"{C2PA}:{term}" for term in _terms_in(body))
        return
    text = _text_of(part, body)
    yield from (_IPTC + term for term in _terms_in(text))
    yield from (mark for sign, mark in _SIGNS if sign.search(text))


def _is_signed(part: Part, body: bytes) -> bool:
    """Whether a part begins a C2PA manifest store: a JUMBF box, in a JPEG behind the head of its segment."""
    if part.name == "APP11":
        return body.startswith(b"JP") and b"jumb" in body[:24] and b"c2pa" in body[:128]
    return b"jumb" in body[:16] and b"c2pa" in body[:128]


def _terms_in(text: bytes) -> list[str]:
    return list(dict.fromkeys(_NAMES[found[1].decode().lower()] for found in _TYPED.finditer(text)))


def _text_of(part: Part, body: bytes) -> bytes:
    """Return what a part says, unpacked as far as it is worth reading."""
    if part.name == "zTXt":
        keyword, _, rest = body.partition(b"\x00")
        return keyword + b"\x00" + _inflated(rest[1:])
    if part.name == "iTXt":
        return _international_text(body)
    return body.removeprefix(XMP_JPEG)


def _international_text(body: bytes) -> bytes:
    keyword, _, rest = body.partition(b"\x00")
    is_packed, rest = rest[:1] == b"\x01", rest[2:]
    text = rest.split(b"\x00", 2)[-1]
    return keyword + b"\x00" + (_inflated(text) if is_packed else text)


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _MOST_OF_PART)
    except zlib.error:
        return b""
