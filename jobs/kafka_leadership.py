"""One active scheduler at a time, by ownership of a one-partition Kafka topic, fenced in the record.

Kafka's group gives the partition to one live member and takes it away from one that is silent, without comparing the
clocks of machines; a lease in the record needs those to agree within its length. But owning a partition cannot stop a
process that sleeps while its partition is given away: so each change of owner takes a greater fencing number in the
record, and every run of a job starts in a transaction that checks it. Before a number is taken, a commit of the
group's position proves to the broker that this member is of the current generation: one that was fenced off is told
so there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from jobs.leadership import LEASE_REAL_S, Leadership
from vigil.broker import bootstrap_servers, client_options, require_reachable
from vigil.clock import Clock
from vigil.errors import BrokerUnavailable
from vigil.local.topics import create_topics
from vigil.log import get_logger
from vigil.record import Record
from vigil.settings import Settings

GROUP = "vigil-jobs"
_SESSION_S = 10.0

log = get_logger("jobs")


class KafkaLeadership(Leadership):
    """Leads while it owns the partition; the lease in the record fences, and outlasts two missed renewals.

    While Kafka does not answer, whoever leads goes on for as long as its lease lasts, and nobody else takes over
    before that: `campaign` raises BrokerUnavailable, and the scheduler asks again.
    """

    def __init__(
        self,
        record: Record,
        clock: Clock,
        settings: Settings,
        holder: str | None = None,
        *,
        lease_s: float = LEASE_REAL_S,
        make_consumer: Callable[..., Any] = KafkaConsumer,
    ) -> None:
        super().__init__(record, clock, holder, lease_s=lease_s)
        self._settings = settings
        self._topic = settings.jobs.leadership_topic
        self._make_consumer = make_consumer
        self._consumer: Any = None
        self._kafka = threading.Lock()

    def campaign(self) -> bool:
        """Take part in the group and, as the owner, take or renew the number. Raises BrokerUnavailable."""
        with self._kafka:
            try:
                owns = self._owns_the_partition()
            except (KafkaError, OSError) as error:
                self._leave()
                raise BrokerUnavailable(f"Kafka cannot say who leads: {type(error).__name__}: {error}") from error
        if not owns:
            # Said in the record too, so that the new owner need not wait for the end of the lease.
            self.resign()
            return False
        return self.take_over()

    def close(self) -> None:
        """Leave the group at once: the next owner need not wait for the session to end."""
        with self._kafka:
            self._leave()

    def _owns_the_partition(self) -> bool:
        if self._consumer is None:
            servers = bootstrap_servers(self._settings)
            require_reachable(servers)
            create_topics(self._settings, servers, [self._topic], embedded=True)
            self._consumer = self._make_consumer(
                **client_options(self._settings, servers),
                group_id=f"{GROUP}-{self._topic}",
                client_id=self.holder[:200],
                enable_auto_commit=False,
                session_timeout_ms=int(_SESSION_S * 1000),
                heartbeat_interval_ms=int(_SESSION_S * 1000 / 3),
            )
            self._consumer.subscribe([self._topic])
        self._consumer.poll(timeout_ms=200)
        partition = TopicPartition(self._topic, 0)
        if partition not in self._consumer.assignment():
            return False
        # Refused by the broker when another generation has begun: then this process owns nothing any more.
        self._consumer.commit({partition: OffsetAndMetadata(0, self.holder[:200], -1)})
        return True

    def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                consumer.close(autocommit=False)
            except (KafkaError, OSError) as error:
                log.debug("the group was left without a word", detail=str(error))
