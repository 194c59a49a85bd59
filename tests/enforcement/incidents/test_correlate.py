"""Which signals belong together, and what that makes of incidents."""

from __future__ import annotations

import random

import pytest

from enforcement.incidents.combine import offenders, overlap_strongly
from enforcement.incidents.correlate import Known, correlate
from tests.enforcement.incidents.examples import DAY, HOUR, MINUTE, NOON, Desk, accounts, by_kind, names, signal, verbs
from vigil.incident import IncidentState
from vigil.record.incidents import Verb
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectRole, SubjectType

RING = IncidentKind.COORDINATED_RING


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_first_signal_opens_an_incident_that_says_what_it_says(desk: Desk) -> None:
    desk.take(signal(), now=NOON + MINUTE)
    incident = desk.only
    assert (incident.kind, incident.tenant_id, incident.severity) == (RING, "acme", Severity.HIGH)
    assert incident.opened_at == incident.updated_at == NOON + MINUTE
    assert names(incident) == ["a1", "a2", "a3"]
    assert incident.window == signal().window
    assert incident.evidence.event_ids == ("e1", "e2")
    assert incident.evidence.facts["template"] == "t1"
    assert [(one.name, one.p_value) for one in incident.detectors] == [("shared_template", 1e-9)]


def test_signals_of_one_fingerprint_update_one_incident(desk: Desk) -> None:
    desk.take(signal())
    first = desk.only
    changes = desk.take(signal(end=NOON + HOUR, subjects=accounts("a4"), event_ids=("e3",), p_value=1e-12))
    assert verbs(changes) == [Verb.UPDATE]
    assert desk.only.incident_id == first.incident_id
    assert names(desk.only) == ["a1", "a2", "a3", "a4"]
    assert (desk.only.window.start, desk.only.window.end) == (NOON - HOUR, NOON + HOUR)
    assert desk.only.evidence.event_ids == ("e1", "e2", "e3")
    assert desk.only.detectors[0].p_value == 1e-12
    assert desk.only.opened_at == first.opened_at < desk.only.updated_at
    assert changes.changed[0].note == "1 signal; new: a4"


def test_tenants_kinds_and_keys_stay_apart(desk: Desk) -> None:
    desk.take(
        signal(),
        signal(tenant_id="other"),
        signal(kind=IncidentKind.EXTRACTION),
        signal(key="k2", subjects=accounts("b1")),
    )
    assert len(desk.open) == 4


def test_a_signal_about_the_same_offenders_joins_even_under_another_key(desk: Desk) -> None:
    desk.take(signal())
    desk.take(signal("k2", end=NOON + MINUTE, subjects=accounts("a2", "a3", "b1", "b2")))
    assert names(desk.only) == ["a1", "a2", "a3", "b1", "b2"], "2 of 3 are the same"
    desk.take(signal("k3", end=NOON + MINUTE, subjects=accounts("a1", "c1", "c2")))
    assert len(desk.open) == 2, "1 of 3 is not"


def test_victims_and_context_do_not_make_incidents_the_same(desk: Desk) -> None:
    victim = Subject(SubjectType.ACCOUNT, "v", 0.9, SubjectRole.VICTIM)
    desk.take(signal("k1", subjects=(victim,)), signal("k2", subjects=(victim,)))
    assert len(desk.open) == 2


def test_incidents_that_grow_together_merge_and_the_older_keeps_its_id(desk: Desk) -> None:
    desk.take(signal("k1", subjects=accounts("a1", "a2")))
    older = desk.only
    desk.take(signal("k2", end=NOON + HOUR, subjects=accounts("b1", "b2"), severity=Severity.CRITICAL, title="Grave"))
    (younger,) = [one for one in desk.open if one.incident_id != older.incident_id]
    changes = desk.take(signal("k1", end=NOON + 2 * HOUR, subjects=accounts("b1", "b2"), event_ids=("e9",)))
    assert verbs(changes)[0] is Verb.MERGE, "the one that frees its fingerprint is stored first"
    merged = desk.by_id[younger.incident_id]
    assert merged.merged_into == desk.only.incident_id == older.incident_id
    assert names(desk.only) == ["a1", "a2", "b1", "b2"]
    assert (desk.only.severity, desk.only.title) == (Severity.CRITICAL, "Grave")
    assert desk.only.evidence.facts["merged_incidents"] == [younger.incident_id]
    assert desk.only.evidence.facts["signals"] == 3
    desk.take(signal("k2", end=NOON + 3 * HOUR, subjects=accounts("z")))
    assert "z" in names(desk.only), "signals of the merged fingerprint go where it went"


