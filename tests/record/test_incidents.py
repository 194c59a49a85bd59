"""The life cycle of incidents in the record, on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from vigil.clock import SimulatedClock
from vigil.errors import IntegrityError, UsageError
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.record import Record, incidents
from vigil.record.incidents import TRANSITIONS, Verb
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def incident(name: str = "one", **changes: object) -> Incident:
    made = Incident(
        incident_id=f"inc_{name}",
        tenant_id="acme",
        kind=IncidentKind.COORDINATED_RING,
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        fingerprint=f"print-{name}",
        title="Ring",
        summary="Three accounts act as one.",
        opened_at=NOON,
        updated_at=NOON,
        window=Window(NOON - HOUR, NOON),
        subjects=(
            Subject(SubjectType.ACCOUNT, "a1", 0.9),
            Subject(SubjectType.ACCOUNT, "a2", 0.8),
            Subject(SubjectType.ORG, "o1", 0.5, SubjectRole.CONTEXT),
        ),
        detectors=(DetectorSupport("shared_template", "1", "coordination", 0.9, p_value=1e-9),),
        evidence=Evidence(("e1", "e2"), {"ratio": 31.5, "words": ["a", "b"]}),
    )
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOON + HOUR)


def store(record: Record, *made: Incident) -> None:
    with record.write() as connection:
        for one in made:
            assert incidents.add(connection, one, "first seen")


def read(record: Record, incident_id: str) -> Incident:
    with record.read() as connection:
        return incidents.get(connection, incident_id)


def verbs_in_log(record: Record, incident_id: str) -> list[str]:
    with record.read() as connection:
        return [line.verb for line in incidents.log(connection, incident_id)]


def test_an_incident_comes_back_as_it_was_stored(record: Record) -> None:
    store(record, incident())
    assert read(record, "inc_one") == incident()
    assert verbs_in_log(record, "inc_one") == ["open"]


def test_an_unknown_incident_is_said_so(record: Record) -> None:
    with pytest.raises(UsageError, match="no incident inc_none"):
        read(record, "inc_none")


def test_one_thing_cannot_be_opened_twice_but_can_after_it_was_closed(record: Record, clock: SimulatedClock) -> None:
    store(record, incident("first", fingerprint="same"))
    with record.write() as connection:
        assert not incidents.add(connection, incident("second", fingerprint="same"))
        assert not incidents.add(connection, incident("first", fingerprint="another"))
    incidents.resolve(record, clock, "inc_first", "ana")
    store(record, incident("second", fingerprint="same"))
    with pytest.raises(UsageError, match="inc_second about the same thing is open"):
        incidents.reopen(record, clock, "inc_first", "ana")


@pytest.mark.parametrize(
    ("verb", "apply"),
    [
        (Verb.ACKNOWLEDGE, incidents.acknowledge),
        (Verb.RESOLVE, incidents.resolve),
        (Verb.DISMISS, incidents.dismiss),
        (Verb.REOPEN, incidents.reopen),
    ],
)
def test_verbs_follow_the_table_and_refuse_the_rest(
    record: Record, clock: SimulatedClock, verb: Verb, apply: Callable[..., Incident]
) -> None:
    for state in IncidentState:
        store(record, incident(state.value, state=state))
        if state in TRANSITIONS[verb]:
            after = apply(record, clock, f"inc_{state.value}", "ana", "because")
            assert after == read(record, after.incident_id)
            assert (after.state, after.revision, after.updated_at) == (TRANSITIONS[verb][state], 2, clock.now())
            with record.read() as connection:
                line = incidents.log(connection, after.incident_id)[-1]
            assert (line.actor, line.verb, line.note) == ("ana", verb.value, "because")
        else:
            with pytest.raises(UsageError, match=f"it is {state.value}; possible when it is"):
                apply(record, clock, f"inc_{state.value}", "ana")
            assert read(record, f"inc_{state.value}").revision == 1


def test_containing_changes_only_what_is_open(record: Record) -> None:
    store(record, *(incident(state.value, state=state) for state in IncidentState))
    with record.write() as connection:
        changed = [state for state in IncidentState if incidents.mark_contained(connection, f"inc_{state.value}", NOON)]
    assert changed == [IncidentState.OPEN, IncidentState.ACKNOWLEDGED]
    assert read(record, "inc_open").state is IncidentState.CONTAINED


def test_a_change_made_from_an_old_reading_is_refused(record: Record, clock: SimulatedClock) -> None:
    store(record, incident())
    stale = read(record, "inc_one")
    incidents.acknowledge(record, clock, "inc_one", "ana")
    with pytest.raises(IntegrityError, match="no longer at revision 1"), record.write() as connection:
        incidents.save(connection, stale, Verb.UPDATE)


def test_policies_see_new_evidence_and_reopening_but_not_a_mere_acknowledgement(
    record: Record, clock: SimulatedClock
) -> None:
    def waiting() -> list[str]:
        with record.read() as connection:
            return [one.incident_id for one in incidents.unenforced(connection)]

    store(record, incident())
    incidents.acknowledge(record, clock, "inc_one", "ana")
    assert waiting() == ["inc_one"], "not seen yet: acknowledging does not hide it"
    with record.write() as connection:
        incidents.mark_enforced(connection, {"inc_one": 2})
    assert waiting() == []
    incidents.resolve(record, clock, "inc_one", "ana")
    incidents.reopen(record, clock, "inc_one", "ana")
    assert waiting() == ["inc_one"]
    with record.write() as connection:
        incidents.mark_enforced(connection, {"inc_one": 4})
        incidents.mark_enforced(connection, {"inc_one": 3})
    assert waiting() == [], "an older mark does not take a newer one back"
    with record.write() as connection:
        incidents.save(connection, incidents.get(connection, "inc_one"), Verb.UPDATE, "more evidence")
    assert waiting() == ["inc_one"]


def test_lists_are_filtered_and_leave_merged_ones_out(record: Record) -> None:
    store(
        record,
        incident("a", severity=Severity.LOW, updated_at=NOON),
        incident("b", kind=IncidentKind.TELEMETRY_GAP, updated_at=NOON + HOUR),
        incident("c", tenant_id="other", state=IncidentState.RESOLVED, updated_at=NOON + 2 * HOUR),
        incident("d", merged_into="inc_a"),
    )

    def names(**filters: object) -> str:
        with record.read() as connection:
            found = incidents.list_incidents(connection, **filters)  # type: ignore[arg-type]
        return "".join(one.incident_id[-1] for one in found)

    assert names() == "cba"
    assert names(states=[IncidentState.OPEN]) == "ba"
    assert names(kinds=[IncidentKind.TELEMETRY_GAP]) == "b"
    assert names(tenant="acme") == "ba"
    assert names(min_severity=Severity.MEDIUM) == "cb"
    assert names(since=NOON + HOUR) == "cb"
    assert names(limit=1) == "c"
    assert names(states=[]) == ""


def test_incidents_are_found_by_their_subjects_also_after_these_changed(record: Record) -> None:
    store(record, incident())

    def about(account: str, tenant: str = "acme") -> list[str]:
        with record.read() as connection:
            found = incidents.by_subject(connection, tenant, SubjectType.ACCOUNT, account)
        return [one.incident_id for one in found]

    assert about("a1") == ["inc_one"]
    assert about("a1", tenant="other") == about("o1") == about("a3") == []
    with record.write() as connection:
        changed = msgspec.structs.replace(
            incidents.get(connection, "inc_one"), subjects=(Subject(SubjectType.ACCOUNT, "a3"),)
        )
        incidents.save(connection, changed, Verb.UPDATE)
    assert (about("a1"), about("a3")) == ([], ["inc_one"])


def test_incidents_with_a_common_offender_are_found_while_they_matter(record: Record) -> None:
    closed = {"state": IncidentState.DISMISSED}
    other_role = (Subject(SubjectType.ACCOUNT, "a2", 0.9, SubjectRole.VICTIM),)
    store(
        record,
        incident("b", opened_at=NOON + HOUR),
        incident("a"),
        incident("old", **closed, updated_at=NOON - HOUR),
        incident("new", **closed, updated_at=NOON + HOUR),
        incident("victim", subjects=other_role),
        incident("merged", merged_into="inc_a"),
        incident("elsewhere", tenant_id="other"),
    )
    with record.read() as connection:
        found = incidents.sharing_offenders(
            connection,
            "acme",
            [(SubjectType.ACCOUNT, "a2"), (SubjectType.API_KEY, "a1"), (SubjectType.ORG, "o1")],
            closed_since=NOON,
        )
    assert sorted(one.incident_id for one in found) == ["inc_a", "inc_b", "inc_new"]


@pytest.mark.parametrize("hostile", ["a\x00b", "x" * 5_000, "'; DROP TABLE incidents; --", "\N{SNOWMAN}" * 600])
def test_hostile_identifiers_are_stored_and_found(record: Record, hostile: str) -> None:
    store(record, incident(title=f"About {hostile}", subjects=(Subject(SubjectType.ACCOUNT, hostile),)))
    with record.read() as connection:
        (found,) = incidents.by_subject(connection, "acme", SubjectType.ACCOUNT, hostile)
        assert incidents.by_subject(connection, "acme", SubjectType.ACCOUNT, hostile + "x") == []
    assert found.subjects[0].id == hostile


def test_every_pair_of_verb_and_state_leads_to_one_state_or_is_refused() -> None:
    changing = set(Verb) - {Verb.OPEN, Verb.UPDATE, Verb.MERGE, Verb.LINK}
    assert set(TRANSITIONS) == changing
    closed = {state for state in IncidentState if state.is_closed}
    for verb, state in itertools.product(changing - {Verb.REOPEN}, closed):
        assert state not in TRANSITIONS[verb], "what is closed can only be reopened"
