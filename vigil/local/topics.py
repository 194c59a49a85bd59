"""Topics of the broker: created when missing, and how far the consumer group is behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, TopicAlreadyExistsError
from kafka.structs import TopicPartition

from vigil.broker import broker_errors, client_options, require_reachable
from vigil.settings import Settings

_TIMEOUT_MS = 10_000


def topics_of(settings: Settings, servers: str) -> dict[str, int]:
    """Every topic the broker shows, with its number of partitions. Raises BrokerUnavailable."""
    with _admin(settings, servers) as admin:
        return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}


def create_topics(settings: Settings, servers: str, names: Sequence[str], *, embedded: bool = False) -> list[str]:
    """Create the topics that are missing; returns their names. Raises BrokerUnavailable.

    A configured cluster decides on partitions and replicas. The embedded broker gets one partition: one consumer
    reads it, in order, in the largest batches.
    """
    shape = {"num_partitions": 1, "replication_factor": 1} if embedded else {}
    with _admin(settings, servers) as admin:
        missing = sorted(set(names) - set(admin.list_topics()))
        if missing:
            # Another process may be quicker with one of them; the broker then still creates the others.
            with suppress(TopicAlreadyExistsError):
                admin.create_topics(dict.fromkeys(missing, shape), timeout_ms=_TIMEOUT_MS, wait_for_metadata=True)
    return missing


def group_lag(settings: Settings, servers: str, names: Sequence[str]) -> dict[str, int]:
    """Records behind the end for each existing topic, as committed by the group. Raises BrokerUnavailable.

    On the embedded broker a positive lag is a lower bound: it gives the first offset of the last batch as the end.
    """
    with _admin(settings, servers) as admin:
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in admin.describe_topics(list(names))
            if topic["error_code"] == 0
            for partition in topic["partitions"]
        ]
        if not partitions:
            return {}
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST), timeout_ms=_TIMEOUT_MS)
        starts = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST), timeout_ms=_TIMEOUT_MS)
        committed = {}
        # A cluster that has never had a group makes its coordinator at the first question.
        with suppress(CoordinatorNotAvailableError):
            committed = admin.list_group_offsets({settings.kafka.group: partitions})[settings.kafka.group]
    lag = dict.fromkeys((partition.topic for partition in partitions), 0)
    for partition in partitions:
        position = committed[partition].offset if partition in committed else -1
        lag[partition.topic] += max(0, ends[partition].offset - max(position, starts[partition].offset))
    return lag


@contextmanager
def _admin(settings: Settings, servers: str) -> Iterator[KafkaAdminClient]:
    require_reachable(servers)
    with broker_errors(servers):
        admin = KafkaAdminClient(
            **client_options(settings, servers), bootstrap_timeout_ms=_TIMEOUT_MS, request_timeout_ms=_TIMEOUT_MS
        )
        try:
            yield admin
        finally:
            admin.close()
