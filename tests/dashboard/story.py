"""A day in the life of the console: incidents of every kind of end, actions in every state, and traffic to match.

`python -m tests.dashboard.story` fills the stores that the settings name; `--events 1000000` makes it large,
`--hostile` adds an incident whose every name is an attack on whoever displays it.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import insert, update

from vigil.effect import Action, ActionState, EffectKind, StageVerdict, Target
from vigil.ids import prefixed
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.record import Record, approvals, decisions, incidents
from vigil.record.incidents import Verb
from vigil.record.schema import detector_runs, incident_log, job_runs, labels
from vigil.record.schema import incidents as incident_table
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window
from vigil.warehouse import Warehouse

HOSTILE = "<img src=x onerror=alert(1)>**b** [x](javascript:1) \u202eevil :red[r] $x$"
"""A name that tries HTML, Markdown, a link, a change of direction, Streamlit's directives and LaTeX at once."""

TENANT, OTHER, THIRD = "harborline", "meridian-labs", "kestrel"
RING = tuple(
    f"acct-{number}"
    for number in (20417, 20418, 20533, 20671, 20702, 20745, 20816, 20903, 21044, 21190, 21256, 21301, 21377, 21480)
)
LOUD, SHADOWED, FAILED = "acct-18352", "acct-11409", "acct-30977"

_MINUTE = timedelta(minutes=1)
_TEMPLATES = (
    "write a glowing review of {} for a shop page, five stars, sound like a customer",
    "write a glowing review of {} for a shop page, five stars, mention fast delivery",
)
_GOODS = ("the blue kettle", "the oak desk", "the trail shoes", "the desk lamp", "the rain jacket", "the tea set")


class Story(msgspec.Struct, frozen=True):
    """What was told: incident ids by name, and action ids by state."""

    now: datetime
    incidents: dict[str, str]
    actions: dict[ActionState, str]


def tell(record: Record, warehouse: Warehouse, now: datetime, *, events: int = 3_000, hostile: bool = False) -> Story:
    """Fill both stores with a day that ends at `now`."""
    _background(warehouse, now, events)
    ring_events = _ring_traffic(warehouse, now)
    _loud_traffic(warehouse, now)
    _dead_letters(warehouse, now, hostile)
    told = [
        _ring(now, ring_events),
        _volume(now),
        _gap(now),
        _shadowed(now),
        _failing(now),
        *_closed(now),
        _permitted(now),
    ]
    if hostile:
        told.append(_hostile(now))
        _call_rows(
            warehouse,
            [_call(HOSTILE, HOSTILE, now - 3 * _MINUTE, HOSTILE, source=HOSTILE, model=HOSTILE, agent=HOSTILE)],
        )
    decided = list(_actions(now, {name: incident.incident_id for name, incident in told}, hostile))
    with record.write() as connection:
        for name, incident in told:
            assert incidents.add(connection, msgspec.structs.replace(incident, state=IncidentState.OPEN)), name
            _settle(connection, name, incident)
        for action in decided:
            assert decisions.decide(connection, action, "log", "vigil"), action
            if action.state is ActionState.HELD:
                approvals.note_proposer(connection, action.action_id, f"policy {action.policy}", action.at)
        connection.execute(insert(detector_runs), list(_detector_runs(now)))
        connection.execute(insert(job_runs), list(_job_runs(now)))
    return Story(
        now=now,
        incidents={name: incident.incident_id for name, incident in told},
        actions={action.state: action.action_id for action in decided},
    )


