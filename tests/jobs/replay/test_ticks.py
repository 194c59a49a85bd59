"""When replay looks: at every moment at which something can be found, and rarely in silence."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from jobs.replay.ticks import PATIENCE, Cadence, TickSchedule

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


def looks(schedule: TickSchedule, news: list[datetime], until: datetime) -> list[datetime]:
    """Drives the schedule as replay does: events in, looks out."""
    seen = []

    def look_until(moment: datetime) -> None:
        while (due := schedule.next) is not None and due <= moment:
            seen.append(due)
            schedule.looked(due)

    for at in news:
        look_until(at)
        schedule.news(at)
    look_until(until)
    return seen


def test_nothing_is_looked_at_before_the_first_news() -> None:
    assert TickSchedule(MINUTE, []).next is None


def test_each_minute_of_much_news_is_looked_at_as_soon_as_it_is_over() -> None:
    news = [NOON + n * 2 * SECOND for n in range(120)]
    assert looks(TickSchedule(MINUTE, []), news, NOON + 4 * MINUTE) == [NOON + n * MINUTE for n in (1, 2, 3, 4)]


def test_sparse_news_waits_for_more_but_not_long() -> None:
    news = [NOON + n * 10 * MINUTE + SECOND for n in range(6)]
    found = looks(TickSchedule(MINUTE, []), news, NOON + HOUR)
    for at in news:
        assert any(at < moment <= at + PATIENCE * MINUTE for moment in found)
    assert len(found) <= 2 * len(news)


def test_a_window_is_looked_at_when_it_has_closed_and_settled() -> None:
    cadences = [Cadence(HOUR), Cadence(MINUTE, 30 * SECOND), Cadence(DAY, 2 * HOUR)]
    schedule = TickSchedule(MINUTE, cadences)
    found = looks(schedule, [NOON + 5 * MINUTE + SECOND], NOON + 2 * DAY)
    for expected in (NOON + HOUR, NOON + 14 * HOUR):
        assert expected in found


def test_silence_is_looked_at_ever_more_rarely_but_never_much_too_late() -> None:
    found = looks(TickSchedule(MINUTE, []), [NOON], NOON + 30 * DAY)
    assert found[:10] == [NOON + 5 * MINUTE, *(NOON + (5 + n * 10) * MINUTE for n in range(1, 10))]
    assert len(found) < 120
    for earlier, later in itertools.pairwise(found):
        assert later - earlier <= max((earlier - NOON) / 10, 2 * PATIENCE * MINUTE) + MINUTE


def test_silence_after_much_news_is_looked_at_each_minute_at_first() -> None:
    news = [NOON + n * SECOND for n in range(60)]
    found = looks(TickSchedule(MINUTE, []), news, NOON + 10 * MINUTE)
    assert found == [NOON + n * MINUTE for n in range(1, 11)]


def test_an_effect_that_ends_in_silence_is_looked_at_in_time() -> None:
    schedule = TickSchedule(MINUTE, [])
    schedule.news(NOON)
    schedule.expires(NOON + 10 * DAY + 30 * SECOND)
    found = looks(schedule, [], NOON + 11 * DAY)
    assert NOON + 10 * DAY + MINUTE in found
    schedule.expires(None)
    assert schedule.next is not None


def test_a_tick_that_does_not_divide_the_cadence_still_sees_every_window() -> None:
    schedule = TickSchedule(90 * SECOND, [Cadence(HOUR)])
    before, after = NOON + HOUR - 10 * SECOND, NOON + HOUR + 10 * SECOND
    found = looks(schedule, [before, after], NOON + 3 * HOUR)
    assert any(NOON + 2 * HOUR <= moment < NOON + 2 * HOUR + 90 * SECOND for moment in found)


def test_what_comes_later_does_not_change_when_was_looked() -> None:
    news = [NOON + n * 7 * MINUTE for n in (0, 1, 2, 9, 40, 41, 200)]
    for end in range(1, len(news)):
        until = news[end]
        whole = looks(TickSchedule(MINUTE, [Cadence(HOUR)]), news, NOON + 3 * DAY)
        part = looks(TickSchedule(MINUTE, [Cadence(HOUR)]), news[:end], until)
        assert part == [moment for moment in whole if moment <= until]
