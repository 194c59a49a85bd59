"""Scoring: what finds an instance, what is false, who was acted upon wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.evaluation.scoring import InstanceScore, RunScore, score_run
from jobs.evaluation.verdicts import Restriction, Verdict
from simulator.truth import Instance
from tests.jobs.evaluation.truths import (
    MINUTE,
    NOON,
    TENANT,
    attack,
    lookalike,
    restriction,
    truth,
    verdict,
)
from vigil.signal import IncidentKind, Severity, SubjectRole, SubjectType


def score(
    *instances: Instance, said: tuple[Verdict, ...] = (), done: tuple[Restriction, ...] = (), **more: object
) -> RunScore:
    return score_run("run", truth(*instances), said, done, account_days=100, **more)  # type: ignore[arg-type]


def one(run: RunScore) -> InstanceScore:
    (instance,) = run.instances
    return instance


def test_an_incident_that_names_all_members_finds_the_ring() -> None:
    found = one(score(attack(["a", "b", "c", "d"]), said=(verdict(["a", "b", "c", "x"]),)))
    assert found.found
    assert found.delay_s == 20 * 60, "counted from the first moment at which it was detectable"
    assert (found.named, found.right, found.wanted) == (4, 3, 4)


def test_what_is_said_before_it_could_be_seen_has_no_negative_delay() -> None:
    assert one(score(attack(["a"]), said=(verdict(["a"], at=NOON + MINUTE),))).delay_s == 0


@dataclass(frozen=True)
class Miss:
    said: Verdict
    false: int
    misnamed: int = 0
    recorded: bool = False


@pytest.mark.parametrize(
    "miss",
    [
        Miss(verdict(["a"], kind=IncidentKind.ACCOUNT_ANOMALY), false=0, misnamed=1),
        Miss(verdict(["a"], severity=Severity.LOW), false=0, recorded=True),
        Miss(verdict(["x"]), false=1),
        Miss(verdict(["a"], tenant="orbit-api"), false=1),
        Miss(verdict(["a"], at=NOON - MINUTE), false=1),
        Miss(verdict(["a"], at=NOON + timedelta(hours=26)), false=1),
        Miss(verdict(["a"], role=SubjectRole.CONTEXT), false=1),
    ],
)
def test_an_attack_is_not_found_by(miss: Miss) -> None:
    run = score(attack(["a", "b"]), said=(miss.said,))
    assert not one(run).found
    assert one(run).recorded is miss.recorded
    assert len(run.false_incidents) == miss.false
    assert run.misnamed == miss.misnamed


def test_a_rule_that_names_no_kind_finds_any_attack_it_speaks_of() -> None:
    assert one(score(attack(["a"]), said=(verdict(["a"], kind=None),))).found


def test_an_incident_about_a_lookalike_is_a_violation_and_false() -> None:
    run = score(lookalike(["a", "b"]), said=(verdict(["a"]), verdict(["b"], severity=Severity.LOW, ref="inc_2")))
    assert one(run).violations == ("inc_1",), "low incidents ask for nobody's time"
    assert [incident.ref for incident in run.false_incidents] == ["inc_1"]
    assert [incident.ref for incident in run.false_low] == ["inc_2"]


def test_who_takes_part_in_both_is_blamed_rightly() -> None:
    run = score(attack(["a"]), lookalike(["a", "b"]), said=(verdict(["a"]),))
    assert run.instances[0].found
    assert run.instances[1].violations == ()
    assert run.false_incidents == ()


def test_victims_are_named_as_victims() -> None:
    wave = attack(["a", "b"], kinds=(IncidentKind.PROMPT_INJECTION,), role=SubjectRole.VICTIM)
    blamed = verdict(["a"], kind=IncidentKind.PROMPT_INJECTION)
    named = verdict(["a", "b"], kind=IncidentKind.PROMPT_INJECTION, role=SubjectRole.VICTIM)
    assert (one(score(wave, said=(named,))).right, one(score(wave, said=(named,))).named) == (2, 2)
    assert one(score(wave, said=(blamed,))).right == 0, "a victim named as offender is not named rightly"
    assert [wrong.account_id for wrong in score(wave, done=(restriction("a"),)).wrongly_acted] == ["a"]


def test_restrictions_are_right_only_on_offenders_after_they_began() -> None:
    ring = attack(["a", "b"])
    run = score(
        ring,
        done=(
            restriction("a"),
            restriction("x", ref="act_2"),
            restriction("x", ref="act_3"),
            restriction("b", at=NOON - MINUTE, ref="act_4"),
        ),
    )
    assert [(wrong.account_id, wrong.ref) for wrong in run.wrongly_acted] == [("b", "act_4"), ("x", "act_2")]


def test_a_key_stands_for_the_accounts_that_own_it() -> None:
    owners = {
        (TENANT, (SubjectType.API_KEY, "key_a")): frozenset({"a"}),
        (TENANT, (SubjectType.ORG, "org")): frozenset({"a", "x", "y"}),
    }
    done = (
        restriction("key_a", type=SubjectType.API_KEY),
        restriction("org", type=SubjectType.ORG, ref="act_2"),
        restriction("key_of_nobody", type=SubjectType.API_KEY, ref="act_3"),
    )
    run = score(attack(["a"]), done=done, owners=owners)
    assert [wrong.account_id for wrong in run.wrongly_acted] == ["x", "y", "api_key:key_of_nobody"]


ACCOUNTS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)
VERDICTS = st.lists(
    st.builds(
        lambda accounts, minutes, kind, severity: verdict(
            accounts, at=NOON + minutes * MINUTE, kind=kind, severity=severity
        ),
        ACCOUNTS,
        st.integers(-120, 2_000),
        st.sampled_from([None, IncidentKind.COORDINATED_RING, IncidentKind.JAILBREAK]),
        st.sampled_from(list(Severity)),
    ),
    max_size=8,
)


def with_refs(said: list[Verdict]) -> tuple[Verdict, ...]:
    return tuple(msgspec.structs.replace(one, ref=f"inc_{number}") for number, one in enumerate(said))


@settings(deadline=None)
@given(ACCOUNTS, ACCOUNTS, VERDICTS)
def test_every_incident_is_counted_once_and_shares_are_shares(
    ring: list[str], crowd: list[str], said: list[Verdict]
) -> None:
    numbered = with_refs(said)
    run = score(attack(ring), lookalike(crowd), said=numbered)
    found, harmless = run.instances
    queued = [one for one in numbered if one.severity >= Severity.MEDIUM]
    assert len(queued) == len(run.false_incidents) + run.misnamed + len(found.finders)
    assert found.right <= min(found.named, found.wanted)
    assert found.found == (found.delay_s is not None) == bool(found.finders)
    assert found.found <= found.recorded
    assert set(harmless.violations) <= {incident.ref for incident in run.false_incidents}
    # More said never finds less, and saying nothing is never false.
    less = score(attack(ring), lookalike(crowd), said=numbered[:-1])
    assert less.instances[0].found <= found.found
    assert less.instances[0].right <= found.right
    assert len(less.false_incidents) <= len(run.false_incidents)
    assert score(attack(ring), lookalike(crowd)).false_incidents == ()


@settings(deadline=None)
@given(ACCOUNTS, VERDICTS, st.randoms())
def test_the_order_in_which_things_were_said_does_not_matter(
    ring: list[str], said: list[Verdict], random: Random
) -> None:
    shuffled = list(with_refs(said))
    random.shuffle(shuffled)
    straight, mixed = score(attack(ring), said=with_refs(said)), score(attack(ring), said=tuple(shuffled))
    assert one(straight).delay_s == one(mixed).delay_s
    assert one(straight).right == one(mixed).right
    assert len(straight.false_incidents) == len(mixed.false_incidents)
