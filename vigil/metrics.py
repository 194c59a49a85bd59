"""Every Prometheus metric of vigil, declared once, with its unit in its name.

Rooms import the metric they need; nothing else creates one. Labels are bounded: never an account or an event id.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

EVENTS_WRITTEN = Counter("vigil_ingest_events_written_total", "Events written to ClickHouse", ["topic"])
DEAD_LETTERS = Counter("vigil_ingest_dead_letters_total", "Events sent to the dead letters", ["topic", "error_class"])
BODIES_SHED = Counter("vigil_ingest_bodies_shed_total", "Bodies not stored because their tenant was beyond its budget")
INGEST_LAG_ROWS = Gauge(
    "vigil_ingest_lag_rows", "Records between the position and the end of a partition", ["topic", "partition"]
)
RANGE_GAPS = Counter(
    "vigil_ingest_range_gaps_total", "Ranges that did not start where the last one ended: must stay 0", ["topic"]
)
PARTITIONS_STOPPED = Gauge(
    "vigil_ingest_partition_stopped",
    "1 when a partition is not read on because of too many bad events",
    ["topic", "partition"],
)
INSERT_SECONDS = Histogram("vigil_ingest_insert_seconds", "Time of one insert, failures included", ["table", "outcome"])
BATCH_ROWS = Histogram(
    "vigil_ingest_batch_rows", "Rows in one batch", buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000)
)
TEXTS_EMBEDDED = Counter("vigil_embed_texts_total", "Distinct texts given a vector", ["encoder"])
EMBED_BATCH_SECONDS = Histogram(
    "vigil_embed_batch_seconds", "Time to embed and store one batch of texts, failures included", ["outcome"]
)
EMBED_LAG_SECONDS = Gauge(
    "vigil_embed_lag_seconds", "Age of the oldest text of the batch stored last: grows when the worker falls behind"
)
RECEIVED_EVENTS = Counter("vigil_receive_events_total", "Events acknowledged by Kafka", ["tenant", "form"])
REFUSED_EVENTS = Counter("vigil_receive_refused_events_total", "Events refused at the door", ["tenant", "form"])
LEFT_OUT_EVENTS = Counter(
    "vigil_receive_left_out_total",
    "Requests of telemetry without a call of a model, accepted and left out",
    ["tenant", "form"],
)
RECEIVE_SECONDS = Histogram(
    "vigil_receive_request_seconds", "Time of one request, failures included", ["form", "status"]
)
DETECTOR_SECONDS = Histogram("vigil_detector_run_seconds", "Time of one detector run", ["detector", "outcome"])
SIGNALS = Counter("vigil_detector_signals_total", "Signals raised", ["detector", "kind"])
INCIDENTS_OPENED = Counter("vigil_incidents_opened_total", "Incidents opened", ["kind", "severity"])
ACTIONS = Counter("vigil_enforcement_actions_total", "Decisions on effects", ["effect", "state"])
DELIVERY_SECONDS = Histogram(
    "vigil_enforcement_delivery_seconds", "Time of one adapter call, failures included", ["adapter", "outcome"]
)
OUTBOX_PENDING = Gauge("vigil_enforcement_outbox_pending_rows", "Outbox rows not yet delivered")
JOB_SECONDS = Histogram("vigil_job_run_seconds", "Time of one job run", ["job", "outcome"])
JOBS_SKIPPED = Counter(
    "vigil_job_skipped_total",
    "Turns of a job that did not run as planned: not_leading, already_run, overrun, missed, late",
    ["job", "why"],
)
JOB_LAST_SUCCESS = Gauge("vigil_job_last_success_timestamp_seconds", "Unix time of the last successful run", ["job"])


def serve(port: int, address: str = "127.0.0.1") -> None:
    """Expose the metrics over HTTP. Raises OSError when the port is taken."""
    start_http_server(port, addr=address)