def test_merging_goes_on_until_nothing_overlaps(desk: Desk) -> None:
    for key, members in {"k1": ("a1", "a2"), "k2": ("b1", "b2"), "k3": ("c1", "c2")}.items():
        desk.take(signal(key, subjects=accounts(*members)))
    assert len(desk.open) == 3
    desk.take(
        signal("k1", end=NOON + HOUR, subjects=accounts("b1", "b2")),
        signal("k2", end=NOON + HOUR, subjects=accounts("c1")),
    )
    assert names(desk.only) == ["a1", "a2", "b1", "b2", "c1", "c2"]


def test_severity_is_the_gravest_and_one_more_when_independent_families_agree(desk: Desk) -> None:
    desk.take(signal(), signal(detector="minor", severity=Severity.LOW, title="Less"))
    assert (desk.only.severity, desk.only.title) == (Severity.HIGH, signal().title)
    changes = desk.take(signal(end=NOON + MINUTE, detector="volume", family="accounts", severity=Severity.MEDIUM))
    assert desk.only.severity is Severity.CRITICAL
    assert "severity high → critical" in changes.changed[0].note
    desk.take(signal(end=NOON + HOUR, detector="telemetry", family="telemetry", severity=Severity.CRITICAL))
    assert desk.only.severity is Severity.CRITICAL, "there is nothing above"


def test_subjects_keep_their_strongest_statement_and_caution_breaks_ties(desk: Desk) -> None:
    def person(name: str, score: float, role: SubjectRole) -> Subject:
        return Subject(SubjectType.ACCOUNT, name, score, role)

    desk.take(signal(subjects=(*accounts("a1", score=0.4), person("b", 0.5, SubjectRole.OFFENDER))))
    desk.take(
        signal(
            end=NOON + MINUTE,
            subjects=(*accounts("a1", score=0.95), person("b", 0.5, SubjectRole.VICTIM)),
        )
    )
    assert [(s.id, s.score, s.role) for s in desk.only.subjects] == [
        ("a1", 0.95, SubjectRole.OFFENDER),
        ("b", 0.5, SubjectRole.VICTIM),
    ]


def test_evidence_is_bounded_and_shows_the_beginning_and_the_present(desk: Desk) -> None:
    for step in range(5):
        ids = tuple(f"e{step}-{number}" for number in range(10))
        desk.take(signal(end=NOON + step * MINUTE, event_ids=ids))
    assert len(desk.only.evidence.event_ids) == 20
    assert desk.only.evidence.event_ids[0] == "e0-0"
    assert desk.only.evidence.event_ids[-1] == "e4-9"


def test_kinds_on_the_same_account_stay_apart_and_name_each_other(desk: Desk) -> None:
    desk.take(signal())
    ring = desk.only
    changes = desk.take(signal(end=NOON + HOUR, kind=IncidentKind.EXTRACTION, subjects=accounts("a1")))
    found = by_kind(desk.open)
    extraction = found[IncidentKind.EXTRACTION]
    assert extraction.evidence.facts["related_incidents"] == [ring.incident_id]
    assert found[RING].evidence.facts["related_incidents"] == [extraction.incident_id]
    assert set(verbs(changes)) == {Verb.OPEN, Verb.LINK}
    again = desk.take(signal(end=NOON + 2 * HOUR, kind=IncidentKind.EXTRACTION, subjects=accounts("a1")))
    assert verbs(again) == [Verb.UPDATE], "what is linked is not linked again"
    assert ring.incident_id in by_kind(desk.open)[IncidentKind.EXTRACTION].summary


