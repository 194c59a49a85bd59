"""The console's questions to the record, on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.views import actions as actions_view
from dashboard.views import health, timeline
from dashboard.views import incident as incident_view
from dashboard.views.accounts import Standing, standings
from dashboard.views.queue import Done, QueueFilter, counts, queue, tenants
from dashboard.views.traffic import around, marks
from tests.dashboard.conftest import NOW
from tests.dashboard.story import Story
from tests.dashboard.story_cast import HOSTILE, LOUD, OTHER, RING, TENANT, THIRD
from vigil.clock import SimulatedClock
from vigil.effect import ActionState, EffectKind, Target
from vigil.errors import UsageError
from vigil.incident import IncidentState
from vigil.record import Record, approvals, incidents
from vigil.record.incidents import Verb
from vigil.signal import IncidentKind, Severity, SubjectType


def names(record: Record, story: Story, wanted: QueueFilter, limit: int = 200) -> list[str]:
    by_id = {incident_id: name for name, incident_id in story.incidents.items()}
    with record.read() as connection:
        return [by_id[row.incident_id] for row in queue(connection, wanted, limit)[0]]


def test_the_queue_is_ordered_and_counted(record: Record, story_on_each: Story) -> None:
    assert names(record, story_on_each, QueueFilter()) == [
        "volume",
        "hostile",
        "shadowed",
        "failing",
        "gap",
        "ring",
    ]
    with record.read() as connection:
        rows, total = queue(connection, QueueFilter(), limit=2)
        numbers = counts(connection, NOW)
        assert tenants(connection) == sorted([HOSTILE, TENANT, OTHER, THIRD])
    assert (len(rows), total) == (2, 6)
    assert numbers.open_by_severity == {Severity.CRITICAL: 0, Severity.HIGH: 1, Severity.MEDIUM: 2}
    assert (numbers.acknowledged, numbers.contained, numbers.pages, numbers.held) == (2, 1, 2, 3)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (
            QueueFilter(states=(), min_severity=Severity.LOW, kinds=(IncidentKind.COORDINATED_RING,)),
            ["ring", "resolved"],
        ),
        (QueueFilter(states=(IncidentState.DISMISSED,)), ["dismissed"]),
        (QueueFilter(min_severity=Severity.CRITICAL), ["ring"]),
        (QueueFilter(tenants=(OTHER,)), ["shadowed", "gap"]),
        (QueueFilter(text=RING[5].upper()), ["ring"]),
        (QueueFilter(text="FELL SILENT"), ["gap"]),
        (QueueFilter(text="100%"), []),
        (QueueFilter(text="_"), ["volume", "hostile", "shadowed", "failing", "gap", "ring"]),
    ],
)
def test_filters_narrow_the_queue(record: Record, story_on_each: Story, wanted: QueueFilter, found: list[str]) -> None:
    assert names(record, story_on_each, wanted) == found


def test_a_row_says_how_many_who_has_it_and_what_was_done(record: Record, story_on_each: Story) -> None:
    with record.read() as connection:
        (row,), _ = queue(connection, QueueFilter(min_severity=Severity.CRITICAL))
    assert (row.members, row.acknowledged_by) == (14, "r.okafor")
    assert row.done[:2] == (
        Done(EffectKind.THROTTLE, ActionState.CONFIRMED, 13),
        Done(EffectKind.SUSPEND, ActionState.HELD, 2),
    )


def test_an_incident_in_full(record: Record, story_on_each: Story) -> None:
    with record.read() as connection:
        shown = incident_view.load(connection, story_on_each.incidents["ring"], NOW)
        with pytest.raises(UsageError, match="there is no incident"):
            incident_view.load(connection, "inc_gone", NOW)
    assert [member.subject.id for member in shown.members[:14]] == list(RING)
    assert [len(member.in_force) for member in shown.members] == [1] * 13 + [0, 0]
    assert shown.actions[0].state is ActionState.HELD
    assert shown.is_acknowledged
    assert shown.response == incident_view.Response(
        offenders=14, restricted=13, first_effect_after=timedelta(seconds=44), waiting=2, pages=1
    )
    assert shown.verbs == (Verb.ACKNOWLEDGE, Verb.RESOLVE, Verb.DISMISS)
    told = [(mark.kind, mark.label) for mark in marks(shown.incident, shown.log, shown.actions)]
    assert told == [
        ("found", "opened"),
        ("acted", "throttle ×12"),
        ("person", "acknowledged"),
        ("acted", "throttle ×2"),
    ]
    since, until = around(shown.incident, NOW)
    assert since < shown.incident.window.start < shown.incident.window.end < until <= NOW


def test_an_effect_whose_time_is_over_is_not_in_force(record: Record, story_on_each: Story) -> None:
    target = Target(SubjectType.ACCOUNT, LOUD, THIRD)
    with record.read() as connection:
        assert len(actions_view.in_force_on(connection, [target], NOW)) == 1
        assert not actions_view.in_force_on(connection, [target], NOW + timedelta(days=2))
        assert not actions_view.in_force_on(connection, [], NOW)
        assert (THIRD, LOUD) in actions_view.restricted_accounts(connection, NOW)
        assert actions_view.restricted_accounts(connection, NOW + timedelta(days=20)) == []


def test_actions_by_state_target_and_text(record: Record, story_on_each: Story) -> None:
    with record.read() as connection:
        numbers = actions_view.counts_by_state(connection)
        first = actions_view.list_actions(connection, limit=4)
        on_one = actions_view.list_actions(connection, target=Target(SubjectType.ACCOUNT, RING[0], TENANT))
        by_policy = actions_view.list_actions(connection, text="stolen-key")
        hostile = actions_view.list_actions(connection, text="<img")
    assert set(numbers) == set(ActionState)
    assert min(numbers.values()) >= 1
    assert [action.state for action in first[:3]] == [ActionState.HELD] * 3
    assert {action.effect for action in on_one} == {EffectKind.THROTTLE, EffectKind.SUSPEND}
    assert [action.state for action in by_policy] == [ActionState.FAILED]
    assert [action.target.id for action in hostile] == [HOSTILE]


def test_approvals_of_held_actions(record: Record, story_on_each: Story, clock: SimulatedClock) -> None:
    with record.read() as connection:
        held = actions_view.list_actions(connection, states=[ActionState.HELD], text="ring-containment")
    approvals.approve(record, clock, held[0].action_id, "m.lindqvist")
    with record.read() as connection:
        said = actions_view.approvals_on(connection, held)
        assert actions_view.approvals_on(connection, []) == {}
    assert [line.actor for line in said[held[0].action_id]] == ["policy ring-containment", "m.lindqvist"]


def test_what_the_record_says_about_accounts(record: Record, story_on_each: Story) -> None:
    wanted = [(TENANT, RING[0]), (TENANT, "acct-1"), (HOSTILE, HOSTILE), (OTHER, RING[0])]
    with record.read() as connection:
        found = standings(connection, wanted, NOW)
    assert found[TENANT, RING[0]].incidents == 1
    assert [action.effect for action in found[TENANT, RING[0]].in_force] == [EffectKind.THROTTLE]
    assert found[TENANT, "acct-1"] == Standing()
    assert found[HOSTILE, HOSTILE].incidents == 1
    # The same name with another tenant is somebody else.
    assert found[OTHER, RING[0]] == Standing()


def test_incidents_and_actions_on_the_axis(record: Record, story_on_each: Story) -> None:
    since = NOW - timedelta(hours=1)
    with record.read() as connection:
        found = timeline.incidents_between(connection, since, NOW, [TENANT])
        entries = timeline.actions_between(connection, since, NOW, 600, [TENANT])
        assert timeline.incidents_between(connection, NOW + timedelta(days=1), NOW + timedelta(days=2)) == []
    assert [incident.kind for incident in found] == [IncidentKind.COORDINATED_RING]
    throttles = [entry for entry in entries if entry.effect is EffectKind.THROTTLE]
    assert [(entry.state, entry.number) for entry in throttles] == [
        (ActionState.CONFIRMED, 12),
        (ActionState.CONFIRMED, 1),
        (ActionState.LIFTED, 1),
    ]


def test_runs_of_detectors_and_jobs(record: Record, story_on_each: Story) -> None:
    with record.read() as connection:
        detectors = {health_.detector: health_ for health_ in health.detectors(connection, NOW)}
        jobs = health.jobs(connection, NOW)
        waiting = health.backlog(connection, NOW)
        assert health.detectors(connection, NOW + timedelta(days=3)) == []
    assert detectors["account_volume"].failures == 1
    assert detectors["account_volume"].error is None  # the last run went well
    assert detectors["telemetry_gap"].runs == 120
    assert detectors["shared_template"].signals == 1
    assert (jobs[0].job, jobs[0].failures, jobs[0].outcome) == ("dispatch", 1, "ok")
    assert waiting.outbox_pending == 1
    assert waiting.outbox_oldest is not None
    assert (waiting.uncorrelated, waiting.outbox_refused, waiting.overdue_lifts) == (0, 0, 0)


def test_a_forgotten_lift_is_overdue(record: Record, story_on_each: Story) -> None:
    with record.read() as connection:
        assert health.backlog(connection, NOW + timedelta(days=2)).overdue_lifts == 14


def test_reopening_takes_the_acknowledgement_away(record: Record, story_on_each: Story, clock: SimulatedClock) -> None:
    incident_id = story_on_each.incidents["gap"]
    incidents.resolve(record, clock, incident_id, "m.lindqvist")
    with record.read() as connection:
        assert incident_view.load(connection, incident_id, NOW).verbs == (Verb.REOPEN,)
    incidents.reopen(record, clock, incident_id, "m.lindqvist")
    with record.read() as connection:
        assert not incident_view.load(connection, incident_id, NOW).is_acknowledged
