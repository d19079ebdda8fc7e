"""Celery's side of accounts."""

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore


@shared_task(name="studio.accounts.tasks.clear_sessions")
def clear_sessions() -> None:
    """Remove sessions whose time is over; they are of no use to anybody but take room."""
    SessionStore.clear_expired()
