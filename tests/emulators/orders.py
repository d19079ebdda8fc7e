"""What all emulators have in common about a paid request: the order, the record kept of it and its refusal."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Order:
    """One accepted request with every default filled in."""

    model: str
    prompt: str
    n: int = 1
    pixels: tuple[int, int] = (1024, 1024)
    output_format: str = "png"
    background: str = "auto"
    compression: int | None = None
    references: tuple[bytes, ...] = ()
    mask: bytes | None = None


@dataclass
class Record:
    """One paid request as the emulator saw it; `parts` names the files of a form with their types."""

    id: str
    at: float
    path: str = ""
    prompt: str = ""
    model: str = ""
    n: int = 0
    status: int = 0
    paid: int = 0
    fault: str = ""
    finished: bool = False
    done_at: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    parts: list[tuple[str, str]] = field(default_factory=list)


class Refusal(Exception):
    """A refusal before any work; each emulator puts it into its provider's own envelope."""

    def __init__(
        self,
        status: int,
        kind: str,
        code: str | int | None,
        message: str,
        param: str | None = None,
        *,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.message, self.param = status, kind, code, message, param
        self.extra = extra or {}
        self.headers = headers or {}
