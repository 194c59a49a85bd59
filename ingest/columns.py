"""Accepted events and dead letters as columns, the form in which clickhouse-driver inserts fast.

Built anew for every insert, because the driver writes into the lists it is given. A column in which every value is
the table's default is left out: ClickHouse fills it in, and nothing is encoded, sent or parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from ingest.budgets import Share
from ingest.enrich.redaction import REDACTION_VERSION
from ingest.outcome import Accepted, DeadLetter
from vigil import __version__
from vigil.event import Guardrail, InferenceEvent

Columns = tuple[list[str], list[list[Any]]]
"""Names, and a list of values for each."""

DEAD_LETTER_SCHEMA_VERSION = 1

_TEXT = (
    "environment", "org_id", "api_key_hash", "end_user_id", "session_id", "trace_id", "span_id", "response_id",
    "operation", "provider", "request_model", "response_model", "error_type", "client_prefix_hash",
    "client_address_hash", "client_country", "user_agent", "agent_family", "language", "script", "email_domain", "payment_fingerprint",
)  # fmt: skip
"""Missing is the empty string."""

_NULLABLE = (
    "input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", "cost_usd", "duration_ms", "ttft_ms",
    "refused", "temperature", "client_asn",
)  # fmt: skip
"""Missing is NULL, never zero."""

_COLLECTIONS = ("finish_reasons", "tool_names", "attributes")

_NO_GUARDRAIL = ("", (), None, "")


def microseconds(moment: datetime) -> int:
    """Since 1970: the integer that a DateTime64(6) is."""
    return round(moment.timestamp() * 1_000_000)


def _received(accepted: Sequence[Accepted]) -> list[int]:
    """A batch is received at one moment."""
    known = {moment: microseconds(moment) for moment in {item.received_at for item in accepted}}
    return [known[item.received_at] for item in accepted]


def event_columns(accepted: Sequence[Accepted]) -> Columns:
    """For the table `events`."""
    events = [item.event for item in accepted]
    origins = [item.origin for item in accepted]
    names = ["event_id", "event_time", "received_at", "tenant_id", "source", "account_id"]
    data: list[list[Any]] = [
        [event.event_id for event in events],
        [microseconds(event.event_time) for event in events],
        _received(accepted),
        [event.tenant_id for event in events],
        [event.source for event in events],
        [event.account_id for event in events],
    ]

    def add(name: str, values: list[Any], used: bool) -> None:
        if used:
            names.append(name)
            data.append(values)

    # Most columns are unused in most batches, and looked at in native code only.
    for name in _TEXT:
        found = list(map(attrgetter(name), events))
        if any(found):
            add(name, [text or "" for text in found], True)
    for name in _NULLABLE:
        values = list(map(attrgetter(name), events))
        add(name, values, values.count(None) < len(values))
    for name in _COLLECTIONS:
        collections = list(map(attrgetter(name), events))
        add(name, collections, any(collections))
    versions = [event.schema_version for event in events]
    add("schema_version", versions, versions.count(1) < len(versions))
    add("status", [event.status.value if event.status else "" for event in events], True)
    created = [None if (at := event.account_created_at) is None else microseconds(at) for event in events]
    add("account_created_at", created, created.count(None) < len(created))
    guardrails = [event.guardrail for event in events]
    add("guardrail", [_guardrail(guardrail) for guardrail in guardrails], any(guardrails))
    add("kafka_topic", [origin.kafka_topic for origin in origins], any(origin.kafka_topic for origin in origins))
    add("kafka_partition", [origin.kafka_partition for origin in origins], True)
    add("kafka_offset", [origin.kafka_offset for origin in origins], True)
    indexes = [origin.index for origin in origins]
    add("kafka_index", indexes, any(indexes))
    texts = [event.last_user_text() for event in events]
    add("last_user_text", texts, any(texts))
    return names, data


def body_columns(accepted: Sequence[Accepted]) -> Columns:
    """For the table `bodies`: only events that carry any content."""
    with_content = [item for item in accepted if _has_content(item.event)]
    events = [item.event for item in with_content]
    columns: list[tuple[str, list[Any]]] = [
        ("event_id", [event.event_id for event in events]),
        ("event_time", [microseconds(event.event_time) for event in events]),
        ("received_at", _received(with_content)),
        ("tenant_id", [event.tenant_id for event in events]),
        ("account_id", [event.account_id for event in events]),
        ("redaction_version", [REDACTION_VERSION] * len(events)),
        ("system", [event.system or "" for event in events]),
        ("input", [_input_text(event) for event in events]),
        ("output", [event.output or "" for event in events]),
    ]
    return _split(columns)


def dead_letter_columns(letters: Sequence[DeadLetter]) -> Columns:
    """For the table `dead_letters`."""
    columns: list[tuple[str, Callable[[DeadLetter], Any]]] = [
        ("dead_letter_id", lambda letter: letter.dead_letter_id),
        ("at", lambda letter: microseconds(letter.at)),
        ("kafka_topic", lambda letter: letter.origin.kafka_topic),
        ("kafka_partition", lambda letter: letter.origin.kafka_partition),
        ("kafka_offset", lambda letter: letter.origin.kafka_offset),
        ("kafka_index", lambda letter: letter.origin.index),
        ("file", lambda letter: letter.origin.file),
        ("line", lambda letter: letter.origin.line),
        ("error_class", lambda letter: letter.error_class),
        ("reason", lambda letter: letter.reason),
        ("raw", lambda letter: letter.raw),
        ("code_version", lambda letter: __version__),
        ("schema_version", lambda letter: DEAD_LETTER_SCHEMA_VERSION),
        ("dialect", lambda letter: letter.dialect),
    ]
    return _split([(name, [value(letter) for letter in letters]) for name, value in columns])


def share_columns(shares: Sequence[Share]) -> Columns:
    """For the table `tenant_minutes`."""
    names = ["tenant_id", "minute", "bodies", "body_bytes", "kept_bodies", "kept_bytes"]
    return names, [[getattr(share, name) for share in shares] for name in names]


def _split(columns: list[tuple[str, list[Any]]]) -> Columns:
    return [name for name, _ in columns], [values for _, values in columns]


def _has_content(event: InferenceEvent) -> bool:
    return bool(event.input or event.output or event.system)


def _input_text(event: InferenceEvent) -> str:
    """A conversation as a JSON array of {role, content}; a plain string as it is."""
    if event.input is None or isinstance(event.input, str):
        return event.input or ""
    return msgspec.json.encode(event.input).decode()


def _guardrail(guardrail: Guardrail | None) -> tuple[Any, ...]:
    if guardrail is None:
        return _NO_GUARDRAIL
    return (guardrail.status or "", guardrail.categories, guardrail.max_score, guardrail.action or "")
