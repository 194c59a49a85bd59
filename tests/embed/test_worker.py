"""Every distinct text gets one vector, whatever happens to workers, connections and history."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest

from detectors.embed import worker as worker_module
from detectors.embed.worker import Batch
from detectors.encoders import Encoder, identity
from tests.embed.traffic import NOON, cosines, event, stored, total, vectors_of_events, worker, write
from vigil.clock import SimulatedClock
from vigil.errors import WarehouseUnavailable
from vigil.event import Message
from vigil.warehouse import Warehouse

HOUR = timedelta(hours=1)
TEXTS = [
    f"please tell me about the {word} of the river in winter" for word in ["width", "depth", "smell", "taste", "colour"]
]


class Stopper(threading.Event):
    """Ends a worker's loop at its n-th wait, without any time passing."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waited_s: list[float] = []
        self._waits = waits

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waited_s.append(timeout)
        if len(self.waited_s) == self._waits:
            self.set()
        return self.is_set()


class LosesAnswers(Warehouse):
    """The real warehouse behind a network that breaks after an insert has arrived."""

    lost = 0

    def insert(self, table: str, columns: Any, data: Any, *, token: str | None = None) -> int:
        rows = super().insert(table, columns, data, token=token)
        if table == "embeddings" and self.lost == 0:
            self.lost += 1
            raise WarehouseUnavailable("the answer was lost")
        return rows


class AwayAtFirst(Warehouse):
    """The real warehouse after a number of calls that find nobody."""

    calls_left = 2

    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        if self.calls_left:
            self.calls_left -= 1
            raise WarehouseUnavailable("nobody there yet")
        return super().query(sql, params, settings=settings)


def again(kind: type[Warehouse], warehouse: Warehouse) -> Warehouse:
    """A connection of another kind to the same database."""
    other = kind.__new__(kind)
    other.__dict__.update(warehouse.__dict__)
    return other


