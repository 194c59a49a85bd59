"""`vigil ingest`: from the Kafka topics into ClickHouse until asked to stop; waits for whatever is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import tenacity

from ingest.budgets import BodyBudgets
from ingest.dialects import get_dialect
from ingest.enrich.addresses import load_hash_key
from ingest.intake import Intake, Stopping
from ingest.kafka_source import KafkaSource
from ingest.pipeline import Pipeline
from ingest.retention import keep_dead_letters
from ingest.writer import EventWriter
from vigil.broker import topics
from vigil.clock import Clock
from vigil.errors import BrokerUnavailable, ConfigError, WarehouseUnavailable
from vigil.local.deduplication import without_window
from vigil.log import get_logger
from vigil.settings import Settings
from vigil.warehouse import Warehouse, migrate, pending

T = TypeVar("T")

_log = get_logger("ingest")

_POLL_S = 0.5
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 5.0

SHUTDOWN_BUDGET_S = 25.0
"""From the request to stop to the end: the running insert, one commit, leaving the group."""


class Consumer:
    """One member of the consumer group.

    Raises ConfigError at once for topics or dialects that make no sense.
    """

    def __init__(self, settings: Settings, clock: Clock, warehouse: Warehouse, bootstrap_servers: str) -> None:
        self._settings = settings
        self._clock = clock
        self._servers = bootstrap_servers
        self._dialects = {topic.name: topic.dialect for topic in topics(settings)}
        for dialect in self._dialects.values():
            get_dialect(dialect)
        self._pipeline = Pipeline(
            settings,
            clock,
            trust_tenant=settings.ingest.trust_payload_tenant,
            hash_key=load_hash_key(settings),
        )
        self._warehouse = warehouse

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set. Waits while Kafka or ClickHouse is away, saying so.

        Raises ConfigError when a table would count a retried insert twice, DeadLetterStoreError or WarehouseRejected when it must not go on: nothing is lost, the position has not
        moved past what is stored. Run it in the main thread of a process.
        """
        try:
            _until_there(stop, "ClickHouse", self._bring_schema_up_to_date)
            source = _until_there(stop, "Kafka", self._connect)
            try:
                self._consume(source, stop)
            finally:
                source.close()
        except Stopping:
            _log.info("stopping; what was not stored stays in Kafka")
        finally:
            self._warehouse.close()

    def _consume(self, source: KafkaSource, stop: threading.Event) -> None:
        mib = self._settings.ingest.tenant_body_mib_per_minute
        writer = EventWriter(self._warehouse, None if mib is None else BodyBudgets(mib * 2**20))
        intake = Intake(source, writer, self._pipeline, self._settings.ingest, self._clock, self._dialects, stop)
        while not stop.is_set():
            _until_there(stop, "Kafka", lambda: intake.cycle(_POLL_S))
        intake.settle()

    def _bring_schema_up_to_date(self) -> None:
        # The user of a consumer may lack the right to create tables; it is needed only when something is missing.
        if pending(self._warehouse):
            migrate(self._warehouse)
        keep_dead_letters(self._warehouse, self._settings.ingest.dead_letter_days)
        if tables := without_window(self._warehouse):
            raise ConfigError(
                f"a retried insert would be stored twice in {', '.join(tables)}: give each of these tables a"
                " deduplication window (ALTER TABLE … MODIFY SETTING non_replicated_deduplication_window = 10000) or"
                " drop the materialized view that writes to it"
            )

    def _connect(self) -> KafkaSource:
        source = KafkaSource(self._settings, self._servers, list(self._dialects))
        _log.info("connected to Kafka", servers=self._servers, topics=list(self._dialects))
        return source


def _until_there(stop: threading.Event, what: str, work: Callable[[], T]) -> T:
    """The result of `work`, tried again and again while a server is away. Raises Stopping."""

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopping

    def say(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _log.warning(
            f"waiting for {what}; nothing is lost",
            reason=str(error),
            attempt=state.attempt_number,
            next_try_in_s=round(state.upcoming_sleep, 1),
        )

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((BrokerUnavailable, WarehouseUnavailable)),
        wait=tenacity.wait_exponential_jitter(multiplier=_FIRST_RETRY_S, max=_LAST_RETRY_S, jitter=_FIRST_RETRY_S),
        sleep=wait,
        before_sleep=say,
    )
    return retrying(work)
