"""Telling open pages."""

import logging

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from studio.live.notify import notify
from studio.teams.models import Team


def test_notification_is_sent_after_commit_by_one_query(db: None, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        notify(team_id=1, event="generation", id=2)
    assert len(callbacks) == 1


def test_failure_to_tell_is_logged_and_harms_nothing(
    team: Team, transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(execute, sql, params, many, context):
        if "pg_notify" in sql:
            sql = "select no_such_function()"
            params = None
        return execute(sql, params, many, context)

    caplog.set_level(logging.WARNING, "studio.live.notify")
    with connection.execute_wrapper(fail), transaction.atomic():
        Team.objects.filter(pk=team.pk).update(name="Renamed")
        notify(team_id=team.pk, event="members")
    assert Team.objects.get().name == "Renamed"
    assert "Open pages were not told" in caplog.text


def test_all_news_of_a_transaction_are_told_by_one_query(db: None, django_capture_on_commit_callbacks) -> None:
    with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks(execute=True):
        notify(team_id=1, event="generation", id=2)
        notify(team_id=1, event="credits")
        notify(team_id=1, event="generation", id=2)
    assert [query["sql"].count("event") for query in queries] == [2]
