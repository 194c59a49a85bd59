"""Whether vigil itself is well: what comes in, what is refused, what ran and what waits."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import session
from dashboard.elements.headings import Stat, code, note, page_title, section, strip
from dashboard.elements.notices import empty, guarded
from dashboard.elements.panels import chart
from dashboard.elements.records_table import Badge, Cell, Column, Detail, Row, records_table
from dashboard.look import charts
from dashboard.views import health as view
from dashboard.views import traffic
from dashboard.views.moments import ago, epoch_ms, span, utc

REFRESH_S = 10

_SILENT = timedelta(minutes=10)


def numbers() -> None:
    """The state of everything in one row."""
    now = session.now()
    with session.record().read() as connection:
        waiting = view.backlog(connection, now)
        failures = sum(health.failures for health in view.detectors(connection, now))
        failed_jobs = sum(health.failures for health in view.jobs(connection, now))
    stats: list[Stat] = []
    with guarded("What comes in"):
        intake = view.intake(session.warehouse(), now)
        late = intake.last_received is None or now - intake.last_received > _SILENT
        stats += [
            Stat(ago(intake.last_received, now), "last event received", "high" if late else "good"),
            Stat(f"{intake.calls_10min / 10:,.0f}", "calls a minute", hint="over 10 minutes"),
            Stat(f"{intake.dead_day:,}", "dead letters", "high", "in 24 hours"),
        ]
    strip(
        [
            *stats,
            Stat(f"{failures:,}", "detector runs failed", "high", "in 24 hours"),
            Stat(f"{failed_jobs:,}", "jobs failed or late", "high", "in 24 hours"),
            Stat(f"{waiting.outbox_pending:,}", "deliveries waiting", "medium", _oldest(waiting)),
            Stat(f"{waiting.overdue_lifts:,}", "overdue lifts", "critical"),
        ]
    )


def _oldest(waiting: view.Backlog) -> str:
    return f"oldest {ago(waiting.outbox_oldest, session.now())}" if waiting.outbox_oldest else ""


def incoming() -> None:
    """Calls by minute of the last hour."""
    now = session.now()
    series = traffic.by_tenant(session.warehouse(), now - timedelta(hours=1), now)
    merged = traffic.Traffic(series.since, series.until, series.width_s, traffic.together(series, "calls"))
    section("Ingest", "calls a minute in the last hour, by time of the call (UTC)")
    if merged.total == 0:
        empty(
            "Nothing has come in for an hour.",
            "Produce events to the topics of `kafka.topics`, or ingest a file: `vigil ingest --file calls.jsonl`.",
        )
        return
    chart(charts.columns(merged, session.colours(), {"calls": "series-1"}, height=120, title="calls"), "ingest")


def detectors() -> None:
    """Detectors, failing ones first."""
    now = session.now()
    with session.record().read() as connection:
        found = view.detectors(connection, now)
    section("Detectors", "last run, and totals of 24 hours")
    if not found:
        empty(
            "No detector has run in 24 hours.",
            "`vigil jobs` runs them on schedule; `vigil detect` runs what is due once.",
        )
        return
    columns = (
        Column("state", "State", "badges"),
        Column("detector", "Detector", "mono"),
        Column("window", "Window", "time"),
        Column("seconds", "Seconds", "number"),
        Column("rows", "Rows", "number"),
        Column("runs", "Runs", "number"),
        Column("failures", "Failed", "number"),
        Column("signals", "Signals", "number"),
    )
    rows = [
        Row(
            id=health.detector,
            cells={
                "state": Cell(badges=(Badge("failing", "critical") if health.error else Badge("well", "good"),)),
                "detector": Cell(text=health.detector, sub=f"version {health.version}"),
                "window": Cell(
                    text=ago(health.window_end, now),
                    title=f"{utc(health.window_end)} UTC",
                    sort=epoch_ms(health.window_end),
                ),
                "seconds": Cell(
                    text=f"{health.seconds:.2f}",
                    title=f"the slowest of 24 hours took {health.slowest_s:.2f} s",
                    sort=health.seconds,
                ),
                "rows": Cell(text=f"{health.rows_seen:,}", sort=health.rows_seen),
                "runs": Cell(text=f"{health.runs:,}", sort=health.runs),
                "failures": Cell(
                    text=f"{health.failures:,}", sort=health.failures, tone="critical" if health.failures else ""
                ),
                "signals": Cell(text=f"{health.signals:,}", sort=health.signals),
            },
            detail=(Detail("Error", health.error, block=True),) if health.error else (),
        )
        for health in found
    ]
    records_table("detectors", columns, rows, caption="Detectors")


def jobs() -> None:
    """Jobs, failing ones first."""
    now = session.now()
    with session.record().read() as connection:
        found = view.jobs(connection, now)
    section("Jobs", "last run, and totals of 24 hours")
    if not found:
        empty("No job has run in 24 hours.", "Start the scheduler with `vigil jobs`, or everything with `vigil up`.")
        return
    columns = (
        Column("outcome", "Last outcome", "badges"),
        Column("job", "Job", "mono"),
        Column("started", "Last start", "time"),
        Column("took", "Took", "number"),
        Column("runs", "Runs", "number"),
        Column("failures", "Failed", "number"),
    )
    tones = {"ok": "good", "running": "info", "late": "medium"}
    rows = [
        Row(
            id=health.job,
            cells={
                "outcome": Cell(badges=(Badge(health.outcome, tones.get(health.outcome, "critical")),)),
                "job": Cell(text=health.job),
                "started": Cell(
                    text=ago(health.started_at, now),
                    title=f"{utc(health.started_at)} UTC",
                    sort=epoch_ms(health.started_at),
                ),
                "took": Cell(
                    text=f"{(health.finished_at - health.started_at).total_seconds():.2f} s"
                    if health.finished_at
                    else "–"
                ),
                "runs": Cell(text=f"{health.runs:,}", sort=health.runs),
                "failures": Cell(
                    text=f"{health.failures:,}", sort=health.failures, tone="critical" if health.failures else ""
                ),
            },
            detail=(Detail("Detail", health.detail, block=True),) if health.detail else (),
        )
        for health in found
    ]
    records_table("jobs", columns, rows, caption="Jobs")


def sources() -> None:
    """Sources, the longest silent first."""
    now = session.now()
    found = view.sources(session.warehouse(), now)
    section("Sources", "who sends telemetry; the longest silent first")
    if not found:
        empty("No source has sent anything in 7 days.", "Connect a gateway: see “Connect a gateway” in the README.")
        return
    columns = (
        Column("state", "State", "badges"),
        Column("source", "Source", "mono"),
        Column("last", "Last call", "time"),
        Column("ten", "10 min", "number"),
        Column("hour", "1 h", "number"),
        Column("day", "24 h", "number"),
    )
    rows = [
        Row(
            id=f"{source.tenant_id}/{source.source}",
            cells={
                "state": Cell(
                    badges=(
                        Badge(f"silent {span(now - source.last_seen)}", "high")
                        if now - source.last_seen > _SILENT
                        else Badge("sending", "good"),
                    )
                ),
                "source": Cell(text=source.source, sub=source.tenant_id),
                "last": Cell(
                    text=ago(source.last_seen, now),
                    title=f"{utc(source.last_seen)} UTC",
                    sort=epoch_ms(source.last_seen),
                ),
                "ten": Cell(text=f"{source.calls_10min:,}", sort=source.calls_10min),
                "hour": Cell(text=f"{source.calls_hour:,}", sort=source.calls_hour),
                "day": Cell(text=f"{source.calls_day:,}", sort=source.calls_day),
            },
        )
        for source in found
    ]
    records_table("sources", columns, rows, caption="Sources", height=420)


def dead_letters() -> None:
    """What was refused, by reason."""
    now = session.now()
    found = view.dead_letters(session.warehouse(), now)
    section("Dead letters", "refused events of 24 hours by reason; none is lost")
    if not found:
        empty(
            "Nothing was refused in 24 hours.",
            "Events that cannot be accepted are kept with their raw bytes and a reason.",
        )
        return
    columns = (
        Column("reason", "Reason", "mono"),
        Column("count", "Events", "number"),
        Column("last", "Last", "time"),
        Column("example", "The latest says"),
    )
    rows = [
        Row(
            id=group.error_class,
            cells={
                "reason": Cell(text=group.error_class, sub=f"from {', '.join(group.origins)}"),
                "count": Cell(text=f"{group.count:,}", sort=group.count),
                "last": Cell(
                    text=ago(group.last_at, now), title=f"{utc(group.last_at)} UTC", sort=epoch_ms(group.last_at)
                ),
                "example": Cell(text=group.example),
            },
        )
        for group in found
    ]
    records_table("dead_letters", columns, rows, caption="Dead letters")
    note(
        code("vigil deadletters list"),
        " shows them with their raw bytes; ",
        code("vigil deadletters requeue"),
        " sends mended ones again.",
    )


@st.fragment(run_every=REFRESH_S)
def live() -> None:
    """What refreshes by itself."""
    with guarded("The state of the record"):
        numbers()
    with st.container(key="card_ingest"), guarded("The ingest rate"):
        incoming()
    left, right = st.columns([0.55, 0.45], gap="medium")
    with left, guarded("The detectors"):
        detectors()
    with right, guarded("The jobs"):
        jobs()
    left, right = st.columns([0.55, 0.45], gap="medium")
    with left, guarded("The sources"):
        sources()
    with right, guarded("The dead letters"):
        dead_letters()


page_title("System health", f"refreshed every {REFRESH_S} s")
live()
