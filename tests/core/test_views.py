"""The health check."""

import re

import pytest
from django.test import Client

from studio.core.views import new_reference

pytestmark = pytest.mark.urls("tests.core.urls")


def test_health_is_good_after_one_query(db: None, client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer.headers["Cache-Control"]


def test_reference_can_be_read_out() -> None:
    assert re.fullmatch(r"[2-9A-HJKMNP-Z]{4}-[0-9]{2}[A-Z]{3}-[0-9]{4}", new_reference())
