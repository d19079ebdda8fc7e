"""Testing a connection by the cheapest authenticated call that its provider documents."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from studio.live.notify import notify
from studio.providers.adapters.base import Adapter, Answer, Check, Endpoint, HttpRequest
from studio.providers.adapters.errors import ProviderError
from studio.providers.adapters.transport import ProviderClient
from studio.providers.gateway import adapter_of, endpoint_of
from studio.providers.health import resume
from studio.providers.models import Connection, TestState

ASK_SECONDS: Final = 20.0
# Each waits in a worker's thread that the generations of all teams need as well.
MOST_AT_ONCE: Final = 10
# A test that says nothing for so long was lost with its worker.
LOST: Final = timedelta(minutes=2)


def is_running(connection: Connection) -> bool:
    """Whether a test is under way."""
    since = connection.tested_at
    return connection.test_state == TestState.RUNNING and since is not None and timezone.now() - since < LOST


def begin(connection: Connection) -> bool:
    """Note that a test begins; False if it is under way already, the connection is gone, or too many are tested."""
    now = timezone.now()
    under_way = Q(test_state=TestState.RUNNING, tested_at__gt=now - LOST)
    team_id = connection.team_id
    if team_id is not None and Connection.objects.filter(under_way, team=team_id).count() >= MOST_AT_ONCE:
        return False
    free = Connection.objects.kept().filter(pk=connection.pk).exclude(under_way)
    begun = free.update(test_state=TestState.RUNNING, tested_at=now)
    if begun:
        connection.test_state, connection.tested_at = TestState.RUNNING, now
        _tell(connection)
    return bool(begun)


def run_test(connection_id: int) -> Connection | None:
    """Test a connection and write down what that showed; None if it is gone or was changed meanwhile.

    A test that passes ends every pause. Waits for the provider without holding a database connection.
    """
    tested = Connection.objects.kept().filter(pk=connection_id).first()
    if tested is None:
        return None
    adapter, endpoint = adapter_of(tested), endpoint_of(tested)
    database.close()
    try:
        state, report, hook_secret = TestState.PASSED, *asyncio.run(_test(adapter, endpoint))
    except ProviderError as error:
        state, report, hook_secret = TestState.FAILED, _failure(error), None
    return _write_down(tested, state, report, hook_secret)


def ask_for_check(asked: Connection) -> Check:
    """Return what the cheapest call shows now and write nothing down; raises ProviderError.

    Waits for the provider without holding a database connection.
    """
    adapter, endpoint = adapter_of(asked), endpoint_of(asked)
    database.close()
    return asyncio.run(_check(adapter, endpoint))


async def _check(adapter: Adapter, endpoint: Endpoint) -> Check:
    client = ProviderClient()
    try:
        return adapter.read_check(endpoint, await _ask(client, adapter.build_check(endpoint)))
    finally:
        await client.aclose()


async def _test(adapter: Adapter, endpoint: Endpoint) -> tuple[dict[str, Any], str | None]:
    """Return the report and, where webhooks are signed with a secret of their own, that secret."""
    client = ProviderClient()
    try:
        answer = await _ask(client, adapter.build_check(endpoint))
        shown = adapter.read_check(endpoint, answer)
        report: dict[str, Any] = {
            "checked": shown.checked,
            "unchecked": shown.unchecked,
            "latency_ms": answer.elapsed_ms,
        }
        if shown.models is not None:
            report["models"] = len(shown.models)
        question = adapter.hooks.build_secret(endpoint) if adapter.hooks else None
        if adapter.hooks is None or question is None:
            return report, None
        try:
            return report, adapter.hooks.read_secret(await _ask(client, question))
        except ProviderError as error:
            # Jobs are asked for all the same, so this is no failure of the connection.
            report["webhooks"] = f"Webhooks cannot be checked for being genuine: {error.provider_message or error}"
            return report, None
    finally:
        await client.aclose()


async def _ask(client: ProviderClient, request: HttpRequest) -> Answer:
    return await client.ask(request, deadline=ASK_SECONDS, private_hosts=settings.PRIVATE_HOSTS)


def _failure(error: ProviderError) -> dict[str, Any]:
    return {"error": error.kind, "note": (error.provider_message or str(error))[:500], "status": error.status}


@transaction.atomic
def _write_down(
    tested: Connection, state: TestState, report: dict[str, Any], hook_secret: str | None
) -> Connection | None:
    connection = Connection.objects.select_for_update(no_key=True).kept().filter(pk=tested.pk).first()
    if connection is None or _what_counts(connection) != _what_counts(tested):
        return None
    connection.test_state, connection.tested_at, connection.test_report = state, timezone.now(), report
    if hook_secret:
        connection.hook_secret = hook_secret
    connection.save(update_fields=["test_state", "tested_at", "test_report", "hook_secret"])
    if state == TestState.PASSED:
        resume(connection)
    _tell(connection)
    return connection


def _tell(connection: Connection) -> None:
    if connection.team_id is not None:
        notify(team_id=connection.team_id, event="connection", id=connection.pk)


def _what_counts(connection: Connection) -> tuple[Any, ...]:
    return connection.base_url, connection.secret, connection.options
