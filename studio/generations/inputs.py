"""The pictures that go along with a prompt: references and a mask, of the team's library or just uploaded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from studio.accounts.models import User
from studio.catalogue.capabilities import Capabilities
from studio.core.errors import StudioError
from studio.core.keys import read_key
from studio.library.intake import add_upload, clean_file_name
from studio.library.models import Asset
from studio.teams.models import Team

Files = MultiValueDict[str, "UploadedFile[Any]"]

# More than this no model takes.
MOST_REFERENCES: Final = 16
MASK_MEGABYTES: Final = 4

_MEGABYTE: Final = 1_000_000
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TOO_MANY: Final = f"Up to {MOST_REFERENCES} reference images go along. What was too many was left out."
_MASK_TYPE: Final = "A mask is a PNG whose transparent parts say what is drawn anew."
_MASK_WEIGHT: Final = f"A mask is smaller than {MASK_MEGABYTES} MB."


@dataclass(frozen=True, slots=True)
class Inputs:
    """The pictures of one form, and what could not be taken, by the form's field."""

    references: Sequence[Asset] = ()
    mask: Asset | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


def find_inputs(team: Team, references: Iterable[int], mask: int | None) -> Inputs:
    """Find pictures by their ids, in at most one query; what is not in the library any more is named as a problem."""
    ids = list(dict.fromkeys(references))
    wanted = ids if mask is None else [*ids, mask]
    found = Asset.objects.for_team(team).unpurged().for_tiles().in_bulk(wanted) if wanted else {}
    problems = {}
    if any(pk not in found for pk in ids):
        problems["references"] = "A reference image is no longer in the library. Choose another."
    if mask is not None and mask not in found:
        problems["mask"] = "The mask is no longer in the library. Choose another."
    return Inputs([found[pk] for pk in ids if pk in found], None if mask is None else found.get(mask), problems)


def take_inputs(*, team: Team, actor: User, post: QueryDict, files: Files) -> Inputs:
    """Read the pictures that a form names, and bring those that came with it into the library.

    `reference` and `mask_asset` name what the form has, `pick` and `pick_mask` what is added from the library, and
    `take_out` what is taken out of the form. Not inside a transaction.
    """
    removed = set(post.getlist("take_out"))
    named = [value for value in (*post.getlist("reference"), *post.getlist("pick")) if value not in removed]
    ids = list(dict.fromkeys(read_key(value) or 0 for value in named))
    sent = files.getlist("references")
    problems = [_TOO_MANY] if len(ids) + len(sent) > MOST_REFERENCES else []
    ids = ids[:MOST_REFERENCES]
    for file in sent[: MOST_REFERENCES - len(ids)]:
        pk, problem = _upload(team, actor, file)
        ids += [pk] if pk else []
        problems += [problem] if problem else []
    mask, mask_problem = _read_mask(team, actor, post, files)
    found = find_inputs(team, ids, mask)
    said = {
        "references": " ".join([*problems, found.problems.get("references", "")]).strip(),
        "mask": mask_problem or found.problems.get("mask", ""),
    }
    return Inputs(found.references, found.mask, {name: text for name, text in said.items() if text})


def refusals(inputs: Inputs, model: Capabilities, title: str) -> dict[str, str]:
    """Say why a model would not take these pictures, by the form's field; empty where it does."""
    said = {"references": _references_refusal(inputs, model, title), "mask": _mask_refusal(inputs, model, title)}
    return {name: text for name, text in said.items() if text}


def _read_mask(team: Team, actor: User, post: QueryDict, files: Files) -> tuple[int | None, str]:
    file = files.get("mask")
    if file is not None:
        refusal = _mask_file_refusal(file)
        return (None, refusal) if refusal else _upload(team, actor, file)
    named = post.get("pick_mask") or post.get("mask_asset")
    return (read_key(named) or 0 if named and "mask" not in post.getlist("take_out") else None), ""


def _mask_file_refusal(file: "UploadedFile[Any]") -> str:
    """Refuse what is no mask by its first bytes, before it becomes a picture of the library."""
    if (file.size or 0) >= MASK_MEGABYTES * _MEGABYTE:
        return _MASK_WEIGHT
    head = file.read(len(_PNG))
    file.seek(0)
    return "" if head == _PNG else _MASK_TYPE


def _upload(team: Team, actor: User, file: "UploadedFile[Any]") -> tuple[int | None, str]:
    """Add one file and return the picture it became, or what is wrong with it, which harms no other."""
    name = clean_file_name(file.name or "")
    try:
        return add_upload(team=team, actor=actor, file=file, file_name=name).asset.pk, ""
    except StudioError as error:
        return None, f"{name}: {error.message}" if name else error.message


def _references_refusal(inputs: Inputs, model: Capabilities, title: str) -> str:
    number, most = len(inputs.references), model.references
    if number and not most:
        return f"{title} takes no reference images. Remove them, or choose another model."
    if number > most:
        return f"{title} takes at most {most} reference image{'' if most == 1 else 's'}. Remove {number - most}."
    limit = model.reference_megabytes
    for position, asset in enumerate(inputs.references, start=1):
        if asset.size >= limit * _MEGABYTE:
            return f"{title} takes reference images below {limit} MB. Image {position} is larger."
    return ""


def _mask_refusal(inputs: Inputs, model: Capabilities, title: str) -> str:
    mask = inputs.mask
    if mask is None:
        return ""
    if not model.mask:
        return f"{title} takes no mask. Remove it, or choose another model."
    if not inputs.references:
        return "A mask needs a reference image."
    return _mask_flaw(mask, inputs.references[0])


def _mask_flaw(mask: Asset, first: Asset) -> str:
    if mask.content_type != "image/png" or not mask.has_alpha:
        return _MASK_TYPE
    if mask.size >= MASK_MEGABYTES * _MEGABYTE:
        return _MASK_WEIGHT
    if (mask.width, mask.height) != (first.width, first.height):
        measures = f"{mask.width} × {mask.height} pixels, the first reference image {first.width} × {first.height}"
        return f"The mask has {measures}. Both need the same size."
    return ""
