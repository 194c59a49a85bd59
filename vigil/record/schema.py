"""Tables of the record: what is small and must be right. SQLAlchemy Core, the same on SQLite and PostgreSQL.

Timestamps are UTC. Structures are canonical JSON text, written and read with msgspec.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time in UTC; SQLite forgets the zone, this gives it back. Refuses naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r} for a UTC column")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id(name: str, *, primary: bool = False) -> Column[Any]:
    return Column(name, String(64), primary_key=primary, nullable=False)


_BIG_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements INTEGER primary keys only

signals = Table(
    "signals",
    metadata,
    _id("signal_id", primary=True),
    Column("at", UtcDateTime, nullable=False),
    Column("tenant_id", String(256), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("detector", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    # Null until the correlate step has put it into an incident.
    Column("incident_id", String(64)),
    Index("signals_uncorrelated", "incident_id", "at"),
)

incidents = Table(
    "incidents",
    metadata,
    _id("incident_id", primary=True),
    Column("tenant_id", String(256), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("subjects", Text, nullable=False),
    Column("detectors", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("merged_into", String(64)),
    # Set while open: the fingerprint, so that two writers cannot open one incident twice.
    Column("open_key", String(64), unique=True),
    # The revision that the enforce step has seen: smaller than `revision` means work to do.
    Column("enforced_revision", Integer, nullable=False, default=0),
    Index("incidents_by_update", "updated_at"),
    Index("incidents_by_state", "state", "severity", "opened_at"),
)

incident_subjects = Table(
    "incident_subjects",
    metadata,
    _id("incident_id", primary=True),
    Column("subject_type", String(16), primary_key=True),
    Column("subject_id", String(512), primary_key=True),
    Column("tenant_id", String(256), nullable=False),
    Column("role", String(16), nullable=False),
    Column("score", Float, nullable=False),
    Index("incident_subjects_by_subject", "tenant_id", "subject_type", "subject_id"),
)

incident_log = Table(
    "incident_log",
    metadata,
    Column("seq", _BIG_ID, primary_key=True, autoincrement=True),
    _id("incident_id"),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("verb", String(32), nullable=False),
    Column("note", Text, nullable=False),
    Index("incident_log_by_incident", "incident_id", "seq"),
)

actions = Table(
    "actions",
    metadata,
    _id("action_id", primary=True),
    Column("at", UtcDateTime, nullable=False),
    Column("effect", String(16), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("tenant_id", String(256), nullable=False),
    Column("target_type", String(16), nullable=False),
    Column("target_id", Text, nullable=False),
    # Digest of tenant, type and id: what the index and every look-up by target use, however long the id is.
    Column("target_key", String(64), nullable=False),
    # Digests of the account and organisation the target belongs to (itself, when it is one), where they are known.
    Column("account_key", String(64)),
    Column("org_key", String(64)),
    Column("account_id", Text),
    Column("org_id", Text),
    Column("policy", String(128), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("incident_id", String(64)),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    # When it goes out, where that was drawn for later.
    Column("execute_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("reverses", String(64)),
    Column("trace", Text, nullable=False),
    Column("facts", Text, nullable=False),
    # Persons who must say yes before a held action goes out.
    Column("approvals_needed", Integer, nullable=False, default=0),
    Column("confirmed_at", UtcDateTime),
    # Who decided that it ends: `expiry`, or a person, whose decision outranks rules.
    Column("lifted_by", String(256)),
    Column("lift_decided_at", UtcDateTime),
    Column("lifted_at", UtcDateTime),
    # Set while a restricting effect is decided or in force: one effect of a kind on a target at a time, by the database.
    Column("duty_key", String(64), unique=True),
    Index("actions_by_target", "target_key", "at"),
    Index("actions_by_account", "account_key", "at"),
    Index("actions_by_org", "org_key", "at"),
    Index("actions_by_incident", "incident_id", "at"),
    Index("actions_by_policy", "policy", "at"),
    Index("actions_by_state", "state", "expires_at"),
    Index("actions_by_reversal", "reverses"),
)

approvals = Table(
    "approvals",
    metadata,
    # One line a person and action: nobody approves twice, and nobody approves what they proposed.
    _id("action_id", primary=True),
    Column("actor", String(256), primary_key=True),
    Column("verdict", String(16), nullable=False),  # proposed, approved, rejected
    Column("at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    # Given by the writer, gapless from 1: a missing entry shows.
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("entry_type", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)

snoozes = Table(
    "snoozes",
    metadata,
    _id("snooze_id", primary=True),
    Column("tenant_id", String(256), nullable=False),
    # `snooze` leaves the principal or incident alone, `pause` lets no rule act on it without a person.
    Column("kind", String(16), nullable=False),
    # The key of a principal, or the id of an incident.
    Column("subject_key", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),
    Index("snoozes_by_subject", "subject_key", "until"),
)

appeals = Table(
    "appeals",
    metadata,
    _id("appeal_id", primary=True),
    _id("action_id"),
    Column("statement", Text, nullable=False),
    Column("opened_by", String(256), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("outcome", String(16)),  # upheld, overturned; null: open
    Column("decided_by", String(256)),
    Column("decided_at", UtcDateTime),
    Column("reason", Text),
    # Set while open: one open appeal an action.
    Column("open_key", String(64), unique=True),
    Index("appeals_by_action", "action_id"),
    Index("appeals_by_opening", "opened_at"),
)

outbox = Table(
    "outbox",
    metadata,
    _id("outbox_id", primary=True),
    _id("action_id"),
    Column("adapter", String(32), nullable=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    # Given by the writer in the order of decisions; rows of one `order_key` (a target) go out in this order.
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("order_key", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # held, pending, delivered, refused, cancelled
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("first_failed_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, default=0),
    Column("leased_until", UtcDateTime),
    Column("leased_by", String(64)),
    Column("last_error", Text),
    Column("delivered_at", UtcDateTime),
    UniqueConstraint("adapter", "idempotency_key", name="outbox_once"),
    Index("outbox_due", "state", "not_before"),
    Index("outbox_by_order", "order_key", "state", "seq"),
    Index("outbox_by_action", "action_id"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy", String(128), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("source", Text, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
)

kill_switches = Table(
    "kill_switches",
    metadata,
    _id("switch_id", primary=True),
    # `global`, `policy` or `tenant`, and which one.
    Column("scope", String(16), nullable=False),
    Column("name", String(256), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),
)

alerts = Table(
    "alerts",
    metadata,
    # One a receiver and group (an incident, or one trouble of vigil itself): what was sent of it, and who took it on.
    _id("alert_id", primary=True),
    Column("receiver", String(256), nullable=False),
    Column("group_key", String(64), nullable=False),
    Column("tenant_id", String(256), nullable=False),
    Column("incident_id", String(64)),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("policy", String(128), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    # When a page last went out; null: none yet, because a silence or an acknowledgement kept it.
    Column("notified_at", UtcDateTime),
    Column("notifications", Integer, nullable=False, default=0),
    # How many receivers of the escalation were called in.
    Column("escalated", Integer, nullable=False, default=0),
    Column("acked_by", String(256)),
    Column("acked_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Index("alerts_open", "resolved_at", "notified_at"),
    Index("alerts_by_group", "group_key"),
)

silences = Table(
    "silences",
    metadata,
    _id("silence_id", primary=True),
    Column("matchers", Text, nullable=False),
    Column("author", String(256), nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    # When it last kept a page: one that keeps none for a day is over.
    Column("used_at", UtcDateTime),
    Column("released_at", UtcDateTime),
)

detector_runs = Table(
    "detector_runs",
    metadata,
    Column("detector", String(64), primary_key=True),
    Column("window_end", UtcDateTime, primary_key=True),
    Column("version", String(32), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("rows_seen", BigInteger, nullable=False),
    Column("signals", Integer, nullable=False),
    Column("error", Text),
    Column("facts", Text, nullable=False),
    Index("detector_runs_by_start", "started_at"),
)

detector_state = Table(
    "detector_state",
    metadata,
    Column("detector", String(64), primary_key=True),
    Column("version", String(32), primary_key=True),
    Column("state_key", String(512), primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("scheduled_for", UtcDateTime, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(16), nullable=False),  # running, ok, failed, late
    Column("detail", Text, nullable=False, default=""),
    Index("job_runs_by_start", "started_at"),
)

leases = Table(
    "leases",
    metadata,
    # One active holder for a role (`jobs`): the fencing number grows with each change of holder.
    Column("role", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    _id("label_id", primary=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("incident_id", String(64)),
    Column("subject_type", String(16)),
    Column("subject_id", String(512)),
    Column("label", String(32), nullable=False),  # true_positive, false_positive, benign, unsure
    Column("note", Text, nullable=False),
    Column("superseded", Boolean, nullable=False, default=False),
    Index("labels_by_incident", "incident_id"),
)
