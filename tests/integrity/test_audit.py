"""`manage.py audit` over committed rows."""

import json
import threading
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections

from studio.accounts.models import User
from studio.integrity.checks import INVARIANTS, LOOKS, snapshot
from studio.integrity.files import FULL, QUICK
from studio.ledger.queries import balance
from studio.ledger.services import top_up
from studio.library.models import Asset
from tests.integrity.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.breaks_invariants]


def audit(*args: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("audit", *args, stdout=out)
    except SystemExit as stop:
        return out.getvalue(), int(stop.code or 0)
    return out.getvalue(), 0


def force(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET session_replication_role = replica; {sql}; SET session_replication_role = origin")


def test_clean_installation_prints_a_line_for_each_and_ends_with_0(world: World) -> None:
    said, code = audit("--files", "full")
    in_database = [*[invariant.name for invariant in INVARIANTS], *[name for name, _ in LOOKS]]
    names = [*in_database, QUICK[0], QUICK[1], FULL[-1], QUICK[2]]
    assert said.splitlines() == [*[f"ok      {name}" for name in names], f"0 of {len(names)} invariants are broken."]
    assert code == 0


def test_breach_is_printed_with_its_rows_and_ends_with_1(world: World) -> None:
    force(f"UPDATE ledger_creditaccount SET balance = balance + 1 WHERE team_id = {world.team.pk}")
    said, code = audit()
    assert said.splitlines()[0] == f"BROKEN  ledger.balance_is_sum_of_entries: account {world.team.pk}"
    assert said.splitlines()[-1].startswith("1 of ")
    assert code == 1


def test_breach_of_files_ends_with_1_unless_files_are_left_out(world: World, media: Path) -> None:
    asset = Asset.objects.latest("pk")
    (media / asset.original_name).unlink()
    said, code = audit()
    assert f"BROKEN  files.original_has_its_size: asset {asset.pk}" in said.splitlines()
    assert code == 1
    assert audit("--files", "none")[1] == 0


def test_json_names_every_invariant(world: World) -> None:
    force("DELETE FROM audit_auditevent WHERE action = 'credits.refunded'")
    said, code = audit("--json", "--files", "none")
    report = json.loads(said)
    assert (report["ok"], code, len(report["invariants"])) == (False, 1, len(INVARIANTS) + len(LOOKS))
    (broken,) = [each for each in report["invariants"] if not each["ok"]]
    assert (broken["name"], len(broken["breaches"]), broken["more"]) == ("audit.money_is_recorded", 1, False)


def test_snapshot_sees_one_moment_and_refuses_to_write(world: World, owner: User) -> None:
    def add() -> None:
        top_up(team=world.team, amount=5, actor=owner, reference="", note="", key="during")
        connections.close_all()

    with snapshot():
        before = balance(world.team)
        writer = threading.Thread(target=add)
        writer.start()
        writer.join(timeout=60)
        assert balance(world.team) == before
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
    assert balance(world.team).balance == before.balance + 5


def test_audit_under_load_stays_clean(world: World, owner: User) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            top_up(team=world.team, amount=1, actor=owner, reference="", note="", key=f"load-{number}")
            number += 1
        connections.close_all()

    writers = [threading.Thread(target=write)]
    for writer in writers:
        writer.start()
    try:
        said = [audit()[0] for _ in range(5)]
    finally:
        stop.set()
        for writer in writers:
            writer.join(timeout=60)
    assert [line for lines in said for line in lines.splitlines() if line.startswith("BROKEN")] == []
    assert balance(world.team).balance > 100
