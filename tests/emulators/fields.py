"""The fields of one request, each read to the letter; forms carry numbers as text and JSON does not."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.forms import Form, Unreadable
from tests.emulators.orders import Refusal

# Makes the provider's refusal of one field: its name and what is wrong with it.
Invalid = Callable[[str, str], Refusal]


@dataclass(frozen=True)
class Fields:
    """What a client sent, with the provider's way to refuse it."""

    values: Mapping[str, Any]
    invalid: Invalid
    is_form: bool = False

    def only(self, allowed: Collection[str]) -> None:
        """Refuse every field that is not listed."""
        for name in self.values:
            if name not in allowed:
                raise self.invalid(name, f"Unknown parameter: '{name}'.")

    def text(self, name: str, *, most: int | None = None, required: bool = False) -> str | None:
        """Return a text of at least one character."""
        value = self.values.get(name)
        if name not in self.values and not required:
            return None
        if not isinstance(value, str) or not value:
            raise self.invalid(name, f"'{name}' is required and must be a text.")
        if most is not None and len(value) > most:
            raise self.invalid(name, f"'{name}' may have at most {most} characters.")
        return value

    def required(self, name: str, *, most: int | None = None) -> str:
        """Return a text that has to be there."""
        return self.text(name, most=most, required=True) or ""

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """Return one of the allowed words."""
        value = self.values.get(name, default)
        if name in self.values and (not isinstance(value, str) or value not in allowed):
            raise self.invalid(name, f"'{name}' must be one of {', '.join(sorted(allowed))}.")
        return str(value)

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number."""
        if name not in self.values:
            return default
        value = self.values[name]
        if self.is_form and isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.invalid(name, f"'{name}' must be a whole number from {least} to {most}.")
        return value


def form_fields(form: Form, invalid: Invalid) -> Fields:
    """Return the fields of a form, none of which may come twice."""
    values = dict(form.fields)
    if len(values) != len(form.fields):
        raise Unreadable("A field of the form comes twice.")
    return Fields(values, invalid, is_form=True)


def pixels_of(size: str) -> tuple[int, int]:
    """Return width and height; `auto` becomes a square (our choice)."""
    width, _, height = size.partition("x")
    return (1024, 1024) if size == "auto" else (int(width), int(height))


def is_free_size(size: str) -> bool:
    """Tell whether gpt-image-2 and later take a size: edges of 16, 1:3 to 3:1, 0.66 to 8.3 megapixels."""
    match = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", size)
    if not match:
        return False
    short, long = sorted((int(match[1]), int(match[2])))
    return short % 16 == 0 and long % 16 == 0 and long <= min(3840, 3 * short) and 655_360 <= short * long <= 8_294_400
