"""A server with pages of the tests' own in front of nothing but Django."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from config.asgi import OneHopHandler
from studio.core.asgi import ThreadCap
from studio.core.streaming import BodyStreamer
from tests.core import urls
from tests.serving import Server, serving


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the pages of `tests.core.urls` find files."""
    made = tmp_path_factory.mktemp("files")
    os.environ[urls.FOLDER] = str(made)
    yield made
    del os.environ[urls.FOLDER]


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """Django behind the cap and the streamer, over real connections."""
    with override_settings(ROOT_URLCONF="tests.core.urls"):
        app = BodyStreamer(ThreadCap(OneHopHandler(), places=4, queue=60, patience=20, most_bytes=100_000))
        with serving(app) as running:
            yield running
