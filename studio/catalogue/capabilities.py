"""What a model can do, as one typed value. Pure."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studio.catalogue.errors import NotOffered

COMPRESSIBLE = ("jpeg", "webp")


class Wanted(Protocol):
    """What one request asks of a model; `GenerationSpec` is one."""

    @property
    def prompt(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def background(self) -> str: ...
    @property
    def output_format(self) -> str: ...
    @property
    def compression(self) -> int | None: ...
    @property
    def moderation(self) -> str: ...
    @property
    def style(self) -> str: ...
    @property
    def input_fidelity(self) -> str: ...
    @property
    def references(self) -> Sequence[int]: ...
    @property
    def mask(self) -> int | None: ...
    @property
    def quality(self) -> str: ...
    @property
    def size(self) -> str: ...


class Capabilities(BaseModel):
    """Stored with the model as JSON; lists are in the order in which a form shows them."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", frozen=True)

    sizes: list[str] = Field(min_length=1)
    qualities: list[str] = Field(min_length=1)
    backgrounds: list[str] = ["auto"]
    formats: list[str] = ["png"]
    compression: bool = False
    moderation: list[str] = ["auto"]
    prompt_limit: int = Field(default=32_000, ge=1)
    max_n: int = Field(default=10, ge=1, le=10)
    # How many one call may ask for; more are spread over several calls.
    max_per_call: int = Field(default=10, ge=1, le=10)
    styles: list[str] = []
    edit: bool = False
    mask: bool = False
    # How many reference images an edit takes, how large each may be, and how closely it may be told to follow them.
    references: int = Field(default=0, ge=0, le=16)
    reference_megabytes: int = Field(default=25, ge=1, le=50)
    fidelity: list[str] = []
    # Whether unfinished pictures can be shown meanwhile.
    previews: bool = False

    @model_validator(mode="after")
    def _transparency_needs_a_format(self) -> Self:
        if "transparent" in self.backgrounds and not {"png", "webp"} & set(self.formats):
            raise ValueError("a transparent background needs png or webp among the formats")
        return self

    @model_validator(mode="after")
    def _editing_needs_references(self) -> Self:
        if self.edit != (self.references > 0) or ((self.mask or self.fidelity) and not self.edit):
            raise ValueError("a model that edits takes references, and only such a one has mask and fidelity")
        return self

    def check(self, wanted: "Wanted") -> None:
        """Refuse what the model cannot do, quality and size apart (those are `quote`'s); raises NotOffered."""
        if not wanted.prompt.strip() or len(wanted.prompt) > self.prompt_limit:
            raise NotOffered(field="prompt", message=f"A prompt has 1 to {self.prompt_limit:,} characters.")
        if type(wanted.n) is not int or not 1 <= wanted.n <= self.max_n:
            raise NotOffered(field="n", message=f"This model makes 1 to {self.max_n} images at once.")
        _one_of("background", wanted.background, self.backgrounds)
        _one_of("output_format", wanted.output_format, self.formats)
        _one_of("moderation", wanted.moderation, self.moderation)
        _one_of("style", wanted.style, ["", *self.styles])
        if wanted.background == "transparent" and wanted.output_format == "jpeg":
            raise NotOffered(field="output_format", message="A transparent background needs PNG or WebP.")
        if wanted.compression is not None:
            self._check_compression(wanted.compression, wanted.output_format)
        self._check_editing(wanted)

    def _check_editing(self, wanted: "Wanted") -> None:
        if len(wanted.references) > self.references:
            most = f"at most {self.references} reference images" if self.references else "no reference images"
            raise NotOffered(field="references", message=f"This model takes {most}.")
        if wanted.mask is not None and not (self.mask and wanted.references):
            message = "A mask needs a reference image." if self.mask else "This model takes no mask."
            raise NotOffered(field="mask", message=message)
        if wanted.input_fidelity and not wanted.references:
            raise NotOffered(field="input_fidelity", message="Fidelity is for reference images only.")
        _one_of("input_fidelity", wanted.input_fidelity, ["", *self.fidelity])

    def _check_compression(self, compression: int, output_format: str) -> None:
        if not self.compression or output_format not in COMPRESSIBLE:
            raise NotOffered(field="compression", message="Compression is offered for JPEG and WebP only.")
        if type(compression) is not int or not 0 <= compression <= 100:
            raise NotOffered(field="compression", message="Compression is a whole number from 0 to 100.")


def read_capabilities(stored: Any) -> Capabilities:
    """Read what a model's row holds."""
    return Capabilities.model_validate(stored)


def _one_of(field: str, value: str, choices: list[str]) -> None:
    if value not in choices:
        what = field.replace("_", " ").removeprefix("output ")
        raise NotOffered(field=field, message=f"This model does not offer this {what}.")
