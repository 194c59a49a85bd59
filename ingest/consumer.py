"""`vigil ingest`: from the Kafka topics into ClickHouse until asked to stop; waits for whatever is away."""

from __future__ import annotations

import threading
from collections.abc import Callable

import tenacity

from ingest.dialects import get_dialect
from ingest.enrich.addresses import load_hash_key
from ingest.intake import Intake, Stopping
from ingest.kafka_source import KafkaSource
from ingest.pipeline import Pipeline
from ingest.writer import EventWriter
from vigil.clock import Clock
from vigil.errors import BrokerUnavailable, ConfigError
from vigil.log import get_logger
from vigil.settings import Settings
from vigil.warehouse import Warehouse

_log = get_logger("ingest")

_POLL_S = 0.5
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 10.0

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
        self._dialects = topics_of(settings.kafka.topics)
        self._pipeline = Pipeline(
            settings,
            clock,
            trust_tenant=settings.ingest.trust_payload_tenant,
            hash_key=load_hash_key(settings),
        )
        self._warehouse = warehouse

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set. Waits while Kafka or ClickHouse is away, saying so.

        Raises DeadLetterStoreError or WarehouseRejected when it must not go on: nothing is lost, the position has not
        moved past what is stored. Run it in the main thread of a process.
        """
        try:
            source = self._connected(stop)
        except Stopping:
            return
        try:
            writer = EventWriter(self._warehouse)
            limits = self._settings.ingest
            intake = Intake(source, writer, self._pipeline, limits, self._clock, self._dialects, stop)
            while not stop.is_set():
                self._waiting_for_kafka(stop, lambda: intake.cycle(_POLL_S))
            intake.settle()
        except Stopping:
            _log.info("stopping; what was not stored stays in Kafka")
        finally:
            source.close()
            self._warehouse.close()

    def _connected(self, stop: threading.Event) -> KafkaSource:
        sources: list[KafkaSource] = []

        def connect() -> None:
            sources.append(
                KafkaSource(self._servers, list(self._dialects), self._settings.kafka, self._settings.ingest)
            )

        self._waiting_for_kafka(stop, connect)
        _log.info("connected to Kafka", servers=self._servers, topics=list(self._dialects))
        return sources[0]

    @staticmethod
    def _waiting_for_kafka(stop: threading.Event, work: Callable[[], None]) -> None:
        """Do `work`, again and again while Kafka is away. Raises Stopping."""

        def wait(seconds: float) -> None:
            if stop.wait(seconds):
                raise Stopping

        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BrokerUnavailable),
            wait=tenacity.wait_exponential_jitter(multiplier=_FIRST_RETRY_S, max=_LAST_RETRY_S, jitter=_FIRST_RETRY_S),
            sleep=wait,
            before_sleep=_say_waiting,
        )(work)


def _say_waiting(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning(
        "waiting for Kafka; nothing is lost",
        reason=str(error),
        attempt=state.attempt_number,
        next_try_in_s=round(state.upcoming_sleep, 1),
    )


def topics_of(setting: str) -> dict[str, str]:
    """Topic → dialect of the setting `kafka.topics`. Raises ConfigError.

    >>> topics_of("vigil.events, other:canonical")
    {'vigil.events': 'canonical', 'other': 'canonical'}
    """
    dialects: dict[str, str] = {}
    for item in setting.split(","):
        topic, _, dialect = (part.strip() for part in item.partition(":"))
        if not topic or topic in dialects:
            raise ConfigError(f"kafka.topics names {'an empty topic' if not topic else topic + ' twice'}: {setting!r}")
        dialects[topic] = dialect or "canonical"
        get_dialect(dialects[topic])
    return dialects
