"""Makes submissions for tests."""

import uuid
from typing import Any

from studio.accounts.models import User
from studio.catalogue.pricing import quote
from studio.catalogue.queries import find_offer
from studio.generations.models import Generation
from studio.generations.services import start_generation
from studio.generations.spec import GenerationSpec
from studio.teams.models import Team

SPEC = GenerationSpec(
    model_slug="rehearsal",
    prompt="Three paper boats on a still pond",
    n=2,
    quality="low",
    size="1024x1024",
    background="auto",
    output_format="png",
)


def spec(**changes: Any) -> GenerationSpec:
    """Return a request for two rehearsal pictures, changed where told."""
    return GenerationSpec.from_json(SPEC.to_json() | changes)


def submit(team: Team, actor: User, *, key: uuid.UUID | None = None, **changes: Any) -> Generation:
    """Submit a request at its price of now."""
    asked = spec(**changes)
    offer = find_offer(team, asked.model_slug)
    price = quote(model=offer.priced, quality=asked.quality, size=asked.size, n=asked.n)
    return start_generation(team=team, actor=actor, spec=asked, key=key or uuid.uuid4(), quoted=price.total)
