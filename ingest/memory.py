"""A broker in memory: topics, one consumer group, commits that are fenced by generation. Passes the tests of the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ingest.ranges import Position
from ingest.source import Fenced, Partition
from vigil.errors import BrokerUnavailable
from vigil.ids import NextOffset


class MemoryRecord(NamedTuple):
    """One record."""

    offset: int
    value: bytes | None


class MemoryBroker:
    """All partitions of some topics, and what one group has committed for them.

    A hand-out of partitions takes effect at once, without waiting for members that do not answer: for those that were
    paused in the meantime it is the worst case.
    """

    def __init__(self, partitions: Iterable[Partition], *, keeps_metadata: bool = True) -> None:
        self.log: dict[Partition, list[bytes]] = {partition: [] for partition in partitions}
        self.committed: dict[Partition, Position] = {}
        self.epoch = "topic-1"
        self.generation = 0
        self.members: list[MemorySource] = []
        self.keeps_metadata = keeps_metadata
        self._late: list[tuple[MemorySource, int | None, Mapping[Partition, Position]]] = []

    def produce(self, partition: Partition, values: Iterable[bytes]) -> None:
        """Append records."""
        self.log[partition] += values

    def lose_after(self, partition: Partition, offset: int) -> None:
        """A leader that lacked the last records was elected."""
        del self.log[partition][offset:]

    def recreate_topics(self) -> None:
        """Delete every topic and create it again, empty; committed offsets are gone with the old one."""
        self.log = {partition: [] for partition in self.log}
        self.committed.clear()
        self.epoch = f"topic-{int(self.epoch.removeprefix('topic-')) + 1}"

    def commit(self, member: MemorySource, generation: int | None, positions: Mapping[Partition, Position]) -> None:
        """Raises Fenced unless the member belongs to the group's present generation."""
        if generation != self.generation or member not in self.members:
            raise Fenced("the generation is over")
        for partition, position in positions.items():
            self.committed[partition] = position if self.keeps_metadata else Position(position.offset)

    def delay(self, member: MemorySource, generation: int | None, positions: Mapping[Partition, Position]) -> None:
        """A commit that has left the member and has not reached the broker yet."""
        self._late.append((member, generation, positions))

    def deliver_late_commits(self) -> None:
        """The delayed commits reach the broker, each as if it had just been made."""
        late, self._late = self._late, []
        for member, generation, positions in late:
            with suppress(Fenced):
                self.commit(member, generation, positions)

    def join(self, member: MemorySource) -> None:
        """A member (again) in the group."""
        if member not in self.members:
            self.members.append(member)
        self.generation += 1

    def expel(self, member: MemorySource) -> None:
        """A member that left, died or fell silent for longer than the session allows."""
        if member in self.members:
            self.members.remove(member)
            self.generation += 1

    def share_of(self, member: MemorySource) -> list[Partition]:
        """The partitions handed to a member: every n-th one."""
        return sorted(self.log)[self.members.index(member) :: len(self.members)]


class MemorySource:
    """A member of the broker's group; see `ingest.source.Source`.

    `step` is called before and after everything that reaches the broker; what it raises or does happens there.
    `times_out` says whether a commit is left without an answer: it is made when the broker delivers late commits.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        max_records: int = 1_000,
        step: Callable[[], None] = lambda: None,
        times_out: Callable[[], bool] = lambda: False,
    ) -> None:
        self._broker = broker
        self._max_records = max_records
        self._step = step
        self._times_out = times_out
        self._generation: int | None = None
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        broker.join(self)

    @property
    def membership(self) -> object | None:
        return self._generation

    def assignment(self) -> Sequence[Partition]:
        return sorted(self._positions)

    def poll(self, timeout_s: float) -> Mapping[Partition, Sequence[MemoryRecord]]:
        self._step()
        if self._generation != self._broker.generation:
            if self not in self._broker.members:
                self._broker.join(self)
            self._generation = self._broker.generation
            share = self._broker.share_of(self)
            # As kafka-python does: a partition that stays keeps its position and stays paused.
            self._positions = {partition: self._positions.get(partition, 0) for partition in share}
            self._paused &= set(share)
        polled: dict[Partition, Sequence[MemoryRecord]] = {}
        left = self._max_records
        for partition, position in self._positions.items():
            if position > len(self._broker.log[partition]):
                # Out of range: the topic was created anew, and is read from its first record.
                position = self._positions[partition] = 0
            values = self._broker.log[partition][position : position + left]
            if partition in self._paused or not values:
                continue
            polled[partition] = [MemoryRecord(position + index, value) for index, value in enumerate(values)]
            self._positions[partition] = position + len(values)
            left -= len(values)
        self._step()
        return polled

    def epoch(self, topic: str) -> str | None:
        known = any(partition.topic == topic for partition in self._broker.log)
        return self._broker.epoch if known else None

    def first_offset(self, partition: Partition) -> NextOffset:
        return NextOffset(0)

    def end_offset(self, partition: Partition) -> NextOffset:
        return NextOffset(len(self._broker.log[partition]))

    def fetched_to(self, partition: Partition) -> NextOffset:
        return NextOffset(self._positions[partition])

    def lag_rows(self, partition: Partition) -> int | None:
        return len(self._broker.log[partition]) - self._positions[partition]

    def seek(self, partition: Partition, offset: NextOffset) -> None:
        self._positions[partition] = offset

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._paused |= set(partitions) & set(self._positions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        self._paused -= set(partitions)

    def committed(self, partition: Partition) -> Position | None:
        self._step()
        return self._broker.committed.get(partition)

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        self._step()
        if self._times_out():
            self._broker.delay(self, self._generation, dict(positions))
            raise BrokerUnavailable("the commit got no answer")
        self._broker.commit(self, self._generation, positions)
        self._step()

    def rejoin(self) -> None:
        self._broker.expel(self)
        self._generation = None

    def close(self) -> None:
        self._broker.expel(self)
