"""The operator looks at money and cannot touch it."""

import uuid

import pytest
from django.urls import reverse

from studio.accounts.models import User
from studio.ledger.models import Entry, Hold
from studio.ledger.services import reserve
from studio.teams.models import Team
from tests.conftest import ClientOf

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["creditaccount", "entry", "hold"])
def test_lists_and_rows_are_read_only(model: str, funded: Team, operator: User, client_of: ClientOf) -> None:
    reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=1, actor_id=None, note="")
    pk = {"creditaccount": funded.pk, "entry": Entry.objects.get().pk, "hold": Hold.objects.get().pk}[model]
    client = client_of(operator)
    assert client.get(reverse(f"admin:ledger_{model}_changelist")).status_code == 200
    row = reverse(f"admin:ledger_{model}_change", args=[pk])
    assert client.get(row).status_code == 200
    assert client.post(row, {"amount": 5}).status_code == 403
    assert client.get(reverse(f"admin:ledger_{model}_add")).status_code == 403
    assert client.post(reverse(f"admin:ledger_{model}_delete", args=[pk]), {"post": "yes"}).status_code == 403
