"""Money for the tests of the ledger."""

import pytest

from studio.accounts.models import User
from studio.ledger.services import top_up
from studio.teams.models import Team


@pytest.fixture
def funded(team: Team, owner: User) -> Team:
    """`team` with 10 credits."""
    top_up(team=team, amount=10, actor=owner, reference="INV-1", note="First", key="first")
    return team
