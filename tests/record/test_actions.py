"""Actions in the record: what comes back, what the states allow, what the database itself forbids."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError as DatabaseIntegrityError

from tests.record.actions_sample import NOW, target, throttle
from vigil.effect import ActionState, EffectKind
from vigil.errors import IntegrityError, UsageError
from vigil.record import Record, actions
from vigil.record.action_rows import target_key
from vigil.record.schema import approvals
from vigil.signal import SubjectType


def test_an_action_comes_back_as_it_was(record: Record) -> None:
    action = throttle(target=target("x" * 2000), reason="because\x00")
    with record.write() as connection:
        assert actions.store(connection, action)
    with record.read() as connection:
        found = actions.get(connection, "act_1")
    assert found.reason == "because\N{REPLACEMENT CHARACTER}"
    assert found.target == action.target
    assert (found.parameters, found.facts, found.trace) == (action.parameters, action.facts, action.trace)
    assert (found.at, found.expires_at, found.state) == (action.at, action.expires_at, action.state)


def test_an_unknown_action_is_a_usage_error(record: Record) -> None:
    with record.read() as connection, pytest.raises(UsageError, match="there is no action act_0"):
        actions.get(connection, "act_0")


def test_storing_again_changes_nothing(record: Record) -> None:
    with record.write() as connection:
        assert actions.store(connection, throttle())
        assert not actions.store(connection, throttle(reason="another"))
        assert actions.get(connection, "act_1").reason == throttle().reason


@pytest.mark.parametrize("first", [ActionState.SHADOW, ActionState.SUPPRESSED])
@pytest.mark.parametrize("then", [ActionState.HELD, ActionState.DISPATCHED])
def test_what_was_only_recorded_is_overtaken_by_the_same_for_real(
    record: Record, first: ActionState, then: ActionState
) -> None:
    with record.write() as connection:
        actions.store(connection, throttle(state=first))
        assert actions.store(connection, throttle(state=then, reason="now for real"))
        assert not actions.store(connection, throttle(state=first))
        assert actions.get(connection, "act_1").state is then


def test_one_effect_of_a_kind_on_a_target_at_a_time(record: Record) -> None:
    with record.write() as connection:
        actions.store(connection, throttle())
        actions.store(connection, throttle("act_2", effect=EffectKind.SUSPEND))
        actions.store(connection, throttle("act_3", target=target(tenant="other")))
        actions.store(connection, throttle("act_4", state=ActionState.HELD))
    with pytest.raises(DatabaseIntegrityError), record.write() as connection:
        actions.store(connection, throttle("act_5"))
    with record.write() as connection:
        actions.change(connection, throttle(), ActionState.LIFTED)
        assert actions.store(connection, throttle("act_5"))


def test_states_change_only_along_the_table(record: Record) -> None:
    for state, to in itertools.product(ActionState, ActionState):
        action = throttle(f"{state.value}-{to.value}", state=state, target=target(f"{state.value}-{to.value}"))
        with record.write() as connection:
            actions.store(connection, action)
            if to in actions.TRANSITIONS[state]:
                said = {"action_id": action.action_id, "actor": "ana", "verdict": "approved", "at": NOW, "note": ""}
                connection.execute(insert(approvals).values(**said))  # without it what is held stays
                changed = actions.change(connection, action, to, reason="moved")
                assert changed == actions.get(connection, action.action_id)
            else:
                with pytest.raises(IntegrityError, match=f"is {state.value} and cannot become {to.value}"):
                    actions.change(connection, action, to)
                assert actions.get(connection, action.action_id).state is state


def test_in_force_is_what_restricts_and_is_not_over(record: Record) -> None:
    with record.write() as connection:
        actions.store(connection, throttle())
        actions.store(connection, throttle("ban", effect=EffectKind.BAN, expires_at=None, state=ActionState.CONFIRMED))
        actions.store(connection, throttle("shadow", effect=EffectKind.SUSPEND, state=ActionState.SHADOW))
        actions.store(connection, throttle("note", effect=EffectKind.NOTIFY_OWNER, state=ActionState.CONFIRMED))
        actions.store(connection, throttle("bob", target=target("bob")))

        def names(moment: timedelta) -> list[str]:
            found = actions.in_force(connection, "acme", SubjectType.ACCOUNT, "mallory", NOW + moment)
            return [action.action_id for action in found]

        assert names(timedelta(0)) == ["act_1", "ban"]
        assert names(timedelta(days=1)) == ["ban"]


def test_lists_are_newest_first_and_filtered(record: Record) -> None:
    with record.write() as connection:
        actions.store(connection, throttle("old"))
        actions.store(
            connection,
            throttle("new", at=NOW + timedelta(hours=1), incident_id="inc_2", policy="p2", target=target("bob", "b")),
        )

        def names(**filters: object) -> list[str]:
            return [action.action_id for action in actions.list_actions(connection, **filters)]  # type: ignore[arg-type]

        assert names() == ["new", "old"]
        assert names(limit=1) == ["new"]
        assert names(incident_id="inc_1") == ["old"]
        assert names(target=target()) == ["old"]
        assert names(policy="p2") == ["new"]
        assert names(tenant="b") == ["new"]
        assert names(since=NOW + timedelta(minutes=1)) == ["new"]
        assert names(states=[ActionState.HELD]) == []
        assert names(effects=[EffectKind.THROTTLE]) == ["new", "old"]
        assert actions.counts(connection) == {("throttle", "dispatched"): 2}


def test_budgets_count_what_was_imposed_per_policy_and_tenant(record: Record) -> None:
    with record.write() as connection:
        states = [
            ActionState.DISPATCHED,
            ActionState.CONFIRMED,
            ActionState.LIFTED,
            ActionState.HELD,
            ActionState.SHADOW,
        ]
        for state in states:
            actions.store(connection, throttle(state.value, state=state, target=target(state.value)))
        actions.store(connection, throttle("suspend", effect=EffectKind.SUSPEND, target=target("dispatched")))
        actions.store(connection, throttle("other", target=target(tenant="other")))
        actions.store(connection, throttle("p2", policy="p2", target=target("p2")))
        assert actions.count_imposed(connection, "ring-containment", "acme", NOW) == 4
        assert actions.count_imposed(connection, "ring-containment", "acme", NOW + timedelta(seconds=1)) == 0
        assert actions.targets_in_force(connection, "ring-containment", "acme") == {
            target("dispatched"),
            target("confirmed"),
        }


def test_effects_whose_time_is_over_are_due_until_their_end_is_decided(record: Record) -> None:
    with record.write() as connection:
        actions.store(connection, throttle())
        actions.store(connection, throttle("forever", target=target("bob"), expires_at=None))
        actions.store(connection, throttle("held", state=ActionState.HELD))
        assert actions.due_to_lift(connection, NOW + timedelta(hours=23), 10) == []
        late = NOW + timedelta(days=1)
        [due] = actions.due_to_lift(connection, late, 10)
        assert due.action_id == "act_1"
        actions.note_lift(connection, due, actions.EXPIRY, late)
        assert actions.due_to_lift(connection, late, 10) == []
        assert actions.get(connection, "act_1").lift_decided_at == late


def test_histories_hold_what_the_ladder_and_people_need(record: Record) -> None:
    with record.write() as connection:
        actions.store(connection, throttle("old", at=NOW - timedelta(days=100), state=ActionState.LIFTED))
        actions.store(connection, throttle("standing", at=NOW - timedelta(days=100), effect=EffectKind.BAN))
        actions.store(connection, throttle("recent", state=ActionState.LIFTED))
        actions.store(connection, throttle("shadow", state=ActionState.SHADOW))
        found = actions.histories(connection, [target(), target("bob")], NOW - timedelta(days=90))
    assert {key: [action.action_id for action in rows] for key, rows in found.items()} == {
        target_key(target()): ["standing", "recent"]
    }