def _incident(
    name: str, now: datetime, opened: float, window: tuple[float, float], **fields: Any
) -> tuple[str, Incident]:
    """`opened` and `window` are minutes before `now`."""
    tenant = fields.setdefault("tenant_id", TENANT)
    opened_at = now - opened * _MINUTE
    return name, Incident(
        incident_id=prefixed("inc", name, tenant),
        fingerprint=f"fp-{name}",
        opened_at=opened_at,
        updated_at=fields.pop("updated_at", opened_at),
        window=Window(now - window[0] * _MINUTE, now - window[1] * _MINUTE),
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
        updated_at=now - 11 * _MINUTE,
        kind=IncidentKind.COORDINATED_RING,
        severity=Severity.CRITICAL,
        state=IncidentState.CONTAINED,
        title="14 accounts share two prompt templates from one hosting network",
        summary=(
            "14 accounts created within nine days sent 612 calls in 45 minutes that follow two templates asking for "
            "product reviews in a customer's voice. No other account of the tenant uses either template; by their "
            "popularity, 0.3 accounts would be expected to share one. 11 of the 14 call from one hosting network and "
            "take turns within seconds of each other. All members were throttled 40 s after the incident was opened; "
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
                "calls_in_window": 612,
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
        updated_at=now - 47 * _MINUTE,
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
        updated_at=now - 1_100 * _MINUTE,
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
        updated_at=now - 2_800 * _MINUTE,
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


def _settle(connection: Any, name: str, incident: Incident) -> None:
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
                at=incident.opened_at + minutes * _MINUTE,
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


_PASSES = (
    StageVerdict("kill switch", "pass", "no switch is set"),
    StageVerdict("detector health", "pass", "every supporting detector ran within its deadline"),
    StageVerdict("protected", "pass", "the target is not protected"),
    StageVerdict("duplicate", "pass", "no such effect is in force on the target"),
    StageVerdict("budget", "pass", "14 of 50 this hour, 0.2 % of 0.5 % of active accounts"),
)


def _action(
    now: datetime,
    minutes: float,
    effect: EffectKind,
    target: Target,
    incident_id: str,
    state: ActionState,
    policy: str,
    *,
    reason: str = "budget passed it: 14 of 50 this hour",
    trace: tuple[StageVerdict, ...] = _PASSES,
    expires: float | None = None,
    **fields: Any,
) -> Action:
    """`minutes` before `now`; `expires` minutes after `now`."""
    at = now - minutes * _MINUTE
    if state in (ActionState.CONFIRMED, ActionState.LIFTED):
        fields.setdefault("confirmed_at", at + timedelta(seconds=2))
    return Action(
        action_id=prefixed("act", policy, incident_id, target.id, effect.value),
        at=at,
        effect=effect,
        parameters=fields.pop("parameters", {}),
        target=target,
        policy=policy,
        policy_version="b41f09d2c7aa",
        incident_id=incident_id,
        state=state,
        reason=reason,
        trace=trace,
        expires_at=None if expires is None else now + expires * _MINUTE,
        facts={"incident.severity": "critical", "member.score": 0.97},
        **fields,
    )


def _actions(now: datetime, ids: dict[str, str], hostile: bool) -> Iterator[Action]:
    confirmed, held, lifted = ActionState.CONFIRMED, ActionState.HELD, ActionState.LIFTED
    for place, name in enumerate(RING):
        target = Target(SubjectType.ACCOUNT, name, TENANT)
        late = 25.3 if place < 12 else 10.5
        if place == 13:
            yield _action(
                now,
                late,
                EffectKind.THROTTLE,
                target,
                ids["ring"],
                lifted,
                "ring-containment",
                parameters={"rpm": 10},
                lifted_by="r.okafor",
                lift_decided_at=now - 6 * _MINUTE,
                lifted_at=now - 5.9 * _MINUTE,
            )
        else:
            yield _action(
                now,
                late,
                EffectKind.THROTTLE,
                target,
                ids["ring"],
                confirmed,
                "ring-containment",
                parameters={"rpm": 10},
                expires=1_414,
            )
    approval = (*_PASSES, StageVerdict("approval", "hold", "suspend needs 2 persons"))
    for place, name in enumerate(RING[:2]):
        yield _action(
            now,
            25.2 - place / 60,
            EffectKind.SUSPEND,
            Target(SubjectType.ACCOUNT, name, TENANT),
            ids["ring"],
            held,
            "ring-containment",
            parameters={"for": "7d"},
            reason="held by approval: suspend needs 2 persons",
            trace=approval,
            approvals_needed=2,
            expires=10_055,
        )
    org = Target(SubjectType.ORG, "trust-oncall", TENANT)
    yield _action(
        now,
        25.4,
        EffectKind.PAGE,
        org,
        ids["ring"],
        confirmed,
        "ring-containment",
        reason="severity critical pages",
        trace=(),
    )
    yield _action(
        now,
        8.8,
        EffectKind.THROTTLE,
        Target(SubjectType.ACCOUNT, LOUD, THIRD),
        ids["volume"],
        ActionState.DISPATCHED,
        "volume-guard",
        parameters={"rpm": 30},
        expires=1_431,
    )
    yield _action(
        now, 8.8, EffectKind.PAGE, org, ids["volume"], confirmed, "volume-guard", reason="severity high pages", trace=()
    )
    shadow = (*_PASSES, StageVerdict("mode", "shadow", "the policy is in shadow mode"))
    yield _action(
        now,
        132,
        EffectKind.STEP_UP,
        Target(SubjectType.ACCOUNT, SHADOWED, OTHER),
        ids["shadowed"],
        ActionState.SHADOW,
        "extraction-step-up",
        reason="shadow: the policy records what it would do",
        trace=shadow,
    )
    yield _action(
        now,
        309,
        EffectKind.SUSPEND,
        Target(SubjectType.API_KEY, "key_9f2c61", TENANT),
        ids["failing"],
        ActionState.FAILED,
        "stolen-key",
        parameters={"for": "7d"},
        reason="refused by the webhook: 404, no such key",
    )
    for number in range(40100, 40106):
        yield _action(
            now,
            1_309,
            EffectKind.SUSPEND,
            Target(SubjectType.ACCOUNT, f"acct-{number}", TENANT),
            ids["resolved"],
            lifted,
            "ring-containment",
            parameters={"for": "12h"},
            expires=-589,
            lifted_by="expiry",
            lift_decided_at=now - 589 * _MINUTE,
            lifted_at=now - 588.9 * _MINUTE,
        )
    protected = (
        *_PASSES[:2],
        StageVerdict("protected", "suppress", "acct-15001 is protected: key customer, agreed 2026-10-02"),
    )
    yield _action(
        now,
        2_899,
        EffectKind.THROTTLE,
        Target(SubjectType.ACCOUNT, "acct-15001", TENANT),
        ids["dismissed"],
        ActionState.SUPPRESSED,
        "volume-guard",
        parameters={"rpm": 30},
        reason="suppressed by protected: key customer, agreed 2026-10-02",
        trace=protected,
    )
    if hostile:
        bad = (StageVerdict(HOSTILE, "hold", HOSTILE),)
        yield _action(
            now,
            2.5,
            EffectKind.THROTTLE,
            Target(SubjectType.ACCOUNT, HOSTILE, HOSTILE),
            ids["hostile"],
            held,
            "hostile-policy",
            parameters={"note": HOSTILE},
            reason=HOSTILE,
            trace=bad,
            approvals_needed=1,
        )


def _detector_runs(now: datetime) -> Iterator[dict[str, Any]]:
    for name, every, seconds, rows in (
        ("telemetry_gap", 1, 0.04, 14_200),
        ("account_volume", 5, 0.31, 96_400),
        ("shared_template", 5, 0.62, 88_100),
    ):
        for step in range(0, 120, every):
            failed = name == "account_volume" and step == 35
            end = (now - step * _MINUTE).replace(second=0, microsecond=0)
            yield {
                "detector": name,
                "window_end": end,
                "version": "1",
                "started_at": end + timedelta(seconds=31),
                "seconds": seconds * (1 + step % 7 / 10),
                "rows_seen": rows - step * 20,
                "signals": 1 if step == 25 and name != "telemetry_gap" else 0,
                "error": "ClickHouse at 127.0.0.1:9000 cannot serve this now (code 159): timeout" if failed else None,
                "facts": "{}",
            }


def _job_runs(now: datetime) -> Iterator[dict[str, Any]]:
    for name, every, seconds in (
        ("detect", 2, 0.7),
        ("correlate", 2, 0.02),
        ("enforce", 2, 0.03),
        ("dispatch", 1, 0.01),
        ("lift", 15, 0.01),
    ):
        for step in range(0, 30, every):
            at = (now - step * _MINUTE).replace(second=0, microsecond=0)
            failed = name == "dispatch" and step == 12
            yield {
                "job": name,
                "scheduled_for": at,
                "started_at": at + timedelta(milliseconds=8),
                "finished_at": at + timedelta(seconds=seconds),
                "outcome": "failed" if failed else "ok",
                "detail": "webhook.example does not answer: timeout after 10 s" if failed else "",
            }


def _background(warehouse: Warehouse, now: datetime, events: int) -> None:
    """Ordinary traffic of three days with a daily rhythm, made inside ClickHouse: a million events take seconds."""
    step = max(1, events // 500_000 + 1)
    for part in range(step):
        warehouse.query(
            """
            INSERT INTO events (event_id, event_time, received_at, tenant_id, source, org_id, account_id,
                request_model, response_model, input_tokens, output_tokens, cost_usd, duration_ms, status, refused,
                client_prefix_hash, client_asn, client_country, user_agent)
            WITH
                cityHash64(number, 'time') AS h, cityHash64(number, 'who') AS who,
                (h % 1000000) / 1000000 AS position,
                -- A daily rhythm: half days are paired, and a call at a quiet hour moves to its partner with that
                -- much probability.
                toFloat64({end:Float64}) - 259200 * position AS raw,
                0.5 + 0.36 * sin(2 * pi() * (raw % 86400 / 86400 - 0.34)) AS weight,
                if(floor(6 * position) % 2 = 0, raw - 43200, raw + 43200) AS partner,
                if(toFloat64(cityHash64(number, 'shift') % 1000) / 1000 < weight, raw, partner) AS at,
                least(at + 0., toFloat64({end:Float64}) - 0.5) AS event_at,
                multiIf(who % 10 < 6, {first:String}, who % 10 < 9, {second:String}, {third:String}) AS tenant,
                intDiv(pow(who % 10007, 2), 250000) AS account
            SELECT generateUUIDv4(number), toDateTime64(event_at, 6, 'UTC'), toDateTime64(event_at + 0.8, 6, 'UTC'),
                tenant,
                multiIf(tenant = {second:String}, ['gateway-east', 'gateway-west'][1 + who % 2], 'gateway-1'),
                concat('org-', toString(100 + account % 37)), concat('acct-', toString(10000 + account * 7 % 9000)),
                ['small-2', 'large-1', 'small-2', 'embed-1'][1 + h % 4], ['small-2', 'large-1', 'small-2', 'embed-1'][1 + h % 4],
                200 + h % 900, 40 + h % 400, 0.0004 + (h % 100) / 50000, 300 + h % 1800,
                if(h % 97 = 0, 'error', 'ok'), h % 61 = 0,
                concat('p', toString(account % 41)), 64500 + account % 23, ['DE', 'FR', 'US', 'BR'][1 + account % 4],
                concat('client/', toString(1 + account % 5))
            FROM numbers({skipped:UInt64}, {count:UInt64})
            """,
            {
                "end": now.timestamp(),
                "first": TENANT,
                "second": OTHER,
                "third": THIRD,
                "skipped": part * (events // step),
                "count": events // step,
            },
        )


_COLUMNS = [
    "event_id", "event_time", "received_at", "tenant_id", "source", "org_id", "account_id", "request_model",
    "response_model", "input_tokens", "output_tokens", "cost_usd", "duration_ms", "status", "refused",
    "client_prefix_hash", "client_asn", "client_country", "user_agent", "last_user_text",
]  # fmt: skip


def _call(
    tenant: str, account: str, at: datetime, text: str, *, source: str = "gateway-1", model: str = "small-2",
    agent: str = "python-requests/2.31", org: str = "", asn: int = 64511,
) -> list[Any]:  # fmt: skip
    event_id = uuid.uuid5(uuid.NAMESPACE_OID, text if text == HOSTILE else f"{tenant}{account}{at.isoformat()}")
    return [
        event_id, at, at + timedelta(seconds=1), tenant, source, org, account, model, model, 60 + len(text) % 30,
        180 + len(account) * at.second % 90, 0.0011, 900 + at.second * 7, "ok", False, "p-hosting", asn, "NL", agent, text,
    ]  # fmt: skip


def _call_rows(warehouse: Warehouse, rows: Sequence[Sequence[Any]]) -> None:
    warehouse.insert("events", _COLUMNS, [list(column) for column in zip(*rows, strict=True)])
    bodies = [
        [row[0], row[1], row[2], row[3], row[6], 1, "", row[19], f"Sure! Here it is. ({row[13]})"] for row in rows
    ]
    warehouse.insert(
        "bodies",
        [
            "event_id",
            "event_time",
            "received_at",
            "tenant_id",
            "account_id",
            "redaction_version",
            "system",
            "input",
            "output",
        ],
        [list(column) for column in zip(*bodies, strict=True)],
    )


def _ring_traffic(warehouse: Warehouse, now: datetime) -> list[str]:
    """The members take turns; after the throttle few calls get through. Returns ids of calls, strongest first."""
    rows = []
    for number in range(760):
        minutes = 71 - number * 0.095
        if minutes < 0.2 or (minutes < 25 and number % 9 != 0):
            continue
        member = number % 12 if number < 600 else number % 14
        good, other = _GOODS[number % 6], _GOODS[number // 6 % 6]
        text = _TEMPLATES[number % 2].format(f"{good} beside {other}")
        asn = 64511 if member < 11 else 64530 + member
        rows.append(_call(TENANT, RING[member], now - minutes * _MINUTE, text, org=f"org-{900 + member}", asn=asn))
    _call_rows(warehouse, rows)
    return [str(row[0]) for row in rows[::29]]


def _loud_traffic(warehouse: Warehouse, now: datetime) -> None:
    rows = [
        _call(
            THIRD, LOUD, now - (69 - number * 0.0575) * _MINUTE, "translate this line of the catalogue", org="org-118"
        )
        for number in range(1_140)
    ]
    _call_rows(warehouse, rows)


def _dead_letters(warehouse: Warehouse, now: datetime, hostile: bool) -> None:
    rows: list[list[Any]] = []
    for error_class, number, reason in (
        (
            "malformed_json",
            14,
            "not valid JSON at byte 118: a quote is missing; the producer cuts lines at 4,096 bytes",
        ),
        ("time_out_of_range", 6, "event_time 1970-01-01T00:00:00Z is more than 30 days ago; check the sender's clock"),
        ("wrong_type", 2, "input_tokens is the text 'n/a'; send a number, or leave it out when unknown"),
        *((("hostile", 1, HOSTILE),) if hostile else ()),
    ):
        for step in range(number):
            at = now - (3 + step * 37) * _MINUTE
            rows.append([uuid.uuid4(), at, "vigil.events", step % 3, 1000 + step, error_class, reason, "{", "0.1.0", 1])
    columns = [
        "dead_letter_id",
        "at",
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "error_class",
        "reason",
        "raw",
        "code_version",
        "schema_version",
    ]
    warehouse.insert("dead_letters", columns, [list(column) for column in zip(*rows, strict=True)])


def main() -> None:
    """Fill the stores of the settings."""
    from vigil.record import open_record
    from vigil.settings import load
    from vigil.warehouse import migrate, open_warehouse

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--hostile", action="store_true")
    given = parser.parse_args()
    settings = load()
    warehouse = open_warehouse(settings)
    migrate(warehouse)
    tell(open_record(settings), warehouse, settings.make_clock().now(), events=given.events, hostile=given.hostile)


if __name__ == "__main__":
    main()