def test_detector_facts_cannot_pretend_to_be_the_correlators(desk: Desk) -> None:
    desk.take(signal(facts={"signals": 99, "permitted": "yes", "related_incidents": ["x"], "signal_severity": "low"}))
    facts = desk.only.evidence.facts
    assert (facts["signals"], facts["signal_severity"]) == (1, "high")
    assert "permitted" not in facts
    assert "related_incidents" not in facts


class TestClosed:
    """What happens when evidence comes for something that a person has closed."""

    def close(self, desk: Desk, state: IncidentState) -> str:
        desk.take(signal())
        return desk.change(desk.only, state=state, updated_at=NOON + HOUR).incident_id

    def test_a_dismissed_incident_is_not_raised_again_on_the_same_evidence(self, desk: Desk) -> None:
        closed = self.close(desk, IncidentState.DISMISSED)
        late = signal(end=NOON + 3 * HOUR, minutes=150)
        assert verbs(desk.take(late)) == []
        assert desk.homes[late.signal_id] == closed

    def test_nor_under_another_key_about_the_same_offenders(self, desk: Desk) -> None:
        self.close(desk, IncidentState.DISMISSED)
        assert verbs(desk.take(signal("k2", end=NOON + 3 * HOUR, minutes=150))) == []
        assert verbs(desk.take(signal("k2", kind=IncidentKind.EXTRACTION, end=NOON + 3 * HOUR, minutes=150)))

    @pytest.mark.parametrize("state", [IncidentState.DISMISSED, IncidentState.RESOLVED])
    def test_new_evidence_opens_a_new_one_that_names_the_old(self, desk: Desk, state: IncidentState) -> None:
        closed = self.close(desk, state)
        desk.take(signal(end=NOON + 3 * HOUR, minutes=60))
        assert desk.only.incident_id != closed
        assert desk.only.evidence.facts["previous_incident"] == closed
        assert closed in desk.only.summary

    def test_after_a_resolution_a_window_that_is_mostly_old_says_nothing_new(self, desk: Desk) -> None:
        closed = self.close(desk, IncidentState.RESOLVED)
        mostly_old = signal(end=NOON + HOUR + 10 * MINUTE, minutes=60)
        assert verbs(desk.take(mostly_old)) == []
        assert desk.homes[mostly_old.signal_id] == closed

    def test_unless_it_names_offenders_that_were_not_in_it(self, desk: Desk) -> None:
        self.close(desk, IncidentState.RESOLVED)
        desk.take(signal(end=NOON + HOUR + 10 * MINUTE, subjects=accounts("a1", "new")))
        assert "new" in names(desk.only)

    def test_a_long_quiet_incident_is_resolved_and_what_comes_after_is_new(self, desk: Desk) -> None:
        desk.take(signal())
        first = desk.only
        changes = desk.take(signal(end=NOON + 8 * DAY))
        assert verbs(changes) == [Verb.RESOLVE, Verb.OPEN]
        assert desk.by_id[first.incident_id].state is IncidentState.RESOLVED
        assert desk.only.evidence.facts["previous_incident"] == first.incident_id


