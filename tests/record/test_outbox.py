"""The outbox: at least once, in order for each target, never by two dispatchers at the same time."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from tests.record.actions_sample import NOW, target, throttle
from vigil.effect import EffectKind
from vigil.record import Record, outbox
from vigil.record.outbox import OutboxState

MINUTE = timedelta(minutes=1)


def claim(record: Record, worker: str, now: datetime = NOW, limit: int = 10) -> list[str]:
    with record.write() as connection:
        rows = outbox.claim(connection, now, worker, now + MINUTE, limit)
    return [row.action_id for row in rows]


def fill(record: Record, *names: str) -> None:
    with record.write() as connection:
        for name in names:
            outbox.enqueue(connection, throttle(name, target=target(name)), "log", NOW)


def row_of(record: Record, action_id: str) -> outbox.OutboxRow:
    with record.read() as connection:
        row = outbox.of_action(connection, action_id)
    assert row is not None
    return row


def test_an_action_goes_in_once_with_all_the_other_side_needs(record: Record) -> None:
    with record.write() as connection:
        first = outbox.enqueue(connection, throttle(), "webhook", NOW)
        assert outbox.enqueue(connection, throttle(), "webhook", NOW) == first
        assert outbox.count_pending(connection) == 1
        [row] = outbox.pending(connection)
    assert row.delivery.idempotency_key == "act_1"
    assert row.delivery.target == target()
    assert row.delivery.expires_at == NOW + timedelta(days=1)


def test_a_claimed_row_is_nobody_elses_until_the_lease_ends(record: Record) -> None:
    fill(record, "a", "b", "c")
    assert claim(record, "one", limit=2) == ["a", "b"]
    assert claim(record, "two") == ["c"]
    assert claim(record, "two") == []
    assert claim(record, "two", NOW + MINUTE) == ["a", "b", "c"]
    assert row_of(record, "a").attempts == 2


def test_the_outcome_of_a_lost_lease_is_not_written(record: Record) -> None:
    fill(record, "a")
    claim(record, "one")
    claim(record, "two", NOW + MINUTE)
    identity = row_of(record, "a").outbox_id
    with record.write() as connection:
        assert not outbox.done(connection, identity, "one", NOW)
        assert not outbox.refused(connection, identity, "one", "no")
        assert not outbox.retry(connection, identity, "one", NOW, NOW, "no")
        assert outbox.done(connection, identity, "two", NOW + MINUTE)
        assert not outbox.refused(connection, identity, "two", "too late")
    assert row_of(record, "a").state is OutboxState.DELIVERED
    assert claim(record, "two", NOW + timedelta(days=1)) == []


def test_a_retry_waits_and_remembers_since_when(record: Record) -> None:
    fill(record, "a")
    claim(record, "one")
    identity = row_of(record, "a").outbox_id
    with record.write() as connection:
        outbox.retry(connection, identity, "one", NOW, NOW + MINUTE, "HTTP 503\x00")
    assert claim(record, "one") == []
    assert claim(record, "one", NOW + MINUTE) == ["a"]
    with record.write() as connection:
        outbox.retry(connection, identity, "one", NOW + MINUTE, NOW + 2 * MINUTE, "HTTP 500")
    row = row_of(record, "a")
    assert (row.first_failed_at, row.last_error, row.attempts) == (NOW, "HTTP 500", 2)


def test_rows_of_one_target_go_out_in_the_order_of_decisions(record: Record) -> None:
    with record.write() as connection:
        outbox.enqueue(connection, throttle("first"), "log", NOW)
        outbox.enqueue(connection, throttle("second", effect=EffectKind.LIFT), "log", NOW)
        outbox.enqueue(connection, throttle("page", effect=EffectKind.PAGE), "page", NOW)
    assert claim(record, "one") == ["first", "page"]
    assert claim(record, "two") == []
    with record.write() as connection:
        outbox.done(connection, row_of(record, "first").outbox_id, "one", NOW)
    assert claim(record, "two") == ["second"]


def test_a_held_row_goes_nowhere_until_it_is_released(record: Record) -> None:
    with record.write() as connection:
        outbox.enqueue(connection, throttle("held"), "log", NOW, held=True)
        outbox.enqueue(connection, throttle("next", effect=EffectKind.NOTIFY_OWNER), "log", NOW)
    assert claim(record, "one") == ["next"]
    later = NOW + timedelta(hours=3)
    with record.write() as connection:
        outbox.done(connection, row_of(record, "next").outbox_id, "one", NOW)
    assert claim(record, "one", later) == []
    with record.write() as connection:
        outbox.release(connection, throttle("held", expires_at=later), later)
    assert claim(record, "one", later) == ["held"]
    assert row_of(record, "held").delivery.expires_at == later


def test_cancelling_keeps_a_row_from_going_out_unless_it_is_on_its_way(record: Record) -> None:
    fill(record, "a", "b")
    assert claim(record, "one", limit=1) == ["a"]
    with record.write() as connection:
        assert outbox.cancel(connection, "a", NOW) is None
        cancelled = outbox.cancel(connection, "b", NOW)
        assert cancelled is not None
        assert cancelled.attempts == 0
        assert outbox.cancel(connection, "b", NOW) is None
        assert outbox.cancel(connection, "unknown", NOW) is None
        tried = outbox.cancel(connection, "a", NOW + MINUTE)
        assert tried is not None
        assert tried.attempts == 1
    assert claim(record, "one", NOW + MINUTE) == []


def test_a_row_given_back_is_due_at_once_and_was_no_attempt(record: Record) -> None:
    fill(record, "a")
    claim(record, "one")
    with record.write() as connection:
        assert outbox.give_back(connection, row_of(record, "a").outbox_id, "one")
    assert claim(record, "two") == ["a"]
    assert row_of(record, "a").attempts == 1


def test_dispatchers_at_the_same_time_never_share_a_row(record: Record) -> None:
    fill(record, *(f"a{number}" for number in range(40)))
    taken: dict[str, list[str]] = {}
    gate = threading.Barrier(4)

    def work(worker: str) -> None:
        gate.wait()
        mine: list[str] = []
        while batch := claim(record, worker, limit=3):
            mine += batch
        taken[worker] = mine

    threads = [threading.Thread(target=work, args=(f"worker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [name for names in taken.values() for name in names]
    assert sorted(everything) == sorted(f"a{number}" for number in range(40))
