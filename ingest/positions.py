"""The positions of partitions as one member of the group reads and commits them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingest.partition import TopicRestarted
from ingest.ranges import Position, RangeLedger
from ingest.ranges import recovered as ledger_of
from ingest.source import Partition, Source
from vigil import metrics
from vigil.clock import Clock
from vigil.errors import BrokerUnavailable
from vigil.log import get_logger

_log = get_logger("ingest")


class Positions:
    """What stands in Kafka for this member. Every call may raise Fenced, TopicRestarted or BrokerUnavailable."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._epochs: dict[str, str] = {}
        self.keeps_metadata: bool | None = None
        """Whether the broker keeps commit metadata; None until a position was read."""

    def recovered(self, partition: Partition) -> RangeLedger:
        """The ledger of a partition that was handed to this member."""
        epoch = self._source.epoch(partition.topic)
        if epoch is None:
            raise TopicRestarted(f"{partition.topic} was deleted")
        self._epochs[partition.topic] = epoch
        first = self._source.first_offset(partition)
        ledger = ledger_of(self._source.committed(partition), epoch, partition.number, first)
        if self.keeps_metadata is None:
            self.keeps_metadata = self._probe(partition, ledger.position)
        if ledger.next < first:
            self.look_for_loss(partition, ledger.next)
        end = self._source.end_offset(partition)
        if max(ledger.next, ledger.plan.hi if ledger.plan else 0) > end:
            metrics.RANGE_GAPS.labels(partition.topic).inc()
            _log.error(
                "Kafka lost records that were read already (unclean leader election?): what was stored stays, and reading"
                " goes on at the present end",
                partition=str(partition),
                lost_offsets=f"{end}-{ledger.next - 1}",
            )
            ledger = ledger.cut(end, self._clock.now())
            self.commit({partition: ledger.position})
        return ledger

    def _probe(self, partition: Partition, position: Position) -> bool:
        """Whether the broker keeps commit metadata: commit what is committed, and see whether any comes back."""
        self.commit({partition: position})
        back = self._source.committed(partition)
        if back is None:
            raise TopicRestarted(f"the position of {partition} vanished: the topic was deleted")
        if back.metadata:
            return True
        _log.warning(
            "this broker drops commit metadata: after a crash some events are stored twice until ClickHouse merges them"
            " by event_id. Exactly once needs Apache Kafka"
        )
        return False

    def look_for_loss(self, partition: Partition, expected: int) -> None:
        """Whether Kafka has deleted records after `expected` that were never read: counted, and said."""
        first = self._source.first_offset(partition)
        if first > expected:
            metrics.RANGE_GAPS.labels(partition.topic).inc()
            _log.error(
                "Kafka deleted records before they were read: raise the topic's retention or add consumers",
                partition=str(partition),
                lost_offsets=f"{expected}-{first - 1}",
            )

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Raises Fenced or BrokerUnavailable.

        A commit without an answer may still reach the broker after the position has been read again and other ranges
        are planned; then a crash would rebuild a range that nobody stored. Another membership makes it void.
        """
        try:
            self._source.commit(positions)
        except BrokerUnavailable:
            self._source.rejoin()
            raise

    def check_epochs(self, topics: Iterable[tuple[str, str]]) -> None:
        """Whether what was fetched is of the (topic, id) it is taken for. Raises TopicRestarted.

        Records fetched by offset from a topic that was created anew in the meantime would be stored under the old
        one's token now, and once more under its own. An id never comes back: what is old now was old when it was read.
        """
        for topic, topic_id in sorted(topics):
            if self._source.epoch(topic) != topic_id:
                raise TopicRestarted(f"{topic} was deleted and perhaps created again")

    def forget_if_other(self, topic: str, epoch: str | None) -> None:
        """Raises TopicRestarted when the topic has another id than when its positions were read."""
        if self._epochs.get(topic, epoch) != epoch:
            del self._epochs[topic]
            raise TopicRestarted(f"{topic} was deleted and perhaps created again")
