"""History is asked for in spans that are neither too large to group nor too many to ask."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detectors.embed.texts import EVENTS_A_SPAN, Span, busy_spans, joined
from tests.embed.traffic import NOON, event, write
from vigil.warehouse import Warehouse

HOUR = timedelta(hours=1)

hours_with_events = st.dictionaries(
    st.integers(0, 100).map(lambda number: NOON + number * HOUR), st.integers(1, 2 * EVENTS_A_SPAN), max_size=30
).map(lambda hours: sorted(hours.items(), reverse=True))


@given(hours_with_events)
def test_every_hour_is_in_one_span_of_one_day_and_bounded_size(hours: list[tuple[datetime, int]]) -> None:
    spans = list(joined(hours))
    assert spans == sorted(spans, key=lambda span: span.since, reverse=True)
    for span in spans:
        assert span.since.date() == (span.until - timedelta(microseconds=1)).date()
        inside = [events for hour, events in hours if span.since <= hour < span.until]
        assert sum(inside) <= EVENTS_A_SPAN or len(inside) == 1
    assert all(sum(span.since <= hour < span.until for span in spans) == 1 for hour, _ in hours)


def test_quiet_hours_of_a_day_are_asked_for_together() -> None:
    hours = [(NOON + 5 * HOUR, 10), (NOON, 10), (NOON - 13 * HOUR, 10)]
    assert list(joined(hours)) == [Span(NOON, NOON + 6 * HOUR), Span(NOON - 13 * HOUR, NOON - 12 * HOUR)]


def test_spans_keep_to_the_range_asked_for_and_skip_silence(warehouse: Warehouse) -> None:
    write(warehouse, [event("a", at=NOON), event("b", at=NOON + 3 * HOUR), event(None, at=NOON + 9 * HOUR)])
    since, until = NOON - timedelta(days=9), NOON + 3 * HOUR + timedelta(minutes=1)
    assert busy_spans(warehouse, since, until) == [Span(NOON, until)]
    assert busy_spans(warehouse, NOON + HOUR, NOON + 2 * HOUR) == []
