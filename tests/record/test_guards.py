"""What the database refuses, even to code that forgot to ask."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import DBAPIError

from tests.record.actions_sample import NOW, throttle
from vigil.effect import ActionState
from vigil.record import Record, actions, approvals
from vigil.record.schema import actions as action_table
from vigil.record.schema import appeals, ledger_checkpoints, policy_versions
from vigil.record.schema import approvals as approval_table

LATER = datetime(2026, 11, 2, tzinfo=UTC)


def refused(record: Record, statement: Any, message: str) -> None:
    with pytest.raises(DBAPIError, match=message), record.write() as connection:
        connection.execute(statement)


@pytest.fixture
def held(record: Record) -> Record:
    with record.write() as connection:
        actions.store(connection, throttle(action_id="act_1", state=ActionState.HELD, approvals_needed=2))
        approvals.note_proposer(connection, "act_1", "policy:p", NOW)
    return record


def say(record: Record, actor: str, verdict: str = "approved") -> None:
    with record.write() as connection:
        row = {"action_id": "act_1", "actor": actor, "verdict": verdict, "at": NOW, "note": ""}
        connection.execute(insert(approval_table).values(**row))


def test_a_held_action_goes_out_only_with_enough_persons(held: Record) -> None:
    release = update(action_table).values(state="dispatched")
    refused(held, release, "only when enough persons have approved it")
    say(held, "ana")
    refused(held, release, "only when enough persons have approved it")
    refused(held, update(action_table).values(approvals_needed=1), "cannot be lowered")
    with pytest.raises(DBAPIError):
        say(held, "policy:p")  # who proposed cannot approve
    with pytest.raises(DBAPIError):
        say(held, "ana")  # nobody approves twice
    say(held, "bob")
    with held.write() as connection:
        assert connection.execute(release).rowcount == 1


def test_what_is_written_once_stays(held: Record) -> None:
    with held.write() as connection:
        connection.execute(
            insert(policy_versions).values(policy="p", version="v", source="x", first_seen_at=NOW),
        )
        connection.execute(
            insert(ledger_checkpoints).values(day="2026-11-01", seq=1, hash="h", at=NOW, public_key="k", signature="s")
        )
    for table, changed in (
        (policy_versions, {"source": "y"}),
        (ledger_checkpoints, {"hash": "x"}),
        (approval_table, {"verdict": "approved"}),
    ):
        refused(held, update(table).values(**changed), "append-only|never changes")
        refused(held, delete(table), "append-only|never changes")


def test_an_appeal_is_decided_once_and_by_another_person(held: Record) -> None:
    say(held, "ana")
    with held.write() as connection:
        appeal = {"appeal_id": "apl_1", "action_id": "act_1", "statement": "", "opened_by": "eve", "opened_at": NOW}
        connection.execute(insert(appeals).values(**appeal))
    decided = update(appeals).values(outcome="upheld", decided_at=LATER)
    for nobody in ("ana", "policy:p"):
        refused(held, decided.values(decided_by=nobody), "by another person")
    with held.write() as connection:
        connection.execute(decided.values(decided_by="bob"))
    refused(held, decided.values(decided_by="eve"), "decided once")
