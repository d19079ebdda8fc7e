"""What the installations of one test run share: a database to copy, keys, collected static files, the emulator."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from cryptography.fernet import Fernet

from tests.crash.processes import run_python
from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY

EMAIL, PASSWORD = "maya@halden.example", "drei Farben, ein Blau"
TEAM = "halden-co"
CREDITS = 1000

_PREPARE = """
import sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from studio.runtime.static import StaticFiles
call_command("migrate", "--noinput", verbosity=0)
call_command("prepare")
call_command("add_connection", "--shared", "--protocol=openai", "--name=OpenAI", "--base-url=" + sys.argv[1],
    "--secret-env=EMULATOR_KEY")
call_command("collectstatic", "--noinput", verbosity=0)
StaticFiles(settings.HOME).mark_fresh()
"""


class Stage:
    """A migrated database with its first team, made once on a server and copied for every installation."""

    def __init__(self, server: str, emulator: EmulatorControl, home: Path) -> None:
        self.server = server
        self.emulator = emulator
        self.home = home
        self._keys = {"SECRET_KEY": uuid.uuid4().hex * 2, "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
        self._template = self._new_database()
        environment = self.environment(home, self._template) | {"EMULATOR_KEY": KEY}
        done = run_python("-c", _PREPARE, emulator.base_url, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr

    def environment(self, home: Path, database: str, **settings: str) -> dict[str, str]:
        """Return everything a process of an installation is told."""
        return {
            **_plain_environment(),
            **self._keys,
            "ATELIER_HOME": str(home),
            "ATELIER_TESTING": "1",
            "ATELIER_ADMIN_EMAIL": EMAIL,
            "ATELIER_ADMIN_PASSWORD": PASSWORD,
            "ATELIER_TEAM": "Halden & Co",
            "ATELIER_STARTING_CREDITS": str(CREDITS),
            "DATABASE_URL": self.dsn(database),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PRIVATE_HOSTS": ",".join(self.emulator.places),
            "LEASE_SECONDS": "3",
            "LEASE_RENEWAL_SECONDS": "1",
            "SWEEP_SECONDS": "1",
            "CALL_DEADLINE": "20",
            "STOP_GRACE": "40",
            "WORKER_CONCURRENCY": "64",
            "PYTHONUNBUFFERED": "1",
            **settings,
        }

    def dsn(self, database: str) -> str:
        """Return the address of a database on the server."""
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{database}"))

    def copy_database(self) -> str:
        """Make a database like the prepared one and return its name."""
        name = self._new_database(self._template)
        with psycopg.connect(self.server, autocommit=True) as server:
            # A copied sequence counts without a log until the next checkpoint, and would go back in a crash.
            server.execute("CHECKPOINT")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database with whoever is still connected to it."""
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _new_database(self, template: str = "template0") -> str:
        name = f"crash_{uuid.uuid4().hex}"
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name


def _plain_environment() -> Mapping[str, str]:
    """Return what every program needs; nothing of the tests' own settings may reach the product."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ}
