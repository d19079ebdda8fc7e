"""A breach of each invariant, planted by SQL, is found by its name and by the row that it is in."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.db.models import Max

from studio.exports.models import ExportPage, ExportPart
from studio.integrity.checks import DECRYPTS, INVARIANTS, LOOKS, breaches, check_each
from studio.integrity.handover import MEASURED
from studio.integrity.invariants import MOST_NAMED, Breach
from studio.ledger.models import Entry
from tests.integrity.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_invariants]

FOREIGN_TOKEN = Fernet(Fernet.generate_key()).encrypt(b"sk-" + b"s" * 40).decode()
SOME_KEY = "Incorrect key: sk-abcdefghij0123456789"

# Invariant → what breaks it. `{done}` and the like are the ids of the world's generations, `{team}` and `{other_team}`
# of its teams. Where one deed must break a second invariant too, that one stands in ALSO.
PLANTS: dict[str, str] = {
    "ledger.balance_is_sum_of_entries": "UPDATE ledger_creditaccount SET balance = balance + 1 WHERE team_id = {team}",
    "ledger.held_is_sum_of_open_holds": "UPDATE ledger_creditaccount SET held = held + 1 WHERE team_id = {team}",
    "ledger.available_is_not_negative": """
        ALTER TABLE ledger_creditaccount DROP CONSTRAINT creditaccount_never_overdrawn;
        INSERT INTO ledger_entry (account_id, kind, amount, balance_after, reference, note, key, created_at)
            SELECT team_id, 'expiry', 1 - balance, 1, '', '', 'x', now() FROM ledger_creditaccount
            WHERE team_id = {team};
        UPDATE ledger_creditaccount SET balance = 1 WHERE team_id = {team}
        """,
    "ledger.entries_form_a_chain": "UPDATE ledger_entry SET balance_after = balance_after + 1 WHERE id = {last_entry}",
    "ledger.amount_follows_kind": """
        ALTER TABLE ledger_entry DROP CONSTRAINT entry_sign_follows_kind;
        UPDATE ledger_entry SET kind = 'expiry' WHERE account_id = {team} AND kind = 'grant'
        """,
    "ledger.entry_names_its_cause": "UPDATE ledger_entry SET actor_id = NULL WHERE kind = 'top_up'",
    "ledger.key_is_used_once": """
        ALTER TABLE ledger_entry DROP CONSTRAINT entry_once_per_key;
        UPDATE ledger_entry SET key = 'first' WHERE account_id = {team} AND kind = 'grant'
        """,
    "ledger.hold_state_fits_its_amounts": """
        ALTER TABLE ledger_hold DROP CONSTRAINT hold_settles_within_amount;
        UPDATE ledger_hold SET ended_at = NULL WHERE state = 'released'
        """,
    "ledger.settled_hold_has_its_one_charge": """
        UPDATE ledger_entry SET kind = 'adjustment', hold_id = NULL WHERE kind = 'charge' AND amount = -1
        """,
    "ledger.refunds_stay_within_the_charge": """
        UPDATE ledger_entry
            SET kind = 'refund', hold_id = (SELECT hold_id FROM generations_generation WHERE id = {done})
            WHERE kind = 'top_up';
        UPDATE audit_auditevent SET action = 'credits.refunded' WHERE action = 'credits.topped_up'
        """,
    "ledger.hold_has_its_generation": """
        INSERT INTO ledger_hold (id, account_id, amount, state, settled_amount, note, created_at, ended_at)
            VALUES (gen_random_uuid(), {team}, 1, 'released', 0, '', now() - interval '6 minutes', now())
        """,
    "audit.money_is_recorded": "DELETE FROM audit_auditevent WHERE action = 'credits.refunded'",
    "generations.paid_one_has_its_hold": "UPDATE ledger_hold SET amount = amount + 1 WHERE state = 'released'",
    "generations.quote_is_kept": """
        UPDATE generations_generation SET quote = jsonb_set(quote, '{{unit}}', '99') WHERE id = {done}
        """,
    "generations.ended_one_has_a_closed_hold": """
        UPDATE ledger_hold SET state = 'released', ended_at = now()
            WHERE id = (SELECT hold_id FROM generations_generation WHERE id = {queued});
        UPDATE ledger_creditaccount SET held = held - 1 WHERE team_id = {team}
        """,
    "generations.no_hold_outlives_its_deadline": """
        UPDATE generations_generation SET deadline_at = now() - interval '1 day' WHERE id = {running}
        """,
    "generations.none_waits_past_its_deadline": """
        UPDATE generations_generation SET deadline_at = now() - interval '6 minutes' WHERE id = {queued}
        """,
    "generations.running_one_is_leased": """
        UPDATE generations_generation SET lease_expires_at = NULL WHERE id = {running}
        """,
    "generations.queued_one_has_no_job": """
        UPDATE generations_generation SET state = 'queued', lease_expires_at = NULL WHERE id = {running};
        UPDATE generations_attempt SET state = 'accepted', remote_id = 'job_1', sent_at = now(), poll_at = now()
            WHERE generation_id = {running}
        """,
    "generations.job_belongs_to_one_attempt": """
        DROP INDEX attempt_job_once;
        UPDATE generations_attempt SET remote_id = 'job_1' WHERE generation_id IN ({partial}, {unknown})
        """,
    "generations.no_job_outlives_its_deadline": """
        UPDATE generations_attempt SET state = 'accepted', remote_id = 'job_1', poll_at = now(),
            sent_at = now() - interval '2 days' WHERE generation_id = {running}
        """,
    "generations.preview_is_of_a_running_output": """
        INSERT INTO generations_preview (output_id, number, data)
            SELECT id, 1, 'x' FROM generations_output WHERE generation_id = {partial} LIMIT 1
        """,
    "generations.ended_one_is_dated": """
        ALTER TABLE generations_generation DROP CONSTRAINT generation_ended_when_terminal;
        UPDATE generations_generation SET ended_at = NULL WHERE id = {done}
        """,
    "generations.key_is_used_once": """
        ALTER TABLE generations_generation DROP CONSTRAINT generation_once_per_key;
        UPDATE generations_generation SET key = (SELECT key FROM generations_generation WHERE id = {done})
            WHERE id = {partial}
        """,
    "generations.outputs_fill_every_slot": """
        UPDATE generations_output SET slot = 5 WHERE generation_id = {partial} AND state = 'failed'
        """,
    "generations.state_follows_outputs": "UPDATE generations_generation SET state = 'partial' WHERE id = {done}",
    "generations.output_costs_at_most_its_quote": """
        ALTER TABLE generations_output DROP CONSTRAINT output_delivered_has_asset;
        UPDATE generations_output SET credits = 1 WHERE generation_id = {queued}
        """,
    "generations.attempts_are_numbered_once": """
        ALTER TABLE generations_attempt DROP CONSTRAINT attempt_number_once;
        UPDATE generations_attempt SET number = 1 WHERE generation_id = {done}
        """,
    "generations.attempt_is_within_the_fence": """
        UPDATE generations_attempt SET fence = 99 WHERE generation_id = {partial}
        """,
    "generations.sent_attempt_is_dated": """
        ALTER TABLE generations_attempt DROP CONSTRAINT attempt_sent_is_dated;
        UPDATE generations_attempt SET sent_at = NULL WHERE generation_id = {partial}
        """,
    "generations.no_call_outlives_its_deadline": """
        UPDATE generations_attempt SET state = 'sent', sent_at = now() - interval '1 day'
            WHERE generation_id = {running};
        UPDATE generations_generation SET lease_expires_at = now() - interval '1 minute' WHERE id = {running}
        """,
    "generations.ended_one_has_no_open_attempt": """
        UPDATE generations_attempt SET state = 'answered' WHERE generation_id = {partial}
        """,
    "generations.unknown_attempt_is_marked_as_cost": """
        UPDATE generations_attempt SET possible_cost = false WHERE generation_id = {unknown}
        """,
    "generations.output_belongs_to_its_attempt": """
        UPDATE generations_output SET attempt_id = (SELECT id FROM generations_attempt WHERE generation_id = {partial})
            WHERE generation_id = {unknown}
        """,
    "library.delivered_output_has_its_one_asset": """
        UPDATE library_asset SET slot = 7 WHERE generation_id = {partial}
        """,
    "library.generated_asset_has_its_one_output": """
        CREATE TEMPORARY TABLE copy ON COMMIT DROP AS SELECT * FROM library_asset WHERE generation_id = {partial};
        UPDATE copy SET id = id + 1000, slot = 9, file_key = gen_random_uuid();
        INSERT INTO library_asset SELECT * FROM copy;
        UPDATE library_asset a SET search = library_words_of_team(a.words, a.team_id) || library_asset_tokens(a)
            WHERE slot = 9
        """,
    "library.asset_is_of_a_known_kind": "UPDATE library_asset SET sha256 = 'x' WHERE generation_id = {partial}",
    "usage.delivered_output_has_its_one_record": "DELETE FROM usage_usagerecord WHERE generation_id = {partial}",
    "usage.record_agrees_with_its_output": """
        UPDATE usage_usagerecord SET asset_id = asset_id + 1000 WHERE generation_id = {partial}
        """,
    "usage.sum_is_what_was_settled": """
        UPDATE ledger_hold SET settled_amount = 2
            WHERE id = (SELECT hold_id FROM generations_generation WHERE id = {partial});
        UPDATE ledger_entry SET amount = -2 WHERE kind = 'charge' AND amount = -1;
        UPDATE ledger_entry SET balance_after = balance_after - 1
            WHERE account_id = {team} AND id >= (SELECT id FROM ledger_entry WHERE kind = 'charge' AND amount = -2);
        UPDATE ledger_creditaccount SET balance = balance - 1 WHERE team_id = {team}
        """,
    "teams.has_an_active_owner": """
        UPDATE accounts_user SET is_active = false
            WHERE id = (SELECT user_id FROM teams_membership WHERE team_id = {team} AND role = 40)
        """,
    "isolation.hold_is_of_the_generations_team": """
        UPDATE ledger_hold SET account_id = {other_team} WHERE state = 'released'
        """,
    "library.search_sees_what_is_kept": "UPDATE library_asset SET status = 'approved' WHERE id = {filed}",
    "library.words_are_known_to_the_team": """
        DELETE FROM library_word
        WHERE word = (SELECT min(lexeme) FROM library_asset, unnest(words) WHERE library_asset.id = {filed})
        """,
    "library.words_are_of_pictures_or_to_be_forgotten": """
        INSERT INTO library_word (team_id, word) VALUES ({team}, 'nobodys')
        """,
    "library.item_is_listed_like_its_asset": "UPDATE library_collectionitem SET is_listed = false",
    "library.purged_asset_is_empty": """
        UPDATE library_asset SET binned_at = now(), purged_at = now(), search = '' WHERE generation_id = {partial}
        """,
    "library.purged_asset_is_filed_nowhere": """
        UPDATE library_asset
            SET binned_at = now(), purged_at = now(), prompt = '', sort_name = '', words = '', search = ''
            WHERE id = {filed};
        UPDATE library_collectionitem SET is_listed = false;
        INSERT INTO library_formerword (team_id, word) SELECT team_id, word FROM library_word
        """,
    "library.collections_nest_once": """
        UPDATE library_collection SET parent_id = (SELECT id FROM library_collection WHERE key = 'inner')
            WHERE key = 'third'
        """,
    "library.finished_bulk_act_left_nothing": """
        INSERT INTO library_bulkact (
            team_id, actor_id, act, value, query, zone, key, is_frozen, state, total, done, skipped, kept, undone,
            reached, problem, created_at
        )
            SELECT {team}, user_id, 'bin', '{{}}', '', '', gen_random_uuid(), true, 'done', 1, 0, 0, 0, 0, 0, '', now()
            FROM teams_membership WHERE team_id = {team} LIMIT 1
        """,
    "exports.ready_one_is_complete": "UPDATE exports_export SET done = done - 1 WHERE id = {handed}",
    "exports.live_one_of_a_search_is_noted": "UPDATE exports_export SET scope = 'library' WHERE id = {handed}",
    "isolation.export_is_of_one_team": "UPDATE exports_export SET team_id = {other_team} WHERE id = {handed}",
    "isolation.filing_is_of_the_assets_team": "UPDATE library_tag SET team_id = {other_team}",
    "isolation.entry_is_of_the_holds_team": """
        UPDATE ledger_entry
            SET kind = 'refund', hold_id = (SELECT hold_id FROM generations_generation WHERE id = {done})
            WHERE account_id = {other_team};
        UPDATE audit_auditevent SET action = 'credits.refunded' WHERE team_id = {other_team}
        """,
    "isolation.connection_is_of_the_generations_team": """
        UPDATE generations_generation
            SET connection_id = (SELECT id FROM providers_connection WHERE team_id = {other_team})
            WHERE id = {done}
        """,
    "isolation.route_is_of_one_team": """
        INSERT INTO catalogue_route (team_id, model_id, via_id, position, connection_id)
            SELECT {team}, g.model_id, g.model_id, 0, c.id
            FROM generations_generation g, providers_connection c WHERE g.id = {done} AND c.team_id = {other_team}
        """,
    "isolation.retry_is_of_the_same_team": """
        UPDATE generations_generation SET retry_of_id = {other} WHERE id = {queued}
        """,
    "isolation.asset_is_of_the_generations_team": """
        UPDATE library_asset SET team_id = {other_team} WHERE generation_id = {partial}
        """,
    "isolation.usage_is_of_the_generations_team": """
        UPDATE usage_usagerecord SET team_id = {other_team} WHERE generation_id = {partial}
        """,
    "secrets.connection_secret_is_encrypted": "UPDATE providers_connection SET secret = 'plain' WHERE team_id = {team}",
    "secrets.password_and_token_are_hashed": "UPDATE accounts_user SET password = 'geheim'",
    "secrets.no_key_lies_open": f"""
        UPDATE generations_attempt SET provider_message = '{SOME_KEY}' WHERE generation_id = {{unknown}}
        """,
    MEASURED: "UPDATE exports_exportpage SET local_offset = local_offset + 1 WHERE export_id = {handed} AND first = 2",
    DECRYPTS: f"UPDATE providers_connection SET secret = '{FOREIGN_TOKEN}' WHERE team_id = {{team}}",
}
ALSO: dict[str, set[str]] = {
    "usage.delivered_output_has_its_one_record": {"usage.sum_is_what_was_settled"},
    "secrets.connection_secret_is_encrypted": {DECRYPTS},
    "isolation.asset_is_of_the_generations_team": {
        "library.search_sees_what_is_kept",
        "library.words_are_known_to_the_team",
    },
}
# What the breach names, where one is worth a look of its own: the right row and no other.
NAMED: dict[str, Callable[[World], tuple[str, ...]]] = {
    "ledger.balance_is_sum_of_entries": lambda world: (f"account {world.team.pk}",),
    "ledger.entries_form_a_chain": lambda world: (f"entry {last_entry(world)}",),
    "ledger.hold_state_fits_its_amounts": lambda world: (f"hold {world.unknown.hold_id}",),
    "generations.state_follows_outputs": lambda world: (f"generation {world.done.pk}",),
    "isolation.retry_is_of_the_same_team": lambda world: (f"generation {world.queued.pk}",),
    "library.search_sees_what_is_kept": lambda world: (f"asset {world.filed.pk}",),
    "library.purged_asset_is_filed_nowhere": lambda world: (f"asset {world.filed.pk}",),
    "exports.ready_one_is_complete": lambda world: (f"export {world.handed.pk}",),
    "exports.live_one_of_a_search_is_noted": lambda world: (f"export {world.handed.pk}",),
    MEASURED: lambda world: (f"export page {world.handed.pages.get(first=2).pk}",),
    "teams.has_an_active_owner": lambda world: (f"team {world.team.pk}",),
}


def last_entry(world: World) -> int:
    last: int = Entry.objects.filter(account_id=world.team.pk).aggregate(last=Max("pk"))["last"]
    return last


def plant(sql: str, world: World) -> None:
    """Do by force what triggers and constraints refuse; the test's transaction takes it all back."""
    ids = {name: getattr(world, name).pk for name in World.__dataclass_fields__}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql.format(**ids, last_entry=last_entry(world)))
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_nothing_is_broken_in_an_empty_installation() -> None:
    assert breaches() == []


