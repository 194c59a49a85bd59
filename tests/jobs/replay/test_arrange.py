"""Events in order of time, whatever the order of the lines and however wrong some clocks are."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.origin import Origin
from ingest.outcome import Accepted, DeadLetter
from jobs.replay import arrange
from jobs.replay.arrange import REORDER, Arranger, Arrival, beginning
from vigil.event import InferenceEvent

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MAX_AGE, MAX_FUTURE = timedelta(days=30), timedelta(hours=1)


def item(at: datetime, line: int = 0) -> Accepted:
    event = InferenceEvent(
        event_id=uuid.UUID(int=line), event_time=at, tenant_id="acme", source="gateway", account_id="a1"
    )
    return Accepted(event, Origin(file="f.jsonl", line=line), NOON, b"{}")


def arrange_all(times: Iterable[datetime]) -> tuple[list[Arrival], list[DeadLetter]]:
    arranger = Arranger(MAX_AGE, MAX_FUTURE)
    found: list[Arrival | DeadLetter] = []
    for line, at in enumerate(times):
        found += arranger.feed(item(at, line))
    found += arranger.finish()
    return [one for one in found if isinstance(one, Arrival)], [one for one in found if isinstance(one, DeadLetter)]


def minutes(*numbers: float) -> list[datetime]:
    return [NOON + number * MINUTE for number in numbers]


def lines(found: Iterable[Arrival]) -> list[int]:
    return [one.item.origin.line for one in found]


def test_lines_within_five_minutes_are_put_in_order() -> None:
    arrivals, dead = arrange_all(minutes(3, 0, 4, 1, 6, 2))
    assert [one.item.event.event_time for one in arrivals] == minutes(0, 1, 2, 3, 4, 6)
    assert not any(one.late for one in arrivals)
    assert dead == []


def test_what_is_older_came_late_and_arrives_at_the_watermark() -> None:
    arrivals, dead = arrange_all(minutes(*range(40), 10))
    (late,) = [one for one in arrivals if one.late]
    assert late.item.event.event_time == NOON + 10 * MINUTE
    assert late.at == NOON + 39 * MINUTE
    assert dead == []


def test_a_gap_in_the_traffic_is_no_wrong_clock() -> None:
    for gap in (timedelta(hours=3), timedelta(days=200)):
        times = minutes(*range(30)) + [at + gap for at in minutes(*range(40, 70))]
        arrivals, dead = arrange_all(times)
        assert (lines(arrivals), dead) == (list(range(60)), [])


def test_sparse_traffic_is_nothing_but_gaps() -> None:
    times = [NOON + number * DAY for number in range(60)]
    arrivals, dead = arrange_all(times)
    assert (lines(arrivals), dead) == (list(range(60)), [])
    assert [one.at for one in arrivals] == times


def test_one_line_from_the_future_does_not_lead_the_others() -> None:
    times = minutes(*range(30))
    times.insert(10, NOON + 300 * DAY)
    arrivals, (dead,) = arrange_all(times)
    assert (dead.origin.line, dead.error_class) == (10, "time_out_of_range")
    assert "the lines that follow do not agree" in dead.reason
    assert len(arrivals) == 30
    assert not any(one.late for one in arrivals)


def test_a_clock_that_is_wrong_by_less_than_is_accepted_is_heard_at_its_time() -> None:
    times = minutes(*range(60))
    times.insert(10, NOON + 40 * MINUTE + timedelta(seconds=30))
    arrivals, dead = arrange_all(times)
    assert dead == []
    assert not any(one.late for one in arrivals)
    assert lines(arrivals).index(10) == 41


def test_the_last_line_alone_is_believed_but_a_contradicted_one_is_not() -> None:
    arrivals, dead = arrange_all([*minutes(*range(25)), NOON + 40 * DAY])
    assert (len(arrivals), dead) == (26, [])
    arrivals, dead = arrange_all([*minutes(*range(25)), NOON + 40 * DAY, *minutes(25, 26, 27)])
    assert (len(arrivals), [one.origin.line for one in dead]) == (28, [25])


def test_what_waits_for_a_time_that_never_comes_arrives_at_the_end() -> None:
    arrivals, _ = arrange_all([*minutes(*range(25)), NOON + 60 * MINUTE, *minutes(25, 26)])
    assert (arrivals[-1].item.origin.line, arrivals[-1].late, arrivals[-1].at) == (25, True, NOON + 26 * MINUTE)


def test_a_first_line_from_1970_is_not_the_beginning() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    arrivals, (dead,) = arrange_all([epoch, *minutes(*range(30))])
    assert (dead.origin.line, len(arrivals)) == (0, 30)
    assert "more than 30 days before" in dead.reason
    arrivals, (dead,) = arrange_all([*minutes(*range(30)), epoch])
    assert (dead.origin.line, len(arrivals)) == (30, 30)


def test_a_first_line_from_the_future_is_not_the_beginning() -> None:
    arrivals, (dead,) = arrange_all([NOON + 90 * DAY, *minutes(*range(30))])
    assert (dead.origin.line, len(arrivals)) == (0, 30)


def test_the_beginning_of_short_and_sparse_files() -> None:
    assert beginning([NOON], MAX_AGE) == NOON
    assert beginning([NOON + 40 * DAY, NOON], MAX_AGE) == NOON
    assert beginning([NOON + number * 40 * DAY for number in range(20)], MAX_AGE) == NOON


def test_an_empty_file_gives_nothing() -> None:
    assert arrange_all([]) == ([], [])


def test_the_buffer_is_bounded_also_in_dense_traffic() -> None:
    limit, arrange.MAX_WAITING_EVENTS = arrange.MAX_WAITING_EVENTS, 100
    try:
        arranger = Arranger(MAX_AGE, MAX_FUTURE)
        out: list[Arrival | DeadLetter] = []
        for number in range(2_000):
            out += arranger.feed(item(NOON + number * timedelta(milliseconds=1), number))
            assert number + 1 - len(out) <= 121
        out += arranger.finish()
        assert len(out) == 2_000
    finally:
        arrange.MAX_WAITING_EVENTS = limit


moments = st.one_of(
    st.integers(0, 600).map(lambda second: NOON + timedelta(seconds=10 * second)),
    st.integers(-80, 80).map(lambda day: NOON + day * DAY),
    st.sampled_from([datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(moments, max_size=80))
def test_every_line_comes_out_once_and_arrivals_never_go_back(times: list[datetime]) -> None:
    arrivals, dead = arrange_all(times)
    assert sorted([*lines(arrivals), *(one.origin.line for one in dead)]) == list(range(len(times)))
    assert [one.at for one in arrivals] == sorted(one.at for one in arrivals)
    for one in arrivals:
        assert one.late or one.at == one.item.event.event_time


@settings(max_examples=100, deadline=None)
@given(st.lists(moments, min_size=1, max_size=60), st.lists(moments, max_size=40))
def test_what_is_given_out_is_not_changed_by_what_comes_later(times: list[datetime], rest: list[datetime]) -> None:
    arranger = Arranger(MAX_AGE, MAX_FUTURE)
    early: list[Arrival | DeadLetter] = []
    for line, at in enumerate(times):
        early += arranger.feed(item(at, line))
    whole = Arranger(MAX_AGE, MAX_FUTURE)
    all_of_it: list[Arrival | DeadLetter] = []
    for line, at in enumerate([*times, *rest]):
        all_of_it += whole.feed(item(at, line))
    assert all_of_it[: len(early)] == early


def test_a_shuffle_within_the_horizon_changes_nothing() -> None:
    rng = random.Random(5)
    times = [NOON + number * timedelta(seconds=7) for number in range(500)]
    shuffled = sorted(times, key=lambda at: at + rng.random() * (REORDER - MINUTE))
    arrivals, dead = arrange_all(shuffled)
    assert [one.item.event.event_time for one in arrivals] == times
    assert (dead, any(one.late for one in arrivals)) == ([], False)
