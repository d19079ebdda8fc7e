"""What was asked for, in one frozen value: forms and the API both end here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class GenerationSpec:
    """One request as a person made it; `compression` is a percentage and None where the format has none.

    `references` and `mask` are assets of the team; with references it is an edit.
    """

    model_slug: str
    prompt: str
    n: int
    quality: str
    size: str
    background: str
    output_format: str
    compression: int | None = None
    moderation: str = "auto"
    style: str = ""
    input_fidelity: str = ""
    references: tuple[int, ...] = ()
    mask: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form that a generation stores."""
        return {**asdict(self), "references": list(self.references)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the value that `to_json` stored."""
        return cls(**{**stored, "references": tuple(stored.get("references", ()))})

    @property
    def inputs(self) -> tuple[int, ...]:
        """The pictures that go along: the references, then the mask."""
        return self.references if self.mask is None else (*self.references, self.mask)

    @property
    def is_edit(self) -> bool:
        """Whether it is made from other pictures."""
        return bool(self.references)

    def fingerprint(self) -> str:
        """Return a hash that two requests share only if they ask for the same."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()
