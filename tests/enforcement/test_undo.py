"""Undo: everything a version, an incident, a ring or the rules did to an account, once, resumably, with its owners told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from enforcement.undo import Selection, preview, undo
from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, account, policy, ring
from vigil.effect import Action, ActionState, EffectKind
from vigil.errors import UsageError
from vigil.record import Record, ledger, reversals
from vigil.signal import IncidentKind, Window

LATER = NOW + timedelta(days=3)
AFTER = {"opened_at": LATER, "updated_at": LATER, "window": Window(LATER - HOUR, LATER)}


def scene(record: Record, tmp_path: Path) -> World:
    """Two accounts throttled and over it, then suspended as repeat offenders; one throttle of another policy; one held."""
    world = World(
        record, [policy(tmp_path, RING_THROTTLE), policy(tmp_path, RING_THROTTLE, policy="other", tenants="[x]")]
    )
    world.open(ring("a", "b"))
    world.settle()
    world.clock.advance_to(LATER)
    world.settle()
    manual = policy(tmp_path, RING_THROTTLE, policy="manual", mode="manual", ladder="[step_up: {for: 1d}]")
    world.policies = [*world.policies, manual]
    world.open(ring("a", "b", incident_id="inc_2", **AFTER), ring("c", incident_id="inc_x", tenant_id="x"))
    world.settle()
    return world


def run(world: World, selection: Selection, **more: int) -> object:
    return undo(world.record, world.clock, selection, "ana", "a class", **more)


def after(world: World, **filters: object) -> set[tuple[str, str, str]]:
    world.dispatch()
    found = world.actions(**filters)
    return {(a.target.id, a.effect.value, a.state.value) for a in found if a.effect.restricts}


def test_a_policy_version_is_undone_and_nothing_else(record: Record, tmp_path: Path) -> None:
    world = scene(record, tmp_path)
    version = world.policies[0].version
    chosen = Selection(policy="ring-throttle", version=version)
    with record.read() as connection:
        seen = preview(connection, chosen, world.clock.now())
        assert preview(connection, Selection(policy="ring-throttle", version="0"), world.clock.now()).total == 0
    assert (seen.ends, seen.strikes, seen.withdrawn, seen.notices, seen.principals) == (2, 2, 0, 4, 2)
    assert seen.by_effect == {"throttle": 2, "suspend": 2}
    done = undo(record, world.clock, chosen, "ana", "the threshold was wrong")
    assert (done.actions, done.lifts, done.strikes, done.notices) == (4, 2, 2, 4)
    assert after(world, policy="ring-throttle", tenant="acme") == {
        (name, effect, "lifted") for name in "ab" for effect in ("throttle", "suspend")
    }
    assert ("c", "throttle", "confirmed") in world.states(), "another tenant's policy is not touched"
    told = [one for one in world.recorder.delivered if one.parameters.get("notice") == "restriction-undone"]
    assert sorted((one.target.id, one.effect.value) for one in told) == [
        (name, effect) for name in "ab" for effect in ("lift", "notify_owner")
    ]
    with record.read() as connection:
        assert ledger.verify(connection).ok
        kinds = [entry.entry_type for entry in ledger.entries(connection, limit=None)]
    assert (kinds.count("undo_begun"), kinds.count("undo_finished"), kinds.count("strike_removed")) == (1, 1, 2)


def test_undoing_twice_changes_nothing(record: Record, tmp_path: Path) -> None:
    world = scene(record, tmp_path)
    chosen = Selection(policy="ring-throttle")
    run(world, chosen)
    before = world.actions()
    with record.read() as connection:
        head = ledger.head(connection)
    again = undo(record, world.clock, chosen, "bob", "once more")
    assert (again.actions, again.lifts, again.notices) == (0, 0, 0)
    assert world.actions() == before
    with record.read() as connection:
        assert ledger.head(connection) == head


def test_an_interrupted_undo_goes_on_where_it_stopped(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = scene(record, tmp_path)
    original, calls = reversals.end_all, []

    def dying(*args: object) -> list[Action]:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(reversals, "end_all", dying)
    with pytest.raises(KeyboardInterrupt):
        run(world, Selection(policy="ring-throttle"), batch=1)
    monkeypatch.undo()
    with record.read() as connection:
        left = preview(connection, Selection(policy="ring-throttle"), world.clock.now()).total
    assert 0 < left < 4 + 1
    run(world, Selection(policy="ring-throttle"), batch=1)
    assert {state for _, _, state in after(world, policy="ring-throttle", tenant="acme")} == {"lifted"}
    with record.read() as connection:
        assert ledger.verify(connection).ok
    told = [one for one in world.recorder.delivered if one.parameters.get("notice") == "restriction-undone"]
    assert len(told) == 4, "each owner was told once of each"


def test_strikes_are_restored(record: Record, tmp_path: Path) -> None:
    world = scene(record, tmp_path)
    run(world, Selection(policy="ring-throttle"))
    world.dispatch()
    moment = LATER + timedelta(days=10)
    world.clock.advance_to(moment)
    world.policies = world.policies[:1]
    window = Window(moment - HOUR, moment)
    world.open(ring("a", incident_id="inc_3", opened_at=moment, updated_at=moment, window=window))
    world.settle()
    [again] = world.actions(incident_id="inc_3")
    assert (again.effect, again.state) == (EffectKind.THROTTLE, ActionState.CONFIRMED), "a first offence again"


def test_by_incident_with_what_waits_for_a_person(record: Record, tmp_path: Path) -> None:
    world = scene(record, tmp_path)
    done = undo(record, world.clock, Selection(incident_id="inc_2"), "ana", "a class")
    assert (done.lifts, done.withdrawn, done.strikes) == (2, 2, 0)
    assert after(world, incident_id="inc_2") == {
        *((name, "suspend", "lifted") for name in "ab"),
        *((name, "step_up", "suppressed") for name in "ab"),
    }
    world.update("inc_2")
    world.settle()
    assert world.states(states=[ActionState.HELD, ActionState.DISPATCHED], tenant="acme") == [], "people outrank rules"


def test_by_account_and_by_ring(record: Record, tmp_path: Path) -> None:
    world = scene(record, tmp_path)
    undo(record, world.clock, Selection(target=account("a")), "ana", "a class")
    found = after(world, tenant="acme")
    assert {state for name, _, state in found if name == "a"} == {"lifted", "suppressed"}
    assert ("b", "suspend", "confirmed") in found
    undo(record, world.clock, Selection(ring="inc_2"), "ana", "a class")
    assert ("b", "suspend", "lifted") in after(world, tenant="acme")
    world.open(ring("z", incident_id="inc_9", kind=IncidentKind.JAILBREAK))
    for chosen, message in (
        (Selection(ring="inc_9"), "is a jailbreak, not a ring"),
        (Selection(), "say what to undo"),
        (Selection(version="v"), "name the policy as well"),
        (Selection(incident_id="inc_404"), "there is no incident"),
    ):
        with pytest.raises(UsageError, match=message):
            run(world, chosen)
    with pytest.raises(UsageError, match="needs a reason"):
        undo(record, world.clock, Selection(policy="p"), "ana", " ")
    with pytest.raises(UsageError, match="not a person's name"):
        undo(record, world.clock, Selection(policy="p"), "expiry", "x")


def test_what_never_went_out_is_withdrawn_without_a_call(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("a"))
    world.enforce()
    run(world, Selection(incident_id="inc_1"))
    world.dispatch()
    assert world.recorder.delivered == []
    assert world.states() == [("a", "throttle", "lifted")]
