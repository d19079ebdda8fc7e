"""The operator looks at usage and cannot touch it."""

import pytest
from django.urls import reverse

from studio.accounts.models import User
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.usage.test_services import record

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_invariants]  # records of outputs that are made up


def test_usage_is_read_only(team: Team, member: User, operator: User, client_of: ClientOf) -> None:
    row = reverse("admin:usage_usagerecord_change", args=[record(team, member).pk])
    client = client_of(operator)
    assert client.get(reverse("admin:usage_usagerecord_changelist")).status_code == 200
    assert client.get(row).status_code == 200
    assert client.post(row, {"credits": 5}).status_code == 403
    assert client.get(reverse("admin:usage_usagerecord_add")).status_code == 403
