"""Gives every test run a home and a database server of its own before Django reads the settings.

A server named by DATABASE_URL is used instead of the embedded one. Runs share nothing, so several may go at once.
"""

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from studio.runtime.postgres import EmbeddedPostgres

# What a developer's shell may hold and a test must not depend on.
_FOREIGN = """
    ACCEL_REDIRECT ATELIER_ADMIN_EMAIL ATELIER_ADMIN_PASSWORD ATELIER_CRASH_AT ATELIER_PROCESS
    ATELIER_STARTING_CREDITS ATELIER_TEAM
    BASE_URL CALL_DEADLINE CELERY_BROKER_URL CREDIT_USD EMAIL_URL ENCRYPTION_KEYS GENERATION_DEADLINE HOST LEASE_SECONDS
    LEASE_RENEWAL_SECONDS OPEN_SIGNUP PORT PRIVATE_HOSTS S3_ACCESS_KEY_ID S3_ADDRESSING S3_BUCKET S3_ENDPOINT_URL
    S3_PREFIX S3_PRESIGN S3_PUBLIC_URL S3_REGION S3_SECRET_ACCESS_KEY SECRET_KEY STOP_GRACE SWEEP_SECONDS
    TRUSTED_PROXIES WORKER_CONCURRENCY
"""


@pytest.hookimpl(wrapper=True)  # a wrapper, because pytest-django reads the settings in the same hook
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Set the stage in the controlling process; the workers of pytest-xdist inherit its environment."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _set_stage(early_config)
    return (yield)


def _set_stage(config: pytest.Config) -> None:
    for name in _FOREIGN.split():
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    home = Path(tempfile.mkdtemp(prefix="atelier-test-"))
    home.chmod(0o711)  # as root the server runs as another account, which has to get through
    config.add_cleanup(lambda: shutil.rmtree(home))
    os.environ.update(ATELIER_HOME=str(home), ATELIER_TESTING="1")
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = _start_server(home, config)


def _start_server(home: Path, config: pytest.Config) -> str:
    server = EmbeddedPostgres(home, durable=False)
    server.start()

    def end() -> None:
        server.stop()
        if server.data_dir.exists():
            shutil.rmtree(server.data_dir.parent)

    config.add_cleanup(end)
    return server.dsn()
