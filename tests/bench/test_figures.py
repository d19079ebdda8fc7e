"""How figures are judged and shown."""

import pytest

from tests.bench.figures import Figure, percentile, table


@pytest.mark.parametrize(("share", "value"), [(0.5, 10), (0.95, 19), (1.0, 20)])
def test_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile(list(range(20, 0, -1)), share) == value


def test_figure_judges_by_its_aim() -> None:
    judged = [
        Figure("Burst", "wall", 25, "s", most=25),
        Figure("Burst", "wall", 25.1, "s", most=25),
        Figure("Ledger", "ratio", 0.49, "×", least=0.5),
        Figure("Ledger", "rate", 1000, "a second"),
    ]
    assert [(figure.aim, figure.verdict) for figure in judged] == [
        ("≤ 25", "met"),
        ("≤ 25", "missed"),
        ("≥ 0.5", "missed"),
        ("", ""),
    ]


def test_table_names_each_subject_once() -> None:
    lines = table(
        [Figure("Burst", "wall", 25, "s"), Figure("Burst", "calls", 12_500, ""), Figure("Idle", "CPU", 1, "%")]
    )
    assert [line.split() for line in lines.splitlines() if line] == [
        ["Burst"],
        ["wall", "25", "s"],
        ["calls", "12,500"],
        ["Idle"],
        ["CPU", "1", "%"],
    ]
