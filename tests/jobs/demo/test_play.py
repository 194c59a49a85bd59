"""Events go out when the clock says so, in order, as the gateway lets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.demo.play import Played, play
from vigil.clock import SimulatedClock

START = datetime(2026, 11, 24, 14, tzinfo=UTC)


class Doorman:
    """Blocks one account."""

    def admit(self, event: dict[str, Any], at: datetime) -> dict[str, Any]:
        return {**event, "status": "blocked"} if event["account_id"] == "bad" else event


def events(count: int) -> list[dict[str, Any]]:
    return [
        {
            "event_time": (START + timedelta(minutes=minute)).isoformat(),
            "account_id": "bad" if minute % 2 else "good",
            "status": "ok",
        }
        for minute in range(count)
    ]


def test_nothing_is_sent_before_its_time() -> None:
    clock = SimulatedClock(START)
    sent: list[tuple[datetime, str]] = []

    def look(played: Played) -> bool:
        clock.advance(timedelta(seconds=20))
        return False

    played = play(
        iter(events(5)), clock, Doorman(), lambda event: sent.append((clock.now(), event["event_time"])), look
    )
    assert [time for _, time in sent] == [event["event_time"] for event in events(5)]
    assert all(
        datetime.fromisoformat(time) <= now < datetime.fromisoformat(time) + timedelta(minutes=1) for now, time in sent
    )
    assert played.sent == 5
    assert played.refused == {"blocked": 2}


def test_it_ends_when_told_to() -> None:
    clock = SimulatedClock(START)

    def look(played: Played) -> bool:
        clock.advance(timedelta(seconds=30))
        return played.at >= START + timedelta(minutes=2)

    assert play(iter(events(100)), clock, Doorman(), lambda event: None, look).sent == 3
