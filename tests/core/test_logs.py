"""A refused request is a line in the log, a failure of ours keeps its traceback."""

import logging
from typing import Any

import pytest

from studio.core.logs import VisitorsFaults


def logged(**facts: Any) -> str:
    """What the console shows of a record with an exception."""
    [console] = [
        handler
        for handler in logging.getLogger().handlers
        if any(isinstance(filtering, VisitorsFaults) for filtering in handler.filters)
    ]
    error = ValueError("as it happened")
    raised = (ValueError, error, error.__traceback__)
    record = logging.getLogger("django.request").makeRecord(
        "django.request", logging.WARNING, "", 0, "Refused", (), raised, extra=facts
    )
    assert console.filter(record)
    return logging.Formatter().format(record)


def test_log_of_a_refused_request_is_one_line() -> None:
    assert logged(status_code=400) == "Refused"


@pytest.mark.parametrize("facts", [{}, {"status_code": 500}])
def test_log_of_a_failure_of_ours_keeps_its_traceback(facts: dict[str, Any]) -> None:
    assert logged(**facts) == "Refused\nValueError: as it happened"
