"""A picture in another format and size, for handing over: upright, in sRGB, with a note of what it is."""

from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.library import pixels
from studio.library.errors import BadImage
from studio.library.models import Asset, Source
from studio.library.sniff import kind_of

# What IPTC calls a picture that a trained model made.
MADE_BY_MODEL: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP_NAME: Final = "XML:com.adobe.xmp"
_PACKET: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description \
rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" \
xmlns:xmp="http://ns.adobe.com/xap/1.0/" Iptc4xmpExt:DigitalSourceType={source} \
Iptc4xmpExt:AISystemUsed={model} xmp:CreatorTool={model}/></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
_BACKGROUND: Final = (255, 255, 255)


def convert(data: bytes, *, asset: Asset, format: str, side: int | None, quality: int) -> bytes:  # noqa: A002  # the word of the form
    """Return the picture as jpeg, webp or png, at most `side` on its longer side; raises BadImage.

    Whatever a model made says so, with the model's name. JPEG has no transparency: white takes its place.
    """
    image = pixels.decode(data, kind_of(data))
    upright = pixels.shrink(image, side or max(image.size))
    return _encoded(upright, format, quality, _note_of(asset))


def _note_of(asset: Asset) -> bytes:
    """Return the XMP packet of a generated picture; nothing for one that a person brought."""
    if asset.source == Source.UPLOADED:
        return b""
    return _PACKET.format(source=quoteattr(MADE_BY_MODEL), model=quoteattr(asset.model_title)).encode()


def _encoded(image: Image.Image, kind: str, quality: int, note: bytes) -> bytes:
    buffer = BytesIO()
    try:
        if kind == "jpeg":
            _flat(image).save(buffer, "JPEG", quality=quality, progressive=True, **_xmp(note))
        elif kind == "webp":
            image.save(buffer, "WEBP", quality=quality, method=4, **_xmp(note))
        else:
            image.save(buffer, "PNG", pnginfo=_png_info(note))
    except pixels.DECODE_ERRORS as error:
        raise BadImage("This picture cannot be converted.") from error
    return buffer.getvalue()


def _flat(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, _BACKGROUND)
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _xmp(note: bytes) -> dict[str, Any]:
    return {"xmp": note} if note else {}


def _png_info(note: bytes) -> PngInfo | None:
    if not note:
        return None
    info = PngInfo()
    info.add_itxt(_XMP_NAME, note.decode())
    return info
