"""What is done for accounts while nobody waits."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from studio.accounts.tasks import clear_sessions

pytestmark = pytest.mark.django_db


def test_clear_sessions_removes_only_what_is_over() -> None:
    now = timezone.now()
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="good", session_data="", expire_date=now + timedelta(days=1))

    clear_sessions()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["good"]
