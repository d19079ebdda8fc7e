"""What an attempt asks the provider for: its settings, and the pictures that go along."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.core.files.storage import default_storage

from studio.generations.claiming import previews_of
from studio.generations.engine import let_go_of_database
from studio.generations.hook_address import hook_url
from studio.generations.models import Attempt
from studio.generations.spec import GenerationSpec
from studio.generations.spool import forget, spool_path
from studio.library.errors import StoreDown
from studio.library.models import Asset
from studio.providers.adapters.base import ImageRequest, InputImage
from studio.providers.adapters.errors import NotReady, Unsupported
from studio.providers.gateway import adapter_of, user_reference

GONE = "A reference image is no longer in the library. Choose another one."
STORE_AWAY = "The place where pictures are kept does not answer. It is tried again."


def request_of(attempt: Attempt) -> ImageRequest:
    """Return what is asked, without the pictures: all that is needed to read the answer."""
    generation = attempt.generation
    spec = GenerationSpec.from_json(generation.spec)
    return ImageRequest(
        model=attempt.via.remote_name,
        prompt=spec.prompt,
        n=attempt.images,
        size=spec.size,
        quality=spec.quality,
        background=spec.background,
        output_format=spec.output_format,
        compression=spec.compression,
        moderation=spec.moderation,
        style=spec.style,
        input_fidelity=spec.input_fidelity,
        uploaded=tuple(attempt.uploaded),
        previews=_previews(attempt),
        call_id=attempt.call_id.hex,
        hook_url=hook_url(attempt.connection),
        user_reference=user_reference(generation.author_id),
    )


@contextmanager
def with_inputs(request: ImageRequest, attempt: Attempt) -> Iterator[ImageRequest]:
    """Put the pictures that go along on disk meanwhile and return the request with them.

    Raises Unsupported for one that is gone, and NotReady where the store does not answer.
    """
    spec = GenerationSpec.from_json(attempt.generation.spec)
    wanted = spec.inputs
    if not wanted:
        yield request
        return
    assets = Asset.objects.filter(team=attempt.generation.team_id).unpurged().in_bulk(wanted)
    form = _forms_refused(attempt)
    let_go_of_database()  # the store may be far away
    paths = [spool_path(attempt.token, f"input{number}") for number in range(len(wanted))]
    try:
        inputs = [_put_down(assets.get(pk), path) for pk, path in zip(wanted, paths, strict=True)]
        references = tuple(inputs[: len(spec.references)])
        mask = inputs[-1] if spec.mask is not None else None
        yield replace(request, references=references, mask=mask, form=form)
    finally:
        for path in paths:
            forget(path)


def _put_down(asset: Asset | None, path: Path) -> InputImage:
    if asset is None:
        raise Unsupported(GONE, designer_message=GONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with default_storage.open(asset.original_name) as stored, path.open("wb") as file:
            shutil.copyfileobj(stored, file)
    except FileNotFoundError as error:
        raise Unsupported(GONE, designer_message=GONE) from error
    except StoreDown as error:
        raise NotReady(STORE_AWAY, designer_message=STORE_AWAY) from error
    name = f"image-{asset.pk}{Path(asset.original_name).suffix}"
    return InputImage(path=path, size=path.stat().st_size, content_type=asset.content_type, name=name)


def _previews(attempt: Attempt) -> int:
    """How many unfinished pictures to ask for; only calls for one picture show them."""
    return previews_of(attempt.connection.options, attempt.via.capabilities) if attempt.images == 1 else 0


def forms_of(attempt: Attempt) -> int:
    """Return how many ways there are to ask this connection for what the generation wants."""
    references = len(GenerationSpec.from_json(attempt.generation.spec).references)
    return adapter_of(attempt.connection).forms(attempt.via.remote_name, references)


def _forms_refused(attempt: Attempt) -> int:
    """How many ways of asking this connection has refused; beyond the last way the first one is as good as any."""
    refused = attempt.generation.attempts.filter(
        connection=attempt.connection_id, error_kind="invalid_request", number__lt=attempt.number
    )
    return min(refused.values("fence").distinct().count(), forms_of(attempt) - 1)
