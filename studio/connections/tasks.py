"""Celery's side of the connections page."""

from celery import shared_task

from studio.providers.testing import run_test


@shared_task(name="studio.connections.tasks.test_connection")
def test_connection(connection_id: int) -> None:
    """Ask the provider whether the connection works."""
    run_test(connection_id)