def test_nothing_is_broken_where_everything_was_done_properly(world: World) -> None:
    assert breaches() == []
    assert [name for name, breach in check_each() if breach] == []


def test_every_invariant_has_a_planted_breach() -> None:
    names = [invariant.name for invariant in INVARIANTS] + [name for name, _ in LOOKS]
    assert sorted(names) == sorted(set(names))
    assert sorted(PLANTS) == sorted(names)


@pytest.mark.parametrize("name", PLANTS)
def test_planted_breach_is_found_by_its_name(name: str, world: World) -> None:
    plant(PLANTS[name], world)
    found = {breach.invariant: breach.what for breach in breaches()}
    assert found.keys() == {name} | ALSO.get(name, set())
    if name in NAMED:
        assert found[name] == NAMED[name](world)
    one_by_one = {each: breach.what for each, breach in check_each() if breach}
    assert one_by_one == found


def test_breach_names_the_first_hundred(world: World) -> None:
    plant(
        """
        INSERT INTO ledger_hold (id, account_id, amount, state, settled_amount, note, created_at, ended_at)
        SELECT gen_random_uuid(), {team}, 1, 'released', 0, '', now() - interval '1 hour', now()
        FROM generate_series(1, 150)
        """,
        world,
    )
    (breach,) = breaches()
    assert (breach.invariant, len(breach.what), breach.more) == ("ledger.hold_has_its_generation", MOST_NAMED, True)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE exports_export SET done = 4, total = 4 WHERE id = {handed}", "exports.ready_one_is_complete"),
        ("UPDATE exports_export SET missing = 1 WHERE id = {handed}", "exports.ready_one_is_complete"),
        ("UPDATE exports_export SET length = length + 1 WHERE id = {handed}", "exports.ready_one_is_complete"),
        ("UPDATE exports_exportpart SET etag = '' WHERE export_id = {handed}", "exports.ready_one_is_complete"),
        ("UPDATE exports_exportpart SET files = 4 WHERE export_id = {handed}", "exports.ready_one_is_complete"),
        ("UPDATE exports_exportpage SET csv = NULL WHERE export_id = {handed} AND first = 4", None),
        ("UPDATE exports_exportpage SET part_id = NULL WHERE export_id = {handed} AND first = 4", None),
        ("UPDATE exports_exportpage SET central_offset = 1 WHERE export_id = {handed} AND first = 0", MEASURED),
        ("UPDATE exports_exportpage SET json_offset = 0 WHERE export_id = {handed} AND first = 4", MEASURED),
        ("UPDATE exports_exportpage SET csv = csv || 'x' WHERE export_id = {handed} AND first = 4", MEASURED),
        ("UPDATE exports_exportpart SET readme = readme || 'x' WHERE export_id = {handed}", MEASURED),
    ],
)
def test_export_is_measured_to_its_last_byte(sql: str, found: str | None, world: World) -> None:
    plant(sql, world)
    both = {"exports.ready_one_is_complete", MEASURED}
    assert {breach.invariant for breach in breaches()} == ({found} if found else both)


@pytest.mark.parametrize("over", ["expires_at = now()", "state = 'stale'", "is_cleared = true"])
def test_list_that_nobody_downloads_may_be_incomplete(over: str, world: World) -> None:
    ExportPart.objects.update(etag="", length=0)
    ExportPage.objects.update(local_offset=7)
    plant(f"UPDATE exports_export SET {over}", world)
    assert breaches() == []


def test_all_is_asked_in_three_statements_and_one_for_each_archive(
    world: World, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(4):
        breaches()


def test_breach_of_exactly_a_hundred_has_no_more() -> None:
    assert Breach.of("x", ["a"] * 100) == Breach("x", ("a",) * 100, more=False)
