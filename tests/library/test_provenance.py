"""Marks of origin: found in what was received, carried by what is made here."""

import re
import zlib
from io import BytesIO
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from django.core.files.storage import default_storage
from PIL import Image

from studio.library import provenance
from studio.library.containers import jpeg_segment, png_chunk, riff, webp_chunk, with_xmp
from studio.library.models import Asset, Source
from studio.library.provenance import described, marked, marks_in_original, marks_of, packet_for
from studio.library.sniff import kind_of
from studio.library.store import check_image, make_preview, put_image
from studio.teams.models import Team
from tests.factories import make_asset
from tests.library import corpus

KEY = UUID("0b0e7a40-1111-4222-8333-444455557777")
TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def signed(kind: str, inside: bytes = b"") -> bytes:
    """A picture that carries content credentials."""
    plain = corpus.encoded(corpus.picture(), kind)
    store = corpus.jumbf(inside)
    if kind == "PNG":
        return plain[:33] + png_chunk(b"caBX", store) + plain[33:]
    if kind == "JPEG":
        return plain[:20] + jpeg_segment(0xEB, b"JP\x00\x01\x00\x00\x00\x01" + store) + plain[20:]
    return riff([plain[12:], webp_chunk(b"C2PA", store)])


def xmp_of_picture(data: bytes) -> ET.Element:
    """Read the packet with a reader of its own and a real XML parser."""
    image = Image.open(BytesIO(data))
    image.load()
    raw = image.info["xmp"]
    description = ET.fromstring(raw).find(".//rdf:Description", NAMESPACES)  # noqa: S314  # our own packet
    assert description is not None
    return description


@pytest.mark.parametrize("kind", KINDS)
def test_content_credentials_are_found(kind: str) -> None:
    assert marks_of(signed(kind), KINDS[kind]) == ["c2pa"]


@pytest.mark.parametrize("kind", KINDS)
def test_source_type_in_content_credentials_is_found(kind: str) -> None:
    claim = b"qdigitalSourceTypexF" + TYPE.encode() + b"trainedAlgorithmicMedia"
    assert marks_of(signed(kind, claim), KINDS[kind]) == ["c2pa", "c2pa:trainedAlgorithmicMedia"]


@pytest.mark.parametrize(
    ("xmp", "term"),
    [
        (f'<a Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"/>', "trainedAlgorithmicMedia"),
        (f"<a:DigitalSourceType>{TYPE}digitalCapture</a:DigitalSourceType>", "digitalCapture"),
        ("<a:DigitalSourceType>\n  compositeSynthetic\n</a:DigitalSourceType>", "compositeSynthetic"),
        (f'<a:DigitalSourceType rdf:resource="{TYPE}algorithmicMedia"/>', "algorithmicMedia"),
        (
            f"<a DigitalSourceType='{TYPE}compositeWithTrainedAlgorithmicMedia'/>",
            "compositeWithTrainedAlgorithmicMedia",
        ),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_source_type_of_iptc_is_found(kind: str, xmp: str, term: str) -> None:
    data = with_xmp(corpus.encoded(corpus.picture(), kind), KINDS[kind], xmp.encode())
    assert marks_of(data, KINDS[kind]) == [f"iptc:{term}"]


def test_packed_xmp_is_read() -> None:
    text = f'<a DigitalSourceType="{TYPE}trainedAlgorithmicMedia"/>'.encode()
    body = b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(text)
    assert marks_of(corpus.with_chunk(corpus.png(), b"iTXt", body), "image/png") == ["iptc:trainedAlgorithmicMedia"]


@pytest.mark.parametrize(
    ("name", "body", "mark"),
    [
        (b"tEXt", b"parameters\x00a cat\nSteps: 20, Sampler: Euler a", "tool:stable-diffusion"),
        (b"tEXt", b'prompt\x00{"3": {"class_type": "KSampler"}}', "tool:comfyui"),
        (b"tEXt", b"invokeai_metadata\x00{}", "tool:invokeai"),
        (b"tEXt", b"Software\x00NovelAI", "tool:novelai"),
        (b"zTXt", b"Comment\x00\x00" + zlib.compress(b"Made with Google AI"), "tool:google-ai"),
        (b"tEXt", b'AIGC\x00{"Label": "1"}', "tool:aigc"),
    ],
)
def test_notes_of_generators_are_found(name: bytes, body: bytes, mark: str) -> None:
    assert marks_of(corpus.with_chunk(corpus.png(), name, body), "image/png") == [mark]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.png(), id="plain"),
        pytest.param(corpus.with_metadata("c2pa DigitalSourceType"), id="words without meaning"),
        pytest.param(corpus.with_chunk(corpus.png(), b"caBX", b"jumb without a label"), id="no manifest"),
        pytest.param(corpus.with_chunk(corpus.png(), b"zTXt", b"Comment\x00\x00no zlib"), id="broken packing"),
        pytest.param(corpus.with_chunk(corpus.png(), b"iTXt", b""), id="empty"),
        pytest.param(corpus.png() + b'DigitalSourceType="trainedAlgorithmicMedia"', id="after the end"),
        pytest.param(
            corpus.with_chunk(corpus.png(), b"tEXt", b"a\x00" + b'<!ENTITY a "&b;&b;">' * 1000), id="entities"
        ),
    ],
)
def test_what_is_no_mark_is_none(data: bytes) -> None:
    assert marks_of(data, "image/png") == []


