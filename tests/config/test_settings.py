"""What the settings make of the address people use, read in a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.processes import clean_environment

CODE = """
from django.conf import settings
print(settings.SESSION_COOKIE_SECURE, settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS > 0)
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "False False False"),
        ({"BASE_URL": "https://atelier.example.com"}, "True False True"),
        ({"BASE_URL": "https://atelier.example.com", "TRUSTED_PROXIES": "10.0.0.7"}, "True True True"),
    ],
    ids=["local", "https", "https-proxy"],
)
def test_base_url_decides_cookies_and_redirects(tmp_path: Path, environment: dict[str, str], expected: str) -> None:
    told = clean_environment(tmp_path, DJANGO_SETTINGS_MODULE="config.settings", **environment)

    done = subprocess.run([sys.executable, "-c", CODE], env=told, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == expected
