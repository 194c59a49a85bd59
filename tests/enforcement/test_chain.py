"""Strikes and principals along the chain end user → key → account → organisation."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.enforcement.sample import HOUR, NOW, RING_THROTTLE, World, account, policy, ring
from vigil.effect import EffectKind, Target
from vigil.incident import Incident
from vigil.record import Record, reversals
from vigil.signal import IncidentKind, Subject, SubjectRole, SubjectType, Window
from vigil.warehouse.accounts import AccountFacts

KEYS = {
    "when": 'incident.kind == "key_compromise" && incident.severity >= MEDIUM',
    "ladder": "[throttle: {rpm: 5, for: 1h}, suspend: {for: 1d}, ban]",
}


def key_incident(key: str, day: int, owner: str = "owner", incident_id: str | None = None) -> Incident:
    moment = NOW + timedelta(days=day)
    subjects = (
        Subject(SubjectType.API_KEY, key),
        Subject(SubjectType.ACCOUNT, owner, 1.0, SubjectRole.VICTIM),
    )
    fields = {"opened_at": moment, "updated_at": moment, "window": Window(moment - HOUR, moment)}
    name = incident_id or f"inc_{key}_{day}"
    return ring(incident_id=name, kind=IncidentKind.KEY_COMPROMISE, subjects=subjects, **fields)


def play(world: World, *found: Incident) -> None:
    for incident in found:
        world.clock.advance_to(max(incident.opened_at, world.clock.now()))
        world.settle()
        world.open(incident)
        world.settle()


def effects(world: World) -> list[tuple[str, str, str]]:
    return [
        (one.target.type.value, one.target.id, one.effect.value)
        for one in world.actions()
        if one.effect.restricts and one.confirmed_at is not None
    ]


def test_whoever_comes_back_with_another_key_climbs(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, **KEYS, targets="{principal: api_key}")])
    play(world, key_incident("k1", 0), key_incident("k2", 2), key_incident("k9", 4, owner="somebody else"))
    assert effects(world) == [
        ("api_key", "k1", "throttle"),
        ("api_key", "k2", "suspend"),
        ("api_key", "k9", "throttle"),
    ]


def test_keys_of_one_incident_are_one_offence(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, **KEYS, targets="{principal: api_key}")])
    both = key_incident("k1", 0)
    subjects = (Subject(SubjectType.API_KEY, "k2"), *both.subjects)
    play(world, ring(incident_id="inc_b", kind=both.kind, subjects=subjects), key_incident("k3", 2))
    assert effects(world)[-1] == ("api_key", "k3", "suspend"), "one strike, not two"


def test_the_next_wider_principal_is_taken_once_narrow_ones_did_not_stop_it(record: Record, tmp_path: Path) -> None:
    wide = policy(tmp_path, RING_THROTTLE, **KEYS, targets="{principal: [api_key, account, org], widen_after: 2}")
    facts = {("acme", "owner"): AccountFacts(account_id="owner", org_id="o1")}
    world = World(record, [wide], facts=facts)
    play(world, *(key_incident(f"k{day}", day) for day in (0, 3, 6)))
    assert [target[:2] for target in effects(world)] == [("api_key", "k0"), ("api_key", "k3"), ("account", "owner")]
    assert effects(world)[-1][2] == "ban", "with the strikes of its keys"
    [ban] = world.actions(effects=[EffectKind.BAN])
    assert (ban.account_id, ban.org_id) == ("owner", "o1")
    play(world, key_incident("k9", 9))
    [covered] = world.actions(incident_id="inc_k9_9")
    assert covered.reason.endswith("is in force"), "the account is banned already"


def test_what_is_in_force_on_the_account_covers_its_keys(record: Record, tmp_path: Path) -> None:
    by_account = policy(tmp_path, RING_THROTTLE, policy="acc", ladder="[suspend: {for: 7d}]")
    by_key = policy(tmp_path, RING_THROTTLE, **{**KEYS, "ladder": "[throttle: {rpm: 1, for: 1h}]"})
    world = World(record, [by_account, by_key])
    play(world, ring("owner"), key_incident("k1", 1))
    [throttle] = world.actions(effects=[EffectKind.THROTTLE])
    assert "is in force on the account and covers it" in throttle.reason


def test_a_ruling_on_the_account_speaks_for_its_keys_but_one_on_a_key_not_for_another(
    record: Record, tmp_path: Path
) -> None:
    by_key = policy(tmp_path, RING_THROTTLE, **KEYS, targets="{principal: api_key}")
    world = World(record, [policy(tmp_path, RING_THROTTLE, policy="acc")])
    play(world, ring("owner", incident_id="inc_a"))
    [throttle] = world.actions()
    reversals.lift(record, world.clock, throttle.action_id, "ana", "a class")
    world.settle()
    world.policies = [by_key]
    play(world, key_incident("k1", 0))
    [suppressed] = world.actions(incident_id="inc_k1_0")
    assert suppressed.reason.startswith("human: ana lifted throttle")
    play(world, key_incident("k2", 0, owner="other"))
    [on_k2] = world.actions(incident_id="inc_k2_0")
    reversals.lift(record, world.clock, on_k2.action_id, "ana", "theirs")
    world.settle()
    play(world, key_incident("k3", 0, owner="other"))
    assert ("api_key", "k3", "throttle") in effects(world)


def test_a_protected_account_protects_its_keys(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE, **KEYS)])
    world.enforcement = world.enforcement.model_copy(update={"protected": ("account:owner",)})
    play(world, key_incident("k1", 0))
    assert [one.reason for one in world.actions()] == [
        "protected: account:owner is protected: no policy may restrict it"
    ]


def test_actions_know_where_their_target_stands(record: Record, tmp_path: Path) -> None:
    facts = {("acme", "a"): AccountFacts(account_id="a", org_id="o1")}
    world = World(record, [policy(tmp_path, RING_THROTTLE)], facts=facts)
    play(world, ring("a"))
    [action] = world.actions()
    assert (action.target, action.account_id, action.org_id) == (account("a"), "a", "o1")
    assert Target(SubjectType.ACCOUNT, "a", "acme") == action.target
