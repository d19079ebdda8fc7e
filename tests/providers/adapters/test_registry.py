"""What the shipped catalogue offers can be asked of the adapter that it names."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from studio.catalogue.files import ModelEntry, read_catalogue
from studio.catalogue.services import SHIPPED
from studio.providers.adapters.base import Endpoint, ImageRequest
from studio.providers.adapters.registry import ADAPTERS
from tests.providers.adapters.parts import picture

ENTRIES = read_catalogue(sorted(SHIPPED.glob("*.toml")))


def plain(entry: ModelEntry) -> ImageRequest:
    return ImageRequest(model=entry.remote_name, prompt="x" * entry.prompt_limit, n=entry.max_per_call)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.slug)
def test_every_choice_of_a_model_can_be_asked(entry: ModelEntry) -> None:
    adapter = ADAPTERS[entry.protocol]
    endpoint = Endpoint(entry.protocol, adapter.default_base_url, "sk-0123456789", options={"account_id": "0a1b"})
    styles = ["", *entry.styles]
    choices = product(entry.qualities, entry.sizes, entry.backgrounds, entry.formats, entry.moderation, styles)

    for quality, size, background, output_format, moderation, style in choices:
        if (background, output_format) == ("transparent", "jpeg"):
            continue
        request = replace(
            plain(entry),
            quality=quality,
            size=size,
            background=background,
            output_format=output_format,
            moderation=moderation,
            style=style,
            compression=80 if entry.compression and output_format != "png" else None,
        )
        assert adapter.build_request(endpoint, request).body


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.edit], ids=lambda entry: entry.slug)
def test_every_edit_of_a_model_can_be_asked(entry: ModelEntry, tmp_path: Path) -> None:
    adapter = ADAPTERS[entry.protocol]
    endpoint = Endpoint(entry.protocol, adapter.default_base_url, "sk-0123456789", options={"account_id": "0a1b"})
    most = tuple(picture(tmp_path) for _ in range(entry.references))

    for references, fidelity in product((most[:1], most), ("", *entry.fidelity)):
        uploaded = tuple(f"https://uploads.example/{number}" for number in range(len(references)))
        request = replace(
            plain(entry),
            quality=entry.qualities[0],
            size=entry.sizes[0],
            references=references,
            uploaded=uploaded if adapter.uploads else (),
            mask=picture(tmp_path) if entry.mask else None,
            input_fidelity=fidelity,
        )
        assert adapter.build_request(endpoint, request).body