class TestContained:
    """Containment ends only when somebody joins on whom nothing is in force."""

    @pytest.fixture
    def contained(self, desk: Desk) -> Desk:
        desk.take(signal())
        desk.change(desk.only, state=IncidentState.CONTAINED)
        return desk

    def test_more_of_the_same_keeps_it_contained(self, contained: Desk) -> None:
        contained.take(signal(end=NOON + MINUTE))
        assert contained.only.state is IncidentState.CONTAINED

    def test_a_new_offender_without_effect_opens_it(self, contained: Desk) -> None:
        changes = contained.take(signal(end=NOON + MINUTE, subjects=accounts("a4")))
        assert contained.only.state is IncidentState.OPEN
        assert "no longer contained" in changes.changed[0].note

    def test_a_new_offender_with_an_effect_in_force_does_not(self, contained: Desk) -> None:
        effective = {("acme", (SubjectType.ACCOUNT, "a4"))}
        contained.take(signal(end=NOON + MINUTE, subjects=accounts("a4")), effective=effective)
        assert contained.only.state is IncidentState.CONTAINED

    def test_nor_does_a_new_victim(self, contained: Desk) -> None:
        victim = Subject(SubjectType.ACCOUNT, "v", 0.9, SubjectRole.VICTIM)
        contained.take(signal(end=NOON + MINUTE, subjects=(victim,)))
        assert contained.only.state is IncidentState.CONTAINED


PERMITTED = {("acme", (SubjectType.ACCOUNT, name)): "contract 1182" for name in ("a1", "a2", "a3")}


class TestPermitted:
    """Principals that may do this stay out of the queue, and only they."""

    def test_all_permitted_is_low_and_says_why(self, desk: Desk) -> None:
        desk.take(signal(), permitted=PERMITTED)
        assert desk.only.severity is Severity.LOW
        assert desk.only.evidence.facts["permitted"] == "contract 1182"
        assert "contract 1182" in desk.only.summary

    def test_one_who_is_not_permitted_brings_the_severity_back(self, desk: Desk) -> None:
        desk.take(signal(), permitted=PERMITTED)
        desk.take(signal(end=NOON + MINUTE, subjects=accounts("intruder")), permitted=PERMITTED)
        assert desk.only.severity is Severity.HIGH
        assert "permitted" not in desk.only.evidence.facts

    def test_the_tenant_counts(self, desk: Desk) -> None:
        desk.take(signal(tenant_id="other"), permitted=PERMITTED)
        assert desk.only.severity is Severity.HIGH

    def test_a_key_is_permitted_with_the_account_named_beside_it(self, desk: Desk) -> None:
        key = Subject(SubjectType.API_KEY, "key-1", 0.9)
        beside = Subject(SubjectType.ACCOUNT, "a1", 0.9, SubjectRole.CONTEXT)
        desk.take(signal("k1", subjects=(key, beside)), signal("k2", subjects=(key,)), permitted=PERMITTED)
        desk.take(
            signal("k3", subjects=(Subject(SubjectType.API_KEY, "key-2"),), kind=IncidentKind.KEY_COMPROMISE),
            permitted=PERMITTED,
        )
        found = by_kind(desk.open)
        assert found[RING].severity is Severity.LOW
        assert found[IncidentKind.KEY_COMPROMISE].severity is Severity.HIGH, "nobody says whose key it is"


def test_the_order_in_which_signals_arrive_changes_nothing() -> None:
    rng = random.Random(7)
    signals: list[Signal] = [
        signal(
            f"k{rng.randrange(6)}",
            end=NOON + rng.randrange(90) * MINUTE,
            subjects=accounts(*rng.sample("abcdefghij", 3)),
        )
        for _ in range(60)
    ]
    distinct = list({one.signal_id: one for one in signals}.values())
    expected = correlate(distinct, Known(), NOON + DAY)
    assert expected.changed
    for _ in range(5):
        rng.shuffle(distinct)
        assert correlate(distinct, Known(), NOON + DAY) == expected


def test_no_two_open_incidents_of_a_kind_overlap_strongly_after_any_sequence() -> None:
    rng = random.Random(11)
    desk = Desk()
    for step in range(80):
        desk.take(
            signal(
                f"k{rng.randrange(9)}",
                end=NOON + step * MINUTE,
                subjects=accounts(*rng.sample("abcdefghijklmnopqrst", 3)),
            )
        )
        sets = [offenders(one.subjects) for one in desk.open]
        assert not any(overlap_strongly(x, y) for i, x in enumerate(sets) for y in sets[:i])
    assert len({one.fingerprint for one in desk.open}) == len(desk.open)
