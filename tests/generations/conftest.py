"""What generations need: a catalogue, a connection and credits."""

import pytest

from studio.catalogue.models import ImageModel
from studio.catalogue.services import sync_catalogue
from studio.ledger.services import grant, open_account
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team


@pytest.fixture
def rehearsal(db: None) -> Connection:
    """The shared rehearsal connection, with the catalogue in place and no model at its end, whatever day it is."""
    sync_catalogue()
    ImageModel.objects.update(retires_on=None)
    return create_connection(team=None, name="Rehearsal", protocol="rehearsal", actor=None)


@pytest.fixture
def credits(team: Team) -> int:
    """Credits of the team: 100."""
    open_account(team=team)
    return grant(team=team, amount=100, reason="to begin with", actor=None, key="start").amount
