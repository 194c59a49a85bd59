"""Pages with the semantics of Alertmanager: grouped, repeated, escalated, silenced, acknowledged, over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from enforcement import pages
from enforcement.adapters import Adapter, RecordingAdapter
from enforcement.alerts.keeper import AlertKeeper
from enforcement.dispatcher import Dispatcher
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, account, policy, ring
from tests.enforcement.scripted import ScriptedAdapter
from tests.faults.simulated import HandClock
from vigil.effect import EffectKind
from vigil.errors import UsageError
from vigil.record import Record, alerts, incidents, ledger, silences
from vigil.settings import EnforcementSettings
from vigil.signal import Severity

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Paging:
    """A world with a pager, on a clock moved by hand whose seconds are real."""

    def __init__(self, record: Record, folder: Path, **settings: Any) -> None:
        self.clock = HandClock(NOW)
        enforcement = EnforcementSettings(**settings)
        # It restricts nobody, so the incident is never contained and needs somebody.
        rules = [policy(folder, RING_THROTTLE, page="oncall", ladder="[notify_owner]")]
        self.world = World(record, rules, clock=self.clock, enforcement=enforcement)
        self.pager = RecordingAdapter()
        adapters: dict[str, Adapter] = {"log": ScriptedAdapter(), "page": self.pager}
        self.dispatcher = Dispatcher(record, self.clock, adapters, self.world.settings)
        self.keeper = AlertKeeper(record, self.clock, enforcement)

    def turn(self, span: timedelta = timedelta(0)) -> None:
        """Time passes, and everything that is to be done is done."""
        self.clock.move(span)
        self.keeper.run_once()
        self.world.enforce()
        while self.dispatcher.run_once():
            pass

    def sent(self) -> list[tuple[str, str]]:
        """(receiver, title) of what went out."""
        return [(one.parameters["receiver"], one.parameters["title"]) for one in self.pager.delivered]

    def open(self) -> alerts.Alert:
        with self.world.record.read() as connection:
            [alert] = alerts.open_alerts(connection)
        return alert


@pytest.fixture
def paging(record: Record, tmp_path: Path) -> Paging:
    found = Paging(record, tmp_path)
    found.world.open(ring("a"))
    found.turn()
    return found


def test_the_first_page_of_an_incident_waits_for_others_and_the_newest_speaks_for_all(paging: Paging) -> None:
    assert paging.sent() == []
    paging.clock.move(10 * SECOND)
    paging.world.update("inc_1", severity=Severity.CRITICAL)
    paging.turn()
    assert paging.sent() == []
    paging.turn(20 * SECOND)
    assert paging.sent() == [("oncall", "critical: 3 accounts act as one")]
    reasons = [one.reason for one in paging.world.actions(effects=[EffectKind.PAGE]) if one.state.value == "suppressed"]
    assert [reason.split(":")[0] for reason in reasons] == ["grouping"]


def test_the_next_page_about_it_waits_for_the_interval(paging: Paging) -> None:
    paging.turn(30 * SECOND)
    assert len(paging.sent()) == 1
    paging.clock.move(MINUTE)
    paging.world.update("inc_1", severity=Severity.CRITICAL)
    paging.turn()
    paging.turn(3 * MINUTE)
    assert len(paging.sent()) == 1
    paging.turn(MINUTE)
    assert paging.sent()[1:] == [("oncall", "critical: 3 accounts act as one")]


def test_what_nobody_takes_on_is_said_again_every_four_hours(paging: Paging) -> None:
    paging.turn(30 * SECOND)
    paging.turn(4 * HOUR - MINUTE)
    assert len(paging.sent()) == 1
    paging.turn(MINUTE)
    paging.turn(4 * HOUR)
    assert len(paging.sent()) == 3
    assert paging.pager.delivered[-1].parameters["text"].startswith("Now: repeat: nobody has taken it on\nWhat: ")


def test_an_acknowledgement_ends_repeats_and_is_in_the_ledger(paging: Paging) -> None:
    paging.turn(30 * SECOND)
    alerts.acknowledge(paging.world.record, paging.clock, paging.open().alert_id, "ana", "on it")
    paging.turn(9 * HOUR)
    assert len(paging.sent()) == 1
    with paging.world.record.read() as connection:
        [entry] = ledger.entries(connection, entry_type="alert_acknowledged")
    assert entry.actor == "ana"
    with pytest.raises(UsageError, match="ana has acknowledged it already"):
        alerts.acknowledge(paging.world.record, paging.clock, paging.open().alert_id, "bob")


def test_what_becomes_worse_pages_in_spite_of_the_acknowledgement(paging: Paging) -> None:
    paging.turn(30 * SECOND)
    alerts.acknowledge(paging.world.record, paging.clock, paging.open().alert_id, "ana")
    paging.world.update("inc_1", severity=Severity.CRITICAL)
    paging.turn(10 * MINUTE)
    assert len(paging.sent()) == 2


def test_nobody_answers_and_the_next_ones_are_called_in_order(record: Record, tmp_path: Path) -> None:
    paging = Paging(record, tmp_path, escalation=("second", "head"))
    paging.world.open(ring("a"))
    paging.turn()
    paging.turn(30 * SECOND)
    paging.turn(14 * MINUTE)
    assert [receiver for receiver, _ in paging.sent()] == ["oncall"]
    paging.turn(2 * MINUTE)
    paging.turn(MINUTE)
    assert [receiver for receiver, _ in paging.sent()] == ["oncall", "second"]
    paging.turn(15 * MINUTE)
    paging.turn(MINUTE)
    assert [receiver for receiver, _ in paging.sent()] == ["oncall", "second", "head"]
    assert "escalation: oncall did not answer" in paging.pager.delivered[-1].parameters["text"]
    paging.turn(HOUR)
    assert len(paging.sent()) == 3


def test_the_end_of_an_incident_closes_its_alert_and_says_so(paging: Paging) -> None:
    paging.turn(30 * SECOND)
    incidents.resolve(paging.world.record, paging.clock, "inc_1", "ana", "false alarm")
    paging.turn(MINUTE)
    assert paging.pager.delivered[-1].parameters["status"] == "resolved"
    assert paging.sent()[-1] == ("oncall", "over: high: 3 accounts act as one")
    paging.turn(9 * HOUR)
    assert len(paging.sent()) == 2


class TestSilences:
    def silence(self, paging: Paging, **matchers: str) -> silences.Silence:
        end = paging.clock.now() + 3 * HOUR
        return silences.add(paging.world.record, paging.clock, matchers, "ana", "drill", end)

    def test_what_fits_is_kept_with_author_and_reason_and_said_when_it_ends(self, paging: Paging) -> None:
        self.silence(paging, policy="ring-*", tenant="acme")
        paging.turn(HOUR)
        assert paging.sent() == []
        [page] = paging.world.actions(effects=[EffectKind.PAGE])
        assert page.state.value == "suppressed"
        assert page.reason.startswith("silence: ana until 2026-11-01T15:00+00:00: drill")
        paging.turn(2 * HOUR)
        paging.turn(MINUTE)
        assert len(paging.sent()) == 1, "it still burns"

    def test_what_does_not_fit_goes_out(self, paging: Paging) -> None:
        self.silence(paging, policy="ring-*", tenant="other")
        paging.turn(30 * SECOND)
        assert len(paging.sent()) == 1

    def test_it_ends_by_hand_and_when_it_kept_nothing_for_a_day(self, paging: Paging) -> None:
        end = paging.clock.now() + 20 * 24 * HOUR
        unused = silences.add(paging.world.record, paging.clock, {"policy": "other"}, "ana", "move", end)
        released = silences.add(paging.world.record, paging.clock, {"policy": "third"}, "ana", "move", end)
        silences.release(paging.world.record, paging.clock, released.silence_id, "bob")
        with paging.world.record.read() as connection:
            assert silences.active(connection, paging.clock.now()) == [unused]
            assert silences.active(connection, paging.clock.now() + 25 * HOUR) == []

    @pytest.mark.parametrize(
        ("matchers", "reason", "hours", "said"),
        [
            ({}, "x", 1, "would hide the next fire"),
            ({"title": "*"}, "x", 1, "would hide the next fire"),
            ({"colour": "red"}, "x", 1, "cannot match 'colour'"),
            ({"policy": "p"}, " ", 1, "needs a reason"),
            ({"policy": "p"}, "x", 0, "has to end within 30 days"),
            ({"policy": "p"}, "x", 31 * 24, "has to end within 30 days"),
        ],
    )
    def test_one_that_hides_too_much_is_refused(
        self, paging: Paging, matchers: dict[str, str], reason: str, hours: int, said: str
    ) -> None:
        end = paging.clock.now() + hours * HOUR
        with pytest.raises(UsageError, match=said):
            silences.add(paging.world.record, paging.clock, matchers, "ana", reason, end)


def test_a_page_about_vigil_itself_has_every_line_and_can_be_taken_on(paging: Paging) -> None:
    def trouble() -> bool:
        with paging.world.record.write() as connection:
            return pages.warn(
                connection,
                paging.clock.now(),
                key=("probe",),
                target=account("a"),
                title="the gateway is away",
                what="effects wait",
                do_now="look at it",
                repeats=True,
            )

    assert trouble()
    paging.turn(30 * SECOND)
    [page] = [one for one in paging.pager.delivered if one.policy == pages.SYSTEM]
    lines = [line.split(":")[0] for line in page.parameters["text"].splitlines()]
    assert lines == ["What", "Who", "How sure", "Since", "Already done", "Do now"]
    with paging.world.record.read() as connection:
        [alert] = [one for one in alerts.open_alerts(connection) if one.policy == pages.SYSTEM]
    alerts.acknowledge(paging.world.record, paging.clock, alert.alert_id, "ana")
    paging.clock.move(4 * HOUR)
    assert trouble(), "it lasts"
    paging.turn(MINUTE)
    assert len([one for one in paging.pager.delivered if one.policy == pages.SYSTEM]) == 1


def test_a_clock_that_is_set_back_keeps_no_page_waiting(paging: Paging) -> None:
    paging.turn(-3 * HOUR)
    assert len(paging.sent()) == 1
