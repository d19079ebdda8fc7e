"""The audit trail: written once, never changed."""

import pytest
from django.db import IntegrityError, transaction

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.audit.services import record
from studio.teams.models import Team


def test_record_adds_a_line(team: Team, owner: User) -> None:
    event = record(
        action=Action.TEAM_RENAMED, team_id=team.pk, actor_id=owner.pk, subject="x" * 300, data={"from": "Halden"}
    )

    event.refresh_from_db()
    assert (event.action, event.team, event.actor) == ("team.renamed", team, owner)
    assert (event.subject, event.data) == ("x" * 200, {"from": "Halden"})


def test_record_without_team_and_actor(db: None) -> None:
    event = record(action=Action.INSTALLATION_SET_UP, team_id=None, actor_id=None)
    assert AuditEvent.objects.get().pk == event.pk


@pytest.mark.parametrize("change", [lambda rows: rows.update(subject="changed"), lambda rows: rows.delete()])
def test_database_refuses_to_change_a_line(db: None, change: object) -> None:
    record(action=Action.INSTALLATION_SET_UP, team_id=None, actor_id=None, subject="as it was")
    assert callable(change)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        change(AuditEvent.objects.all())
    assert AuditEvent.objects.get().subject == "as it was"


def test_line_goes_with_the_transaction_it_tells_about(db: None) -> None:
    with transaction.atomic():
        record(action=Action.INSTALLATION_SET_UP, team_id=None, actor_id=None)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == 0
