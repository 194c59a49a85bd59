"""The source over kafka-python 3.

Facts it rests on (3.0.12): the group is joined and left inside `poll` only, so membership never changes between two of
our calls; a commit outside a stable group is refused on this side, one of an older generation by the broker;
heartbeats run on the library's own thread, so a long insert does not lose the group.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from kafka import KafkaAdminClient, KafkaConsumer
from kafka import errors as kafka_errors
from kafka.coordinator.base import MemberState
from kafka.structs import OffsetAndMetadata, TopicPartition

from ingest.batch import Record
from ingest.ranges import Position
from ingest.source import Fenced, Partition
from vigil.broker import client_options, require_reachable
from vigil.errors import BrokerUnavailable, ConfigError
from vigil.ids import NextOffset
from vigil.settings import Settings

_CALL_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 5.0
_RECONNECT_S = 1.0
_EMBEDDED_SESSION_TIMEOUT_S = 6.0
_MAX_POLL_INTERVAL_S = 300.0
_METADATA_MAX_AGE_S = 30.0
_FETCH_BYTES = 16 * 2**20
_NO_LEADER_EPOCH = -1

_CONNECTION = {
    "bootstrap_timeout_ms": int(_CONNECT_TIMEOUT_S * 1000),
    "request_timeout_ms": int(_CALL_TIMEOUT_S * 1000),
    "reconnect_backoff_max_ms": int(_RECONNECT_S * 1000),
}

_FENCING = (
    kafka_errors.CommitFailedError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.FencedInstanceIdError,
    kafka_errors.IllegalStateError,
)


class KafkaSource:
    """A member of the consumer group; see `ingest.source.Source`."""

    def __init__(self, settings: Settings, bootstrap_servers: str, topics: Sequence[str]) -> None:
        """Connect. Raises BrokerUnavailable, or ConfigError when this installation would be 25 times slower."""
        if importlib.util.find_spec("crc32c") is None:
            raise ConfigError("the crc32c wheel is missing and Kafka records are slow without it; run `make install`")
        require_reachable(bootstrap_servers)
        self._servers = bootstrap_servers
        self._connection = {**client_options(settings, bootstrap_servers), **_CONNECTION}
        embedded = settings.kafka.bootstrap_servers is None
        session_s = _EMBEDDED_SESSION_TIMEOUT_S if embedded else settings.kafka.session_timeout_s
        with self._translated():
            self._consumer = KafkaConsumer(
                **self._connection,
                group_id=settings.kafka.group,
                client_id="vigil-ingest",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                # A misspelt topic must not come into being.
                allow_auto_create_topics=False,
                max_poll_records=settings.ingest.batch_rows,
                # A record larger than this is still fetched, alone.
                max_partition_fetch_bytes=_FETCH_BYTES,
                session_timeout_ms=int(session_s * 1000),
                heartbeat_interval_ms=int(min(3.0, session_s / 3) * 1000),
                max_poll_interval_ms=int(_MAX_POLL_INTERVAL_S * 1000),
                metadata_max_age_ms=int(_METADATA_MAX_AGE_S * 1000),
                metrics_enabled=False,
            )
        self._topics = list(topics)
        self._consumer.subscribe(self._topics)
        self._admin: KafkaAdminClient | None = None

    @property
    def membership(self) -> object | None:
        """Generation and member id, while the group is stable."""
        group = self._consumer.group_metadata()
        return (group.generation_id, group.member_id) if group.state is MemberState.STABLE else None

    def assignment(self) -> Sequence[Partition]:
        """See Source."""
        return sorted(Partition(topic, number) for topic, number in self._consumer.assignment())

    def poll(self, timeout_s: float) -> Mapping[Partition, Sequence[Record]]:
        """See Source."""
        with self._translated():
            polled = self._consumer.poll(timeout_ms=max(0, int(timeout_s * 1000)))
        return {Partition(topic, number): records for (topic, number), records in polled.items()}

    def epoch(self, topic: str) -> str | None:
        """See Source. Raises ConfigError for a broker without topic ids."""
        require_reachable(self._servers)
        try:
            with self._translated():
                if self._admin is None:
                    self._admin = KafkaAdminClient(**self._connection)
                (described,) = self._admin.describe_topics([topic])
        except BrokerUnavailable:
            self._close_admin()
            raise
        if described["error_code"] == kafka_errors.UnknownTopicOrPartitionError.errno:
            return None
        if described["topic_id"] is None:
            raise ConfigError(
                f"the brokers at {self._servers} give topics no ids, on which exactly once rests;"
                " use Apache Kafka 2.8 or later"
            )
        return str(described["topic_id"])

    def first_offset(self, partition: Partition) -> NextOffset:
        """See Source."""
        key = TopicPartition(*partition)
        with self._translated():
            offsets = self._consumer.beginning_offsets([key], timeout_ms=int(_CALL_TIMEOUT_S * 1000))
        return NextOffset(offsets[key])

    def end_offset(self, partition: Partition) -> NextOffset:
        """See Source."""
        key = TopicPartition(*partition)
        with self._translated():
            offsets = self._consumer.end_offsets([key], timeout_ms=int(_CALL_TIMEOUT_S * 1000))
        return NextOffset(offsets[key])

    def fetched_to(self, partition: Partition) -> NextOffset:
        """See Source."""
        with self._translated():
            position = self._consumer.position(TopicPartition(*partition), timeout_ms=int(_CALL_TIMEOUT_S * 1000))
        return NextOffset(0 if position is None else position)

    def lag_rows(self, partition: Partition) -> int | None:
        """See Source."""
        with suppress(kafka_errors.KafkaError):
            end = self._consumer.highwater(TopicPartition(*partition))
            return None if end is None else max(0, end - self.fetched_to(partition))
        return None

    def seek(self, partition: Partition, offset: NextOffset) -> None:
        """See Source."""
        with self._translated():
            self._consumer.seek(TopicPartition(*partition), offset)

    def pause(self, partitions: Iterable[Partition]) -> None:
        """See Source."""
        self._consumer.pause(*self._owned(partitions))

    def resume(self, partitions: Iterable[Partition]) -> None:
        """See Source."""
        self._consumer.resume(*self._owned(partitions))

    def committed(self, partition: Partition) -> Position | None:
        """See Source."""
        with self._translated():
            found = self._consumer.committed(
                TopicPartition(*partition), metadata=True, timeout_ms=int(_CALL_TIMEOUT_S * 1000)
            )
        if found is None or found.offset < 0:
            return None
        return Position(NextOffset(found.offset), found.metadata or "")

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """See Source."""
        offsets = {
            TopicPartition(*partition): OffsetAndMetadata(position.offset, position.metadata, _NO_LEADER_EPOCH)
            for partition, position in positions.items()
        }
        with self._translated():
            self._consumer.commit(offsets, timeout_ms=int(_CALL_TIMEOUT_S * 1000))

    def rejoin(self) -> None:
        """See Source. Leaving may fail where Kafka is away; joining under a new id ends the old generation as well."""
        with suppress(kafka_errors.KafkaError):
            self._consumer.unsubscribe()
        self._consumer.subscribe(self._topics)

    def close(self) -> None:
        """See Source."""
        self._close_admin()
        with suppress(kafka_errors.KafkaError):
            self._consumer.close(autocommit=False, timeout_ms=int(_CLOSE_TIMEOUT_S * 1000))

    def _close_admin(self) -> None:
        if self._admin is not None:
            with suppress(kafka_errors.KafkaError):
                self._admin.close()
            self._admin = None

    def _owned(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        owned = self._consumer.assignment()
        return [key for partition in partitions if (key := TopicPartition(*partition)) in owned]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _FENCING as error:
            raise Fenced(f"Kafka refuses: {type(error).__name__}") from error
        except kafka_errors.KafkaError as error:
            raise BrokerUnavailable(
                f"Kafka at {self._servers} does not answer ({type(error).__name__}: {error}); is it running?"
            ) from error
