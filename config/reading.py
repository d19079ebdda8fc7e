"""Typed readers over the environment that name a bad value instead of guessing."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
Number = TypeVar("Number", int, float)

_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off", ""}


class Reader:
    """Reads settings by name; each also from the file that `NAME_FILE` names."""

    def __init__(self, env: environ.FileAwareEnv) -> None:
        self._env = env

    @property
    def source(self) -> Mapping[str, str]:
        """The raw environment."""
        source: Mapping[str, str] = self._env.ENVIRON
        return source

    def text(self, name: str, *, default: str) -> str:
        """Return the text without surrounding blanks."""
        try:
            return str(self._env.str(name, default=default)).strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from error

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return a yes or no; anything unclear is refused."""
        value = self.text(name, default="1" if default else "0").lower()
        if value not in _YES | _NO:
            raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
        return value in _YES

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number between two bounds, both included."""
        value = self.text(name, default=str(default))
        number = self.check(name, lambda: int(value), "a whole number")
        return self._between(name, number, least, most)

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        """Return a number between two bounds, both included."""
        value = self.text(name, default=str(default))
        number = self.check(name, lambda: float(value), "a number")
        return self._between(name, number, least, most)

    def words(self, name: str) -> list[str]:
        """Return the comma-separated parts, none of them blank."""
        return [part.strip() for part in self.text(name, default="").split(",") if part.strip()]

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """Return one of the choices."""
        value = self.text(name, default=default)
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def web_address(self, name: str, *, default: str) -> str:
        """Return an http or https address without path and closing slash."""
        value = self.text(name, default=default).rstrip("/")
        if not value:
            return value
        parts = self.check(name, lambda: urlsplit(value), "an address such as https://atelier.example.com")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
            raise ImproperlyConfigured(f"{name} must be an address such as https://atelier.example.com, not {value!r}.")
        return value

    def check(self, name: str, read: Callable[[], T], what: str) -> T:
        """Return what `read` gives; a failure becomes a message that names the setting but not its value."""
        try:
            return read()
        except (ValueError, TypeError, environ.ImproperlyConfigured) as error:
            raise ImproperlyConfigured(f"{name} must be {what}.") from error

    @staticmethod
    def _between(name: str, number: Number, least: Number, most: Number) -> Number:
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{name} must be between {least} and {most}, not {number}.")
        return number
