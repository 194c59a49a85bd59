"""The story's incidents: of every kind of end, and what people did with them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from tests.dashboard.story_cast import FAILED, HOSTILE, LOUD, MINUTE, OTHER, RING, SHADOWED, TENANT, THIRD
from vigil.ids import prefixed
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.record.incidents import Verb
from vigil.record.schema import incident_log, labels
from vigil.record.schema import incidents as incident_table
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window


def all_incidents(now: datetime, ring_events: Sequence[str], *, hostile: bool) -> list[tuple[str, Incident]]:
    """(name, incident), each as it stands at the end of the story."""
    told = [
        _ring(now, ring_events),
        _volume(now),
        _gap(now),
        _shadowed(now),
        _failing(now),
        *_closed(now),
        _permitted(now),
    ]
    return [*told, _hostile(now)] if hostile else told


def _incident(
    name: str, now: datetime, opened: float, window: tuple[float, float], **fields: Any
) -> tuple[str, Incident]:
    """`opened` and `window` are minutes before `now`."""
    tenant = fields.setdefault("tenant_id", TENANT)
    opened_at = now - opened * MINUTE
    return name, Incident(
        incident_id=prefixed("inc", name, tenant),
        fingerprint=f"fp-{name}",
        opened_at=opened_at,
        updated_at=fields.pop("updated_at", opened_at),
        window=Window(now - window[0] * MINUTE, now - window[1] * MINUTE),
        **fields,
    )


def _ring(now: datetime, event_ids: Sequence[str]) -> tuple[str, Incident]:
    members = tuple(
        Subject(SubjectType.ACCOUNT, name, round(0.995 - 0.012 * place, 3)) for place, name in enumerate(RING)
    )
    context = (Subject(SubjectType.ACCOUNT, "acct-15001", 0.41, SubjectRole.CONTEXT),)
    return _incident(
        "ring",
        now,
        26,
        (71, 26),
        updated_at=now - 11 * MINUTE,
        kind=IncidentKind.COORDINATED_RING,
        severity=Severity.CRITICAL,
        state=IncidentState.CONTAINED,
        title="14 accounts share two prompt templates from one hosting network",
        summary=(
            "14 accounts created within nine days sent 473 calls in 45 minutes that follow two templates asking for "
            "product reviews in a customer's voice. No other account of the tenant uses either template; by their "
            "popularity, 0.3 accounts would be expected to share one. 11 of the 14 call from one hosting network and "
            "take turns within seconds of each other. All members were throttled 44 s after the incident was opened; "
            "two suspensions wait for a second person."
        ),
        subjects=members + context,
        detectors=(
            DetectorSupport("shared_template", "1", "coordination", 0.98, p_value=3.1e-11),
            DetectorSupport("shared_network", "1", "infrastructure", 0.91, e_value=48_000.0),
        ),
        evidence=Evidence(
            tuple(event_ids[:20]),
            {
                "accounts": 14,
                "expected_accounts": 0.31,
                "templates": 2,
                "calls_in_window": 473,
                "share_of_tenant_traffic": 0.184,
                "accounts_from_one_network": 11,
                "median_gap_s": 4.2,
                "account_age_days_median": 9,
                "refused": 0,
            },
        ),
    )


def _volume(now: datetime) -> tuple[str, Incident]:
    return _incident(
        "volume",
        now,
        9,
        (69, 9),
        tenant_id=THIRD,
        kind=IncidentKind.ACCOUNT_ANOMALY,
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        title=f"{LOUD} sends 38 times its usual volume",
        summary=(
            f"{LOUD} made 1,140 calls in the last hour; at this hour of the week it usually makes 30, and its busiest "
            "peer makes 95. The calls come from two networks it has not used before. The policy throttled it to 30 "
            "calls a minute for a day."
        ),
        subjects=(Subject(SubjectType.ACCOUNT, LOUD, 0.97),),
        detectors=(DetectorSupport("account_volume", "1", "accounts", 0.97, p_value=4.4e-6),),
        evidence=Evidence(
            (), {"calls": 1140, "expected_calls": 30.2, "ratio": 37.7, "busiest_peer": 95, "new_networks": 2}
        ),
    )


def _gap(now: datetime) -> tuple[str, Incident]:
    return _incident(
        "gap",
        now,
        52,
        (67, 52),
        updated_at=now - 47 * MINUTE,
        tenant_id=OTHER,
        kind=IncidentKind.TELEMETRY_GAP,
        severity=Severity.MEDIUM,
        state=IncidentState.ACKNOWLEDGED,
        title="gateway-west fell silent for 15 minutes",
        summary="gateway-west sends 40 calls a minute at this hour; between 10:20 and 10:35 it sent none. The other sources of the tenant went on as usual.",
        subjects=(Subject(SubjectType.SOURCE, "gateway-west", 1.0, SubjectRole.AFFECTED),),
        detectors=(DetectorSupport("telemetry_gap", "1", "telemetry", 1.0, e_value=2.4e9),),
        evidence=Evidence((), {"expected_calls": 601.0, "received_calls": 0, "silent_for_s": 900}),
    )


def _shadowed(now: datetime) -> tuple[str, Incident]:
    return _incident(
        "shadowed",
        now,
        133,
        (190, 133),
        tenant_id=OTHER,
        kind=IncidentKind.EXTRACTION,
        severity=Severity.MEDIUM,
        state=IncidentState.OPEN,
        title=f"{SHADOWED} walks through the answer space in order",
        summary=f"{SHADOWED} asked 900 questions in alphabetical order of their subject, at a fixed interval, and read every answer to the end. Peers with this volume repeat themselves; it does not.",
        subjects=(Subject(SubjectType.ACCOUNT, SHADOWED, 0.88),),
        detectors=(DetectorSupport("account_volume", "1", "accounts", 0.88, p_value=8e-4),),
        evidence=Evidence((), {"calls": 900, "distinct_subjects": 897}),
    )


def _failing(now: datetime) -> tuple[str, Incident]:
    return _incident(
        "failing",
        now,
        310,
        (370, 310),
        kind=IncidentKind.KEY_COMPROMISE,
        severity=Severity.HIGH,
        state=IncidentState.ACKNOWLEDGED,
        title=f"A key of {FAILED} is used from a new network, agent and hour",
        summary=f"A key of {FAILED} that was used from one office network for five months is used at night from a hosting network with another client. The gateway refused to suspend the key: it does not know it.",
        subjects=(
            Subject(SubjectType.ACCOUNT, FAILED, 0.93, SubjectRole.VICTIM),
            Subject(SubjectType.API_KEY, "key_9f2c61", 0.93),
        ),
        detectors=(DetectorSupport("key_use", "1", "accounts", 0.93, e_value=5_200.0),),
        evidence=Evidence((), {"new_network": True, "new_agent": True, "usual_hours": "07 to 18", "hour_now": 3}),
    )


def _closed(now: datetime) -> list[tuple[str, Incident]]:
    resolved = _incident(
        "resolved",
        now,
        1_310,
        (1_380, 1_310),
        updated_at=now - 1_100 * MINUTE,
        kind=IncidentKind.COORDINATED_RING,
        severity=Severity.HIGH,
        state=IncidentState.RESOLVED,
        title="6 accounts trade the same jailbreak template",
        summary="Six accounts used one template within 20 minutes of each other.",
        subjects=tuple(Subject(SubjectType.ACCOUNT, f"acct-{number}", 0.95) for number in range(40100, 40106)),
        detectors=(DetectorSupport("shared_template", "1", "coordination", 0.95, p_value=2e-8),),
        evidence=Evidence((), {"accounts": 6}),
    )
    dismissed = _incident(
        "dismissed",
        now,
        2_900,
        (2_960, 2_900),
        updated_at=now - 2_800 * MINUTE,
        kind=IncidentKind.ACCOUNT_ANOMALY,
        severity=Severity.MEDIUM,
        state=IncidentState.DISMISSED,
        title="acct-15001 sends 9 times its usual volume",
        summary="A scheduled import of the customer, announced the week before.",
        subjects=(Subject(SubjectType.ACCOUNT, "acct-15001", 0.8),),
        detectors=(DetectorSupport("account_volume", "1", "accounts", 0.8, p_value=9e-5),),
        evidence=Evidence((), {"ratio": 9.1}),
    )
    return [resolved, dismissed]


def _permitted(now: datetime) -> tuple[str, Incident]:
    return _incident(
        "permitted",
        now,
        75,
        (120, 75),
        kind=IncidentKind.JAILBREAK,
        severity=Severity.LOW,
        state=IncidentState.OPEN,
        title="acct-red-1 keeps trying jailbreaks (permitted: contract 1182)",
        summary="The account belongs to a red team that is permitted to do this.",
        subjects=(Subject(SubjectType.ACCOUNT, "acct-red-1", 0.99),),
        detectors=(DetectorSupport("jailbreak_rate", "1", "content", 0.99, p_value=1e-9),),
        evidence=Evidence((), {"permitted": "contract 1182"}),
    )


def _hostile(now: datetime) -> tuple[str, Incident]:
    event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, HOSTILE))
    return _incident(
        "hostile",
        now,
        3,
        (33, 3),
        tenant_id=HOSTILE,
        kind=IncidentKind.ACCOUNT_ANOMALY,
        severity=Severity.MEDIUM,
        state=IncidentState.OPEN,
        title=f"{HOSTILE} sends 5 times its usual volume",
        summary=f"{HOSTILE} made 50 calls.\n# not a heading\n- not a list",
        subjects=(Subject(SubjectType.ACCOUNT, HOSTILE, 0.9),),
        detectors=(DetectorSupport(HOSTILE, "1", HOSTILE, 0.9, p_value=1e-5),),
        evidence=Evidence((event_id,), {HOSTILE: HOSTILE, "list": [HOSTILE, {HOSTILE: HOSTILE}]}),
    )


def settle(connection: Connection, name: str, incident: Incident) -> None:
    """What people and the service did with the incident after it was opened."""
    handled: dict[str, list[tuple[float, str, Verb, str]]] = {
        "ring": [
            (0.7, "vigil", Verb.CONTAIN, "every offender has an effect in force"),
            (9, "r.okafor", Verb.ACKNOWLEDGE, "Looking at the two suspensions"),
            (15, "vigil", Verb.UPDATE, "2 more accounts joined"),
        ],
        "gap": [(5, "m.lindqvist", Verb.ACKNOWLEDGE, "Gateway team is restarting the exporter")],
        "failing": [(20, "r.okafor", Verb.ACKNOWLEDGE, "Customer called back: not them")],
        "resolved": [(210, "m.lindqvist", Verb.RESOLVE, "All six closed by their owner")],
        "dismissed": [(100, "r.okafor", Verb.DISMISS, "Announced import, ticket 8841")],
    }
    if incident.state is not IncidentState.OPEN:
        columns = {
            "state": incident.state.value,
            "open_key": None if incident.state.is_closed else incident.fingerprint,
        }
        connection.execute(
            update(incident_table).where(incident_table.c.incident_id == incident.incident_id).values(**columns)
        )
    for minutes, actor, verb, note in handled.get(name, []):
        connection.execute(
            insert(incident_log).values(
                incident_id=incident.incident_id,
                at=incident.opened_at + minutes * MINUTE,
                actor=actor,
                verb=verb.value,
                note=note,
            )
        )
    if name in ("resolved", "dismissed"):
        connection.execute(
            insert(labels).values(
                label_id=prefixed("lab", name),
                at=incident.updated_at,
                actor="m.lindqvist",
                incident_id=incident.incident_id,
                label="true_positive" if name == "resolved" else "false_positive",
                note="",
                superseded=False,
            )
        )