def test_text_bomb_is_unpacked_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []
    inflate = provenance._inflated

    def measured(packed: bytes) -> bytes:
        unpacked.append(len(inflate(packed)))
        return b""

    monkeypatch.setattr(provenance, "_inflated", measured)
    assert marks_of(corpus.compressed_text_bomb(), "image/png") == []
    assert unpacked == [256 * 1024]


def test_reading_ends_after_some_megabytes() -> None:
    filler = corpus.chunk(b"tEXt", b"a\x00" + bytes(256 * 1024)) * 16
    late = corpus.chunk(b"tEXt", b"Software\x00NovelAI")
    plain = corpus.png()
    assert marks_of(plain[:33] + filler + late + plain[33:], "image/png") == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_packet_is_put_in_without_a_change_of_a_pixel(kind: str, mode: str) -> None:
    mode = "RGB" if kind == "JPEG" and mode == "RGBA" else mode
    plain = corpus.encoded(corpus.picture(mode, (97, 65)), kind)
    packet = packet_for(source=Source.GENERATED, model_title='GPT "Image" <2> & Söhne\x07')
    data = marked(plain, KINDS[kind], packet)
    kind_of(data).check(data)
    before, after = Image.open(BytesIO(plain)), Image.open(BytesIO(data))
    assert (before.mode, before.size, before.tobytes()) == (after.mode, after.size, after.tobytes())
    said = xmp_of_picture(data)
    assert said.get(f"{{{NAMESPACES['ext']}}}DigitalSourceType") == f"{TYPE}trainedAlgorithmicMedia"
    assert said.get(f"{{{NAMESPACES['ext']}}}AISystemUsed") == 'GPT "Image" <2> & Söhne'
    assert said.get(f"{{{NAMESPACES['xmp']}}}CreatorTool") == 'GPT "Image" <2> & Söhne'
    assert marks_of(data, KINDS[kind]) == ["iptc:trainedAlgorithmicMedia"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_webp_takes_a_packet(mode: str) -> None:
    plain = corpus.encoded(corpus.picture(mode, (97, 65)), "WEBP", lossless=True, exact=True)
    data = marked(plain, "image/webp", packet_for(source=Source.EDITED, model_title="Two"))
    after = Image.open(BytesIO(data))
    assert (after.mode, after.size) == (mode, (97, 65))
    assert after.tobytes() == Image.open(BytesIO(plain)).tobytes()
    assert marks_of(data, "image/webp") == ["iptc:compositeWithTrainedAlgorithmicMedia"]


def test_upload_claims_only_what_it_said() -> None:
    assert packet_for(source=Source.UPLOADED, model_title="", marks=["c2pa", "tool:comfyui"]) == b""
    said = packet_for(source=Source.UPLOADED, model_title="", marks=["c2pa", "iptc:digitalCapture"])
    assert b"digitalsourcetype/digitalCapture" in said
    assert b"AISystemUsed" not in said
    assert marked(b"the very bytes", "image/png", b"") == b"the very bytes"


def test_marks_of_a_generated_original_are_kept_and_its_smaller_versions_say_what_made_them(team: Team) -> None:
    data = signed("PNG")
    asset = make_asset(team, data=data)
    make_preview(asset)
    asset.refresh_from_db()
    with default_storage.open(asset.original_name) as original, default_storage.open(asset.preview_name) as preview:
        assert original.read() == data
        assert marks_of(preview.read(), "image/webp") == ["iptc:trainedAlgorithmicMedia"]
    assert asset.marks == ["c2pa"]
    assert marks_in_original(asset) == ["c2pa"]


def test_thumbnail_says_what_made_it(media: Path) -> None:
    checked = check_image(corpus.png())
    packet = packet_for(source=Source.GENERATED, model_title="GPT Image 2")
    put_image(team_id=7, file_key=KEY, checked=checked, data=corpus.png(), packet=packet)
    thumb = (media / f"thumbs/7/0b/{KEY}.webp").read_bytes()
    assert checked.thumbnail is not None
    assert marks_of(thumb, "image/webp") == ["iptc:trainedAlgorithmicMedia"]
    assert len(thumb) - len(checked.thumbnail) < 800


def test_original_of_an_upload_keeps_the_label_and_loses_the_signature_where_notes_were_taken_out() -> None:
    asset = Asset(source=Source.UPLOADED, marks=["c2pa", "iptc:digitalArt"], received_size=9)
    assert marks_in_original(asset) == ["iptc:digitalArt"]
    assert marks_in_original(Asset(source=Source.UPLOADED, marks=["c2pa"], received_size=9)) == []


def test_every_mark_has_words_and_fits_its_column() -> None:
    names = [
        "c2pa",
        *provenance.TOOLS,
        *(f"{kind}:{term}" for kind in ("iptc", "c2pa") for term in provenance.SOURCE_TYPES),
    ]
    said = described(names)
    assert [one.name for one in said] == names
    assert all(re.fullmatch(r"[A-Z].+\.", one.text) for one in said)
    assert max(map(len, names)) <= 60
    assert described(["made-up", "iptc:nothing"]) == []
