"""Delivering: at least once, in order, never dropped, and people hear of what does not arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from enforcement.adapters import Adapter, Answer, RecordingAdapter, Refused, Unreachable
from enforcement.adapters.posting import SignedPoster
from enforcement.adapters.webhook import WebhookAdapter
from enforcement.dispatcher import Dispatcher
from tests.enforcement.adapters.server import answer, running_gateway
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, policy, ring
from tests.enforcement.scripted import ScriptedAdapter
from vigil.clock import ScaledClock, SystemClock
from vigil.delivery import Delivery
from vigil.effect import ActionState, EffectKind
from vigil.record import Record, actions, kill_switches, ledger, outbox, reversals
from vigil.record.outbox import OutboxState
from vigil.settings import EnforcementSettings

DAY = timedelta(days=1)


class RunningClock:
    """Moved by hand like a simulated one, but its seconds are real ones: being late means something."""

    def __init__(self, start: datetime = NOW) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, span: timedelta) -> None:
        self._now += span

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


class Delivering:
    """A world whose effects go to one scripted adapter, and whose pages are recorded."""

    def __init__(self, record: Record, folder: Path, text: str = RING_THROTTLE, **replace: str) -> None:
        self.clock = RunningClock()
        # Pages go out at once here: when they do is for the tests of alerts.
        at_once = EnforcementSettings(group_wait_s=0, group_interval_s=0)
        self.world = World(record, [policy(folder, text, **replace)], clock=self.clock, enforcement=at_once)
        self.gateway = ScriptedAdapter()
        self.pages = RecordingAdapter()
        self.adapters: dict[str, Adapter] = {"log": self.gateway, "page": self.pages}
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        return Dispatcher(self.world.record, self.clock, self.adapters, self.world.settings)

    def run(self) -> int:
        done = 0
        while step := self.dispatcher.run_once():
            done += step
        return done

    def states(self) -> list[tuple[str, str, str]]:
        return [one for one in self.world.states() if one[1] != "page"]

    def row(self) -> outbox.OutboxRow:
        with self.world.record.read() as connection:
            [throttle] = actions.list_actions(connection, effects=[EffectKind.THROTTLE])
            row = outbox.of_action(connection, throttle.action_id)
        assert row is not None
        return row

    def titles(self) -> list[str]:
        return [one.parameters["title"] for one in self.pages.delivered]

    def entries(self) -> list[str]:
        with self.world.record.read() as connection:
            assert ledger.verify(connection).ok
            return [entry.entry_type for entry in ledger.entries(connection)]


@pytest.fixture
def delivering(record: Record, tmp_path: Path) -> Delivering:
    found = Delivering(record, tmp_path)
    found.world.open(ring("a"))
    found.world.enforce()
    return found


def away(delivery: Delivery) -> Answer:
    return Unreachable("gateway answered 503")


def test_a_delivered_effect_is_confirmed_with_its_time_and_a_ledger_entry(delivering: Delivering) -> None:
    delivering.clock.advance(timedelta(seconds=3))
    assert delivering.run() == 1
    [action] = delivering.world.actions()
    assert (action.state, action.confirmed_at) == (ActionState.CONFIRMED, NOW + timedelta(seconds=3))
    assert delivering.entries() == ["decided", "confirmed", "incident_contained"]
    assert delivering.run() == 0


def test_refused_is_failed_and_pages_once_an_incident(record: Record, tmp_path: Path) -> None:
    delivering = Delivering(record, tmp_path)
    delivering.world.open(ring("a", "b"))
    delivering.world.enforce()
    delivering.gateway.script = lambda delivery: Refused("gateway answered 404: no such account")
    delivering.run()
    assert {state for _, _, state in delivering.states()} == {"failed"}
    [page] = delivering.pages.delivered
    assert page.parameters["title"] == "log refuses throttle on account a"
    assert "gateway answered 404: no such account. It is not restricted by this." in page.parameters["text"]
    assert page.parameters["receiver"] == "oncall"
    delivering.clock.advance(DAY)
    assert delivering.run() == 0, "asking again is pointless"


def test_unreachable_is_tried_again_later_and_later_and_never_dropped(delivering: Delivering) -> None:
    delivering.gateway.script = away
    pauses = []
    for _ in range(14):
        before = len(delivering.gateway.asked)
        delivering.run()
        assert len(delivering.gateway.asked) == before + 1
        row = delivering.row()
        pauses.append((row.not_before - delivering.clock.now()).total_seconds())
        assert delivering.run() == 0, "not before its time"
        delivering.clock.advance(row.not_before - delivering.clock.now())
    assert 1 <= pauses[0] <= 3
    assert all(0.5 * 2 * 2**number <= pause <= 1.5 * 2 * 2**number for number, pause in enumerate(pauses[:9]))
    assert all(450 <= pause <= 1350 for pause in pauses[9:])
    delivering.gateway.script = None
    delivering.run()
    assert delivering.states() == [("a", "throttle", "confirmed")]
    assert {one.idempotency_key for one in delivering.gateway.asked} == {delivering.row().action_id}


def test_the_time_it_asks_for_is_waited(delivering: Delivering) -> None:
    delivering.gateway.script = lambda delivery: Unreachable("429", timedelta(minutes=7))
    delivering.run()
    assert delivering.row().not_before == NOW + timedelta(minutes=7)


def test_an_outside_system_that_stays_away_pages_and_again_every_four_hours(delivering: Delivering) -> None:
    delivering.gateway.script = away

    def wait(span: timedelta) -> list[str]:
        delivering.clock.advance(span)
        delivering.run()
        return delivering.titles()

    assert wait(timedelta(0)) == []
    assert wait(timedelta(minutes=4)) == []
    assert wait(timedelta(minutes=2)) == ["log has not taken effects since 12:00 UTC"]
    assert len(wait(HOUR)) == 1
    assert len(wait(4 * HOUR)) == 2
    assert (
        "1 effect(s) wait for log; the last answer: gateway answered 503."
        in delivering.pages.delivered[0].parameters["text"]
    )


def test_an_adapter_that_is_not_configured_or_fails_is_unreachable(delivering: Delivering) -> None:
    del delivering.adapters["log"]
    delivering.run()
    assert "no adapter 'log' is configured" in (delivering.row().last_error or "")

    def broken(delivery: Delivery) -> Answer:
        raise ZeroDivisionError

    delivering.adapters["log"] = ScriptedAdapter(broken)
    delivering.clock.advance(HOUR)
    delivering.run()
    assert delivering.row().last_error == "the adapter log failed: ZeroDivisionError"
    assert delivering.states() == [("a", "throttle", "dispatched")]


def test_pages_that_are_refused_or_stay_away_do_not_page_about_themselves(record: Record, tmp_path: Path) -> None:
    delivering = Delivering(record, tmp_path, page="oncall")
    delivering.world.open(ring("a"), ring("b", incident_id="inc_2"))
    delivering.world.enforce()
    answers: Iterator[Answer] = iter([Refused("no"), Unreachable("503"), Unreachable("503")])
    delivering.adapters["page"] = ScriptedAdapter(lambda delivery: next(answers))
    delivering.run()
    delivering.clock.advance(HOUR)
    delivering.run()
    pages = sorted(one.state.value for one in delivering.world.actions(effects=[EffectKind.PAGE]))
    assert pages == ["dispatched", "failed"]


class TestCrashes:
    def test_after_a_crash_behind_the_call_the_same_key_is_called_again(self, delivering: Delivering) -> None:
        class Crash(BaseException):
            pass

        def crash(delivery: Delivery) -> Answer:
            raise Crash

        delivering.gateway.script = crash
        with pytest.raises(Crash):
            delivering.run()
        delivering.gateway.script = None
        successor = delivering.another()
        assert successor.run_once() == 0, "the lease holds"
        delivering.clock.advance(timedelta(minutes=1))
        assert successor.run_once() == 1
        first, second = delivering.gateway.asked
        assert first == second
        assert delivering.states() == [("a", "throttle", "confirmed")]

    def test_a_dispatcher_that_lost_its_lease_writes_nothing(self, delivering: Delivering) -> None:
        successor = delivering.another()

        def slow(delivery: Delivery) -> Answer:
            # While this call hangs, its lease ends and another dispatcher delivers.
            delivering.gateway.script = None
            delivering.clock.advance(timedelta(minutes=2))
            assert successor.run_once() == 1
            return Refused("too late")

        delivering.gateway.script = slow
        delivering.run()
        assert delivering.states() == [("a", "throttle", "confirmed")]
        assert delivering.entries().count("confirmed") == 1
        assert "failed" not in delivering.entries()


def everything_stops(record: Record, delivering: Delivering) -> kill_switches.KillSwitch:
    scope = kill_switches.Scope.GLOBAL
    return kill_switches.engage(record, delivering.clock, scope, "", owner="ana", reason="storm", expires_at=NOW + HOUR)


class TestEnding:
    def test_a_person_lifts_what_is_confirmed(self, delivering: Delivering) -> None:
        delivering.run()
        [action] = delivering.world.actions()
        lift = reversals.lift(delivering.world.record, delivering.clock, action.action_id, "ana", "wrong account")
        assert reversals.lift(delivering.world.record, delivering.clock, action.action_id, "bob", "also") == lift
        assert delivering.states()[0][2] in ("confirmed", "dispatched")
        delivering.clock.advance(timedelta(seconds=5))
        delivering.run()
        assert delivering.gateway.effects() == ["throttle", "lift"]
        sent = delivering.gateway.asked[1]
        assert (sent.reverses, sent.parameters) == (action.action_id, {"effect": "throttle"})
        by_id = {one.action_id: one for one in delivering.world.actions()}
        lifted = by_id[action.action_id]
        assert (lifted.state, lifted.lifted_by, lifted.lifted_at) == (
            ActionState.LIFTED,
            "ana",
            NOW + timedelta(seconds=5),
        )
        assert by_id[lift.action_id].reason == "ana lifted it: wrong account"
        assert delivering.entries()[-2:] == ["confirmed", "lifted"]

    def test_what_never_went_out_is_withdrawn_without_a_call(self, delivering: Delivering) -> None:
        [action] = delivering.world.actions()
        after = reversals.lift(delivering.world.record, delivering.clock, action.action_id, "ana", "wrong")
        assert (after.action_id, after.state) == (action.action_id, ActionState.LIFTED)
        assert delivering.run() == 0
        assert delivering.gateway.asked == []

    def test_what_may_have_arrived_is_not_called_again_but_lifted(self, delivering: Delivering) -> None:
        delivering.gateway.script = away
        delivering.run()
        [action] = delivering.world.actions()
        reversals.lift(delivering.world.record, delivering.clock, action.action_id, "ana", "wrong")
        delivering.gateway.script = None
        delivering.run()
        assert delivering.gateway.effects() == ["throttle", "lift"]
        assert ("a", "throttle", "lifted") in delivering.states()

    @pytest.mark.parametrize("outcome", ["delivered", "unreachable", "refused", "crashed"])
    def test_a_lift_decided_during_the_call_goes_out_behind_it(self, delivering: Delivering, outcome: str) -> None:
        class Crash(BaseException):
            pass

        def script(delivery: Delivery) -> Answer | None:
            if delivery.effect is EffectKind.LIFT:
                return None
            reversals.lift(delivering.world.record, delivering.clock, delivery.action_id, "ana", "wrong")
            if outcome == "crashed":
                raise Crash
            said: dict[str, Answer] = {"unreachable": Unreachable("503"), "refused": Refused("404")}
            return said.get(outcome)

        delivering.gateway.script = script
        if outcome == "crashed":
            with pytest.raises(Crash):
                delivering.run()
            delivering.clock.advance(timedelta(minutes=1))
            delivering.dispatcher = delivering.another()
        delivering.run()
        assert delivering.run() == 0
        calls = delivering.gateway.effects()
        if outcome == "refused":
            assert calls == ["throttle"]
            assert {state for _, _, state in delivering.states()} == {"failed", "suppressed"}
        else:
            assert calls == ["throttle", "lift"]
            assert ("a", "throttle", "lifted") in delivering.states()

    def test_a_kill_switch_stops_what_has_not_gone_out_until_it_is_released(
        self, record: Record, tmp_path: Path
    ) -> None:
        delivering = Delivering(record, tmp_path)
        delivering.world.open(ring("a"))
        delivering.world.policies = [
            policy(tmp_path, RING_THROTTLE, policy="first", ladder="[notify_owner]"),
            policy(tmp_path, RING_THROTTLE),
        ]
        delivering.world.enforce()
        switch = everything_stops(record, delivering)
        assert delivering.run() == 0
        assert delivering.states() == [("a", "notify_owner", "suppressed"), ("a", "throttle", "suppressed")]
        kill_switches.release(record, delivering.clock, switch.switch_id, actor="ana")
        delivering.world.update("inc_1")
        delivering.world.enforce()
        delivering.run()
        assert delivering.gateway.effects() == ["notify_owner", "throttle"]
        assert delivering.states() == [("a", "notify_owner", "confirmed"), ("a", "throttle", "confirmed")]

    def test_a_kill_switch_lifts_what_may_have_arrived(self, delivering: Delivering) -> None:
        delivering.gateway.script = away
        delivering.run()
        everything_stops(delivering.world.record, delivering)
        delivering.gateway.script = None
        delivering.clock.advance(timedelta(minutes=1))
        delivering.run()
        assert delivering.gateway.effects() == ["throttle", "lift"]
        [throttle] = delivering.world.actions(effects=[EffectKind.THROTTLE])
        assert (throttle.state, throttle.lifted_by) == (ActionState.LIFTED, "ana")

    def test_what_is_over_before_it_could_be_delivered_does_not_go_out(self, delivering: Delivering) -> None:
        delivering.clock.advance(DAY)
        assert delivering.run() == 0
        assert delivering.states() == [("a", "throttle", "lifted")]
        assert delivering.gateway.asked == []

    def test_a_lift_that_is_refused_pages_and_a_person_may_try_again(self, delivering: Delivering) -> None:
        delivering.run()
        [action] = delivering.world.actions()
        delivering.gateway.script = lambda delivery: Refused("409")
        first = reversals.lift(delivering.world.record, delivering.clock, action.action_id, "ana", "wrong")
        delivering.run()
        assert delivering.titles() == ["log refuses lift on account a"]
        assert (
            "refused to lift throttle from account a: 409. It may still be restricted."
            in (delivering.pages.delivered[0].parameters["text"])
        )
        delivering.gateway.script = None
        second = reversals.lift(delivering.world.record, delivering.clock, action.action_id, "ana", "wrong")
        assert second.action_id != first.action_id
        delivering.run()
        assert ("a", "throttle", "lifted") in delivering.states()


def test_two_dispatchers_at_once_never_deliver_a_row_twice_at_the_same_time(record: Record, tmp_path: Path) -> None:
    delivering = Delivering(record, tmp_path)
    delivering.world.open(ring(*(f"a{number}" for number in range(30))))
    delivering.world.enforce()
    delivering.adapters["log"] = gateway = ScriptedAdapter(waits=True)
    dispatchers = [delivering.another() for _ in range(3)]

    def work(dispatcher: Dispatcher) -> None:
        while dispatcher.run_once():
            pass

    running = [threading.Thread(target=work, args=(one,)) for one in dispatchers]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    keys = [one.idempotency_key for one in gateway.asked]
    assert len(keys) == len(set(keys)) == 30
    assert {state for _, _, state in delivering.states()} == {"confirmed"}
    assert delivering.entries().count("confirmed") == 30


def test_through_a_real_gateway(record: Record, tmp_path: Path) -> None:
    delivering = Delivering(record, tmp_path)
    delivering.world.open(ring("a", "b", "c"))
    delivering.world.enforce()
    with running_gateway() as server:
        answers = {"a": 200, "b": 404, "c": 503}

        def behave(handler: Any) -> None:
            body = server.received[-1].body
            name = next(name for name in answers if f'"id":"{name}"'.encode() in body)
            answer(handler, answers[name])

        server.behave = behave
        # One after the other, so that the last body received is the one that is answered.
        poster = SignedPoster(server.url, "s", SystemClock(), 5.0)
        adapter = WebhookAdapter(poster)
        adapter.waits = False
        delivering.adapters["log"] = adapter
        delivering.run()
    assert delivering.states() == [
        ("a", "throttle", "confirmed"),
        ("b", "throttle", "failed"),
        ("c", "throttle", "dispatched"),
    ]


def test_leases_and_pauses_are_in_real_time_on_a_clock_that_runs_faster(record: Record, tmp_path: Path) -> None:
    started = datetime.now(UTC)
    clock = ScaledClock(NOW, started, 3_600.0)
    world = World(record, [policy(tmp_path, RING_THROTTLE, ladder="[ban]")], clock=clock)
    world.open(ring("a"))
    world.enforce()
    adapters: dict[str, Adapter] = {"log": ScriptedAdapter(away)}
    Dispatcher(record, clock, adapters, world.settings).run_once()
    with record.read() as connection:
        [row] = outbox.pending(connection)
    assert row.state is OutboxState.PENDING
    assert row.not_before - NOW > timedelta(minutes=55), "a second and more of real time"
