"""What a model can do, as one typed value. Pure."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studio.catalogue.errors import NotOffered

COMPRESSIBLE = ("jpeg", "webp")


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

    def check(
        self, *, prompt: str, n: int, background: str, output_format: str, compression: int | None, moderation: str
    ) -> None:
        """Refuse what the model cannot do, quality and size apart (those are `quote`'s); raises NotOffered."""
        if not prompt.strip() or len(prompt) > self.prompt_limit:
            raise NotOffered(field="prompt", message=f"A prompt has 1 to {self.prompt_limit:,} characters.")
        if type(n) is not int or not 1 <= n <= self.max_n:
            raise NotOffered(field="n", message=f"This model makes 1 to {self.max_n} images at once.")
        _one_of("background", background, self.backgrounds)
        _one_of("output_format", output_format, self.formats)
        _one_of("moderation", moderation, self.moderation)
        if background == "transparent" and output_format == "jpeg":
            raise NotOffered(field="output_format", message="A transparent background needs PNG or WebP.")
        if compression is not None:
            self._check_compression(compression, output_format)

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
