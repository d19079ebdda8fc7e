"""What a protocol can be asked for at all; what each model can do is the catalogue's to say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.providers.adapters.asking import PICTURES, unsupported
from studio.providers.adapters.base import ImageRequest, InputImage

MEGABYTE = 1_000_000
# What happens where a protocol has no such option, so asking for it asks for nothing.
UNASKED: Mapping[str, str] = {"background": "auto", "output_format": "png", "moderation": "auto"}
_OPTIONS = ("quality", "background", "output_format", "moderation", "style", "input_fidelity")


@dataclass(frozen=True)
class Offer:
    """The values that one kind of call takes; an option without values is not offered there."""

    sizes: re.Pattern[str]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    prompt_limit: int = 32_000
    images: int = 1
    compression: bool = False
    references: int = 0
    reference_bytes: int = 50 * MEGABYTE
    mask: bool = False
    mask_bytes: int = 4 * MEGABYTE

    def check(self, request: ImageRequest) -> None:
        """Refuse what cannot be asked, so that nothing is ever changed in silence; raises Unsupported."""
        if not request.prompt.strip() or len(request.prompt) > self.prompt_limit:
            raise unsupported(f"The prompt must have 1 to {self.prompt_limit:,} characters.")
        if not 1 <= request.n <= self.images:
            many = f"1 to {self.images} images" if self.images > 1 else "one image"
            raise unsupported(f"One call makes {many}.")
        if request.size and not self.sizes.fullmatch(request.size):
            raise unsupported("This size is not offered.")
        for name in _OPTIONS:
            self._check_option(name, getattr(request, name))
        self._check_format(request)
        self._check_pictures(request)

    def chosen(self, request: ImageRequest, *names: str) -> dict[str, str]:
        """Return those of the named options that were chosen and that this kind of call has."""
        has = ("size", *self.values)
        return {name: getattr(request, name) for name in names if name in has and getattr(request, name)}

    def _check_option(self, name: str, value: str) -> None:
        if not value or value in self.values.get(name, ()):
            return
        if name in self.values or value != UNASKED.get(name):
            raise unsupported(f"This {name.replace('_', ' ')} is not offered.")

    def _check_format(self, request: ImageRequest) -> None:
        if request.compression is not None:
            if not self.compression:
                raise unsupported("Compression is not offered.")
            if not 0 <= request.compression <= 100:
                raise unsupported("Compression must be between 0 and 100.")
        if request.background == "transparent" and request.output_format == "jpeg":
            raise unsupported("JPEG cannot be transparent. Choose PNG or WebP.")

    def _check_pictures(self, request: ImageRequest) -> None:
        if len(request.references) > self.references:
            most = f"at most {self.references} reference pictures" if self.references else "no reference pictures"
            raise unsupported(f"This provider takes {most}.")
        if request.mask and not (self.mask and request.references):
            raise unsupported("A mask is not offered here." if not self.mask else "A mask needs a reference picture.")
        if request.input_fidelity and not request.references:
            raise unsupported("Input fidelity needs a reference picture.")
        for image in request.references:
            _check_picture(image, self.reference_bytes)
        if request.mask:
            _check_picture(request.mask, self.mask_bytes)
            if request.mask.content_type != "image/png":
                raise unsupported("A mask must be a PNG file.")


def _check_picture(image: InputImage, limit: int) -> None:
    if image.content_type not in PICTURES:
        raise unsupported("Reference pictures must be PNG, JPEG or WebP files.")
    if not 0 < image.size < limit:
        raise unsupported(f"A picture that is sent along must be smaller than {limit // MEGABYTE} MB.")