def test_each_distinct_text_is_embedded_once_and_found_by_every_event_that_has_it(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    events = [event(text, at=NOON + timedelta(seconds=n)) for n in range(4) for text in TEXTS]
    events += [event(f"  {TEXTS[0].upper()}\n"), event(TEXTS[0], tenant="other"), event(None)]
    write(warehouse, events)
    assert total(list(worker(warehouse, static, clock).embed(NOON - HOUR, NOON + HOUR))) == Batch(len(TEXTS) + 1, 0)
    assert stored(warehouse) == len(TEXTS) + 1
    found = vectors_of_events(warehouse, identity(static))
    assert found.keys() == {one.event_id for one in events if one.input}
    expected = static.encode([one.last_user_text() for one in events[:-1]])
    assert cosines([found[one.event_id] for one in events[:-1]], expected).min() > 0.99999


def test_a_restarted_worker_has_nothing_to_do_until_a_new_text_comes(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    write(warehouse, [event(text) for text in TEXTS])
    list(worker(warehouse, static, clock).embed(NOON - HOUR, NOON + HOUR))
    assert list(worker(warehouse, static, clock).embed(NOON - HOUR, NOON + HOUR)) == []
    write(warehouse, [event(TEXTS[0]), event("something new")])
    assert list(worker(warehouse, static, clock).embed(NOON - HOUR, NOON + HOUR)) == [Batch(1, 0)]


def test_two_shares_take_different_texts_and_together_all(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    texts = [f"{text} {number}" for text in TEXTS for number in range(20)]
    write(warehouse, [event(text) for text in texts])
    first = total(list(worker(warehouse, static, clock, "1/2").embed(NOON, NOON + HOUR)))
    second = total(list(worker(warehouse, static, clock, "2/2").embed(NOON, NOON + HOUR)))
    assert first.embedded + second.embedded == stored(warehouse) == len(texts)
    assert min(first.embedded, second.embedded) > len(texts) // 4


def test_a_new_version_of_the_encoder_embeds_again_and_leaves_the_old_vectors(
    warehouse: Warehouse, static: Encoder, other_version: Encoder, clock: SimulatedClock
) -> None:
    events = [event(text) for text in TEXTS]
    write(warehouse, events)
    for encoder in (static, other_version):
        list(worker(warehouse, encoder, clock).embed(NOON, NOON + HOUR))
    assert {len(vector) for vector in vectors_of_events(warehouse, identity(static)).values()} == {256}
    assert {len(vector) for vector in vectors_of_events(warehouse, identity(other_version)).values()} == {128}


def test_history_is_embedded_by_the_day_and_only_within_the_range(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    days = [NOON - timedelta(days=day) for day in range(4)]
    events = [event(TEXTS[0], at=at) for at in days] + [event(TEXTS[1], at=days[2] - timedelta(hours=13))]
    write(warehouse, events)
    batches = list(worker(warehouse, static, clock).embed(days[2], days[0]))
    assert batches == [Batch(1, 0)] * 2
    assert vectors_of_events(warehouse, identity(static)).keys() == {events[1].event_id, events[2].event_id}
    # A text seen again later on a day that has its vector needs none.
    write(warehouse, [event(TEXTS[0], at=days[1] + 5 * HOUR)])
    assert list(worker(warehouse, static, clock).embed(days[2], days[0])) == []


def test_a_text_whose_body_is_gone_is_passed_over(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_KEYS_AT_A_TIME", 5)
    write(warehouse, [event(f"{text} one") for text in TEXTS * 2])
    warehouse.command("TRUNCATE TABLE bodies")
    kept = [event(f"{text} {number}") for text in TEXTS for number in ("two", "three")]
    write(warehouse, kept)
    for _ in range(2):
        assert total(list(worker(warehouse, static, clock).embed(NOON, NOON + HOUR))).without_text == len(TEXTS)
    assert vectors_of_events(warehouse, identity(static)).keys() == {one.event_id for one in kept}


def test_a_reused_event_id_never_gives_a_fingerprint_the_vector_of_another_text(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    shared = uuid.uuid4()
    first, second = event(TEXTS[0], event_id=shared), event("quite another matter", tenant="other", event_id=shared)
    write(warehouse, [first])
    write(warehouse, [second])
    # The same tenant sends other words under the id it has used.
    write(warehouse, [event("the weather on Tuesday", event_id=shared, at=NOON + timedelta(seconds=1))])
    list(worker(warehouse, static, clock).embed(NOON, NOON + HOUR))
    rows = warehouse.query(
        "SELECT tenant_id, arrayMap(x -> toFloat32(x), vec) FROM embeddings ORDER BY tenant_id, event_time"
    )
    expected = static.encode([TEXTS[0], "the weather on Tuesday", "quite another matter"])
    assert [tenant for tenant, _ in rows] == ["acme", "acme", "other"]
    assert cosines([vector for _, vector in rows], expected).min() > 0.99999


def test_the_vector_is_of_the_last_user_turn_however_it_is_written(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    padding = "lorem ipsum " * 20_000
    events = [
        event((Message("user", "an old question"), Message("assistant", "an answer"), Message("user", TEXTS[0]))),
        event((Message("system", "rules"), Message("user", TEXTS[1]), Message("tool", "untrusted words"))),
        event((Message("user", TEXTS[2]), Message("user", None), Message("user", ""))),
        event((Message("user", 'quotes " and \\ and \u0000 and \U0001f600 and \u2028 lines'),)),
        event('[{"role":"user","content":"typed by hand"}]'),
        event('[{"role":"user","content":"broken'),
        event("[1, 2, 3] are numbers"),
        event("[]"),
        event(" \n\t plain\u00a0text of Ärger und Öl"),
        event(f"{padding} {TEXTS[3]}"),
        event((Message("user", f"{TEXTS[4]} {padding}"),)),
    ]
    write(warehouse, events)
    assert total(list(worker(warehouse, static, clock).embed(NOON, NOON + HOUR))).without_text == 0
    found = vectors_of_events(warehouse, identity(static))
    expected = static.encode([one.last_user_text() for one in events])
    assert list(cosines([found[one.event_id] for one in events], expected).round(4)) == [1.0] * len(events)


def test_an_insert_whose_answer_was_lost_is_repeated_without_doubling(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    write(warehouse, [event(text) for text in TEXTS])
    embedder = worker(again(LosesAnswers, warehouse), static, clock)
    with pytest.raises(WarehouseUnavailable):
        list(embedder.embed(NOON, NOON + HOUR))
    assert list(embedder.embed(NOON, NOON + HOUR)) == []
    assert stored(warehouse) == len(TEXTS)


def test_the_loop_waits_for_clickhouse_longer_each_time_and_goes_on_by_itself(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    write(warehouse, [event(TEXTS[0]), event(TEXTS[1], at=NOON - 20 * HOUR), event(TEXTS[2], at=NOON - 30 * HOUR)])
    stop = Stopper(waits=3)
    worker(again(AwayAtFirst, warehouse), static, clock).run(
        stop, every=timedelta(seconds=2), lookback=24 * HOUR, ahead=HOUR
    )
    assert stop.waited_s[:2] == [2.0, 4.0]
    assert stored(warehouse) == 2  # the fresh one and, by the first sweep, the one of yesterday


def test_the_loop_finds_late_events_in_its_next_sweep(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    class Traffic(Stopper):
        """What arrives while the loop waits."""

        def wait(self, timeout: float | None = None) -> bool:
            write(warehouse, [event(f"late text {len(self.waited_s)}", at=NOON - 3 * HOUR)])
            clock.advance(worker_module.SWEEP_EVERY)
            return super().wait(timeout)

    worker(warehouse, static, clock).run(Traffic(waits=3), every=timedelta(seconds=2), lookback=24 * HOUR, ahead=HOUR)
    assert stored(warehouse) == 2


def test_an_unreachable_clickhouse_does_not_end_the_loop(static: Encoder, clock: SimulatedClock) -> None:
    stop = Stopper(waits=8)
    worker(Warehouse("clickhouse://vigil:x@127.0.0.1:1/vigil"), static, clock).run(
        stop, every=timedelta(seconds=2), lookback=HOUR, ahead=HOUR
    )
    assert stop.waited_s == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
