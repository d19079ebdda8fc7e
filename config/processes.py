"""One process of Atelier with the settings it runs by: web, worker or scheduler."""

import importlib
import json
import socket
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.celery import app
from studio.runtime.children import spawn_python
from studio.runtime.console import complain, say
from studio.runtime.health import is_healthy
from studio.runtime.limits import raise_open_files
from studio.runtime.place import PostgresError
from studio.runtime.postgres import EmbeddedPostgres
from studio.runtime.scheduler import run_scheduler
from studio.runtime.static import COLLECT, StaticFiles
from studio.runtime.web import listen, serve
from studio.runtime.worker import run_worker

FAILED = 1
BAD_SETTING = 2


def run(role: str, *, descriptor: int | None = None) -> int:
    """Check the settings, then be `role` until told to stop; return the exit status."""
    try:
        settings.HOME  # noqa: B018  # reads every setting
    except (ImproperlyConfigured, PostgresError) as error:
        complain(str(error))
        return BAD_SETTING
    except OSError as error:
        complain(f"ATELIER_HOME cannot be used: {error.filename}: {error.strerror}.")
        return BAD_SETTING
    roles: dict[str, Callable[[], int]] = {
        "settings": _settings,
        "health": _health,
        "web": lambda: _web(descriptor),
        "worker": _worker,
        "scheduler": _scheduler,
    }
    if role in {"web", "worker", "scheduler"}:
        if not _has_database():
            return FAILED
        raise_open_files()
    return roles[role]()


def _settings() -> int:
    """Print what the supervisor needs to know."""
    known = {
        "host": settings.HOST,
        "port": settings.PORT,
        "base_url": settings.BASE_URL,
        "stop_grace": settings.STOP_GRACE,
        "embedded": not settings.DATABASE_URL,
    }
    say(json.dumps(known))
    return 0


def _health() -> int:
    return 0 if is_healthy(settings.HOST, settings.PORT, settings.BASE_URL) else FAILED


def _has_database() -> bool:
    if settings.DATABASE_URL or EmbeddedPostgres(settings.HOME).is_ready():
        return True
    complain(f"The database of {settings.HOME} does not run. Use `python -m studio run`, or set DATABASE_URL.")
    return False


def _web(descriptor: int | None) -> int:
    """Serve the pages, on the socket of the supervisor if there is one."""
    if not _collect_static():
        return FAILED
    try:
        bound = listen(settings.HOST, settings.PORT) if descriptor is None else socket.socket(fileno=descriptor)
    except OSError as error:
        complain(f"HOST={settings.HOST} PORT={settings.PORT} cannot be used: {error.strerror}.")
        return FAILED
    asgi = importlib.import_module("config.asgi")  # here, because only this process serves pages
    serve(asgi.application, bound, trusted_proxies=settings.TRUSTED_PROXIES, on_stop=asgi.stop_streams)
    return 0


def _collect_static() -> bool:
    static = StaticFiles(settings.HOME)
    if static.are_fresh():
        return True
    if spawn_python(COLLECT).wait() != 0:
        return False
    static.mark_fresh()
    return True


def _worker() -> int:
    """Make the pictures."""
    return run_worker(
        app,
        name="worker",
        queue="generations",
        concurrency=settings.WORKER_CONCURRENCY,
        grace=settings.STOP_GRACE,
    )


def _scheduler() -> int:
    """Do the upkeep."""
    return run_scheduler(app, grace=settings.STOP_GRACE)
