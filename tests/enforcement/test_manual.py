"""What persons propose: held for another person, and then as whatever rules decide."""

from __future__ import annotations

import pytest

from enforcement.commands import propose as propose_command
from enforcement.exports.cases import read_cases
from enforcement.exports.statements import automation
from enforcement.manual import propose
from enforcement.undo import Selection, undo
from tests.enforcement.console import Console
from tests.enforcement.sample import HOUR, NOW, World, account
from vigil.effect import ActionState, EffectKind
from vigil.errors import UsageError
from vigil.record import Record, approvals, reversals
from vigil.settings import EnforcementSettings


def test_another_person_approves_it_and_it_ends_like_everything_else(record: Record) -> None:
    world = World(record, [])
    wanted = propose(
        record, world.clock, world.settings, account("a"), EffectKind.THROTTLE, "ana", "spam",
        parameters={"rpm": 1}, duration=HOUR,
    )  # fmt: skip
    assert world.states() == [("a", "throttle", "held")]
    with pytest.raises(UsageError, match="ana proposed this action; another person"):
        approvals.approve(record, world.clock, wanted.action_id, "ana")
    approvals.approve(record, world.clock, wanted.action_id, "bob")
    world.settle()
    assert world.states() == [("a", "throttle", "confirmed")]
    assert world.recorder.delivered[0].parameters == {"rpm": 1}
    with record.read() as connection:
        [case] = read_cases(connection, None, None)
    assert automation(case) == "AUTOMATED_DECISION_NOT_AUTOMATED"
    world.clock.advance(HOUR)
    world.settle()
    assert ("a", "throttle", "lifted") in world.states()


def test_protected_principals_and_bans_need_two_more(record: Record) -> None:
    world = World(record, [], enforcement=EnforcementSettings(protected=("account:vip",)))
    suspend = propose(record, world.clock, world.settings, account("vip"), EffectKind.SUSPEND, "ana", "x")
    ban = propose(record, world.clock, world.settings, account("a"), EffectKind.BAN, "ana", "x")
    assert (suspend.approvals_needed, ban.approvals_needed) == (2, 2)
    assert approvals.approve(record, world.clock, ban.action_id, "bob").state is ActionState.HELD
    assert approvals.approve(record, world.clock, ban.action_id, "eve").state is ActionState.DISPATCHED
    world.settle()
    reversals.lift(record, world.clock, ban.action_id, "eve", "changed our mind")
    assert undo(record, world.clock, Selection(target=account("vip")), "bob", "no").withdrawn == 1


def test_wrong_proposals_are_explained(record: Record) -> None:
    world = World(record, [])
    for effect, actor, reason, message in (
        (EffectKind.NOTIFY_OWNER, "ana", "x", "restricts nothing"),
        (EffectKind.THROTTLE, "ana", "x", "needs an end"),
        (EffectKind.BAN, "ana", " ", "needs a reason"),
        (EffectKind.BAN, "policy:p", "x", "not a person's name"),
    ):
        with pytest.raises(UsageError, match=message):
            propose(record, world.clock, world.settings, account("a"), effect, actor, reason)
    with pytest.raises(UsageError, match="there is no incident"):
        propose(record, world.clock, world.settings, account("a"), EffectKind.BAN, "ana", "x", incident_id="inc_0")
    assert world.actions() == []


def test_the_command(console: Console) -> None:
    said = console.text("actions", "propose", "acme/a", "throttle", "--rpm", "5", "--for", "2h", "--reason", "spam")
    assert "waits for 1 other person(s)" in said
    [held] = console.json("actions", "list", "--state", "held")
    assert (held["parameters"], held["expires_at"][:13]) == ({"rpm": 5}, f"{NOW:%Y-%m-%d}T14")
    for arguments, message in (
        (("throttle", "--for", "1h"), "throttle needs --rpm or --tpm"),
        (("suspend", "--model", "m"), "suspend has no --model"),
        (("step_up",), "step_up needs an end"),
    ):
        assert message in console.fails("actions", "propose", "acme/a", *arguments, "--reason", "x")
    assert "on its way" in console.text("actions", "approve", str(held["action_id"]), "--actor", "bob")
    assert propose_command.__doc__
