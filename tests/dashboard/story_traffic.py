"""The story's telemetry: ordinary traffic, the ring, the loud account, and events that were refused."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.dashboard.story_cast import GOODS, HOSTILE, LOUD, MINUTE, OTHER, RING, TEMPLATES, TENANT, THIRD
from vigil.warehouse import Warehouse


def send_everything(warehouse: Warehouse, now: datetime, *, events: int, hostile: bool) -> None:
    """All of it; `events` is the size of the ordinary traffic."""
    _background(warehouse, now, events)
    _call_rows(warehouse, ring_calls(now))
    _loud_traffic(warehouse, now)
    _dead_letters(warehouse, now, hostile)
    if hostile:
        at = now - 3 * MINUTE
        _call_rows(warehouse, [_call(HOSTILE, HOSTILE, at, HOSTILE, source=HOSTILE, model=HOSTILE, agent=HOSTILE)])


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
    agent: str = "python-requests/2.31", org: str = "", asn: int = 64511, status: str = "ok",
) -> list[Any]:  # fmt: skip
    event_id = uuid.uuid5(uuid.NAMESPACE_OID, text if text == HOSTILE else f"{tenant}{account}{at.isoformat()}")
    return [
        event_id, at, at + timedelta(seconds=1), tenant, source, org, account, model, model, 60 + len(text) % 30,
        180 + len(account) * at.second % 90, 0.0011, 900 + at.second * 7, status, False, "p-hosting", asn, "NL", agent, text,
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


def ring_calls(now: datetime) -> list[list[Any]]:
    """Rows of the ring's calls: the members take turns, and after the throttle few of them get through."""
    rows = []
    for number in range(760):
        minutes = 71 - number * 0.095
        if minutes < 0.2 or (minutes < 25 and number % 3 == 0):
            continue
        member = number % 12 if number < 600 else number % 14
        good, other = GOODS[number % 6], GOODS[number // 6 % 6]
        text = TEMPLATES[number % 2].format(f"{good} beside {other}")
        asn = 64511 if member < 11 else 64530 + member
        status = "rate_limited" if minutes < 25 and number % 10 else "ok"
        at, org = now - minutes * MINUTE, f"org-{900 + member}"
        rows.append(_call(TENANT, RING[member], at, text, org=org, asn=asn, status=status))
    return rows


def _loud_traffic(warehouse: Warehouse, now: datetime) -> None:
    rows = [
        _call(THIRD, LOUD, now - (69 - number * 0.0575) * MINUTE, "translate this line of the catalogue", org="org-118")
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
            at = now - (3 + step * 37) * MINUTE
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
