"""Where records come from: Kafka, or a broker in memory that passes the same tests.

The contract in one place. A source is used by one thread. It belongs to a consumer group that hands out partitions;
`membership` changes with every hand-out, and a commit made under an older one is refused. That refusal is what keeps a
process that was paused for too long from storing what others have taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ingest.batch import Record
from ingest.ranges import Position
from vigil.errors import VigilError
from vigil.ids import NextOffset


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


class Fenced(VigilError):
    """The group has given this process's partitions away: drop everything that is not stored and join again."""


class Source(Protocol):
    """Every call has a deadline. All but `membership`, `pause`, `resume` and `rejoin` may block and raise BrokerUnavailable."""

    @property
    def membership(self) -> object | None:
        """Equal as long as the group has not handed out partitions anew; None while it is doing so."""
        ...

    def assignment(self) -> Sequence[Partition]:
        """The partitions handed to this process, sorted."""
        ...

    def poll(self, timeout_s: float) -> Mapping[Partition, Sequence[Record]]:
        """Records that follow those given out before; empty when none come in time. Also joins the group."""
        ...

    def epoch(self, topic: str) -> str | None:
        """The topic's id, another one after it was deleted and created again; None when there is no such topic."""
        ...

    def first_offset(self, partition: Partition) -> NextOffset:
        """The offset of the oldest record that is still there."""
        ...

    def end_offset(self, partition: Partition) -> NextOffset:
        """The offset that the next record will get."""
        ...

    def fetched_to(self, partition: Partition) -> NextOffset:
        """The offset after everything that `poll` has given out or skipped."""
        ...

    def lag_rows(self, partition: Partition) -> int | None:
        """Records not yet given out; None when not known."""
        ...

    def seek(self, partition: Partition, offset: NextOffset) -> None:
        """Give out records from `offset` next."""
        ...

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Give out nothing of these partitions until `resume`; `poll` keeps the membership alive."""
        ...

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Give out their records again."""
        ...

    def committed(self, partition: Partition) -> Position | None:
        """What the group has committed; metadata is empty on brokers that drop it."""
        ...

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Commit under the current membership. Raises Fenced when it is over.

        After BrokerUnavailable it is not known whether the commit was made, or will still be made when the broker comes
        to it: `rejoin` before reading it again.
        """
        ...

    def rejoin(self) -> None:
        """Give up the membership and come back as another member with the next `poll`.

        From then on whatever is still on its way to the broker from the old one is refused. Raises nothing.
        """
        ...

    def close(self) -> None:
        """Leave the group. Commits nothing."""
        ...
