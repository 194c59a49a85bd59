"""Consumer, Kafka and ClickHouse killed, stopped, starved of disk and rebalanced at random; then everything is recounted.

The oracle knows nothing of the consumer: for each partition it compares the offsets that Kafka says it has given out
with those that stand in `events` and `dead_letters`, counted where no merge can hide a duplicate, and the sums of the
materialized views with the events.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.faults.servers import PARTITIONS, Servers, Traffic, paused
from tests.ingest.consuming import wait_for
from vigil.errors import VigilError

_MOST_CONSUMERS = 3
_CREATE_ANEW = "create topic anew"


def run(kills: int = 50, seed: int = 1, *, limit_s: float = 240.0) -> dict[str, Any]:
    """Break things until so many processes were killed or the time is over; `lost` and `duplicated` must be 0.

    `records` are those of the last topic, all of which must be there, `stored` those of all topics, none of which may be
    there twice; `duplicated` counts records, `views_off` by how much sums of materialized views differ from the events.
    """
    with (
        tempfile.TemporaryDirectory(prefix="vigil-faults-", ignore_cleanup_errors=True) as folder,
        Servers.started(Path(folder)) as servers,
    ):
        with Traffic(servers, seed) as traffic:
            storm = _Storm(servers, traffic, random.Random(seed))
            servers.add_consumer()
            servers.add_consumer()
            wait_for(lambda: _stored(servers, 0) > 1, "the first record stored")
            storm.rage(kills, time.monotonic() + limit_s)
        servers.end_consumers()
        servers.add_consumer()
        # A producer may still write what it had buffered: what counts is what was there at this moment.
        ends = servers.ends()
        records = sum(ends.values())
        finished = _drained(servers, ends)
        # Gracefully: an insert that is cut off has reached some views and not others until it is made again.
        servers.consumers.pop().stop()
        stored, lost, duplicated, views_off = _recount(servers, ends)
        if not finished or lost or duplicated or views_off:
            sys.stderr.write((servers.folder / "consumers.log").read_text()[-20_000:])
    return {
        "seed": seed,
        "kills": sum(count for name, count in storm.injected.items() if name.startswith("kill")),
        "injected": dict(sorted(storm.injected.items())),
        "records": records,
        "stored": stored,
        "lost": lost,
        "duplicated": duplicated,
        "views_off": views_off,
    }


class _Storm:
    """One fault after the other, whichever chance picks."""

    def __init__(self, servers: Servers, traffic: Traffic, chance: random.Random) -> None:
        self._servers = servers
        self._traffic = traffic
        self._chance = chance
        self.injected: Counter[str] = Counter()
        faults: list[tuple[str, int, Callable[[], None]]] = [
            ("kill consumer", 24, self._kill_consumer),
            ("kill clickhouse", 6, self._kill_clickhouse),
            ("kill kafka", 3, self._kill_kafka),
            ("pause consumer", 4, self._pause_consumer),
            ("pause clickhouse", 1, self._pause_clickhouse),
            ("pause kafka", 1, self._pause_kafka),
            ("add consumer", 3, self._add_consumer),
            ("remove consumer", 3, self._remove_consumer),
            (_CREATE_ANEW, 1, self._create_topic_anew),
        ]
        if servers.small_disk:
            faults.append(("fill disk", 2, self._fill_disk))
        self._faults = {name: fault for name, _, fault in faults}
        self._weights = [weight for _, weight, _ in faults]

    def rage(self, kills: int, until_s: float) -> None:
        """Every kind of fault at least once, then by weight."""
        names = list(self._faults)
        first = self._chance.sample(names, len(names)) if kills >= len(names) else [n for n in names if "kill" in n]
        while time.monotonic() < until_s and (first or self._kills() < kills):
            name = first.pop() if first else self._chance.choices(names, self._weights)[0]
            if name == _CREATE_ANEW and not first and self._kills() > kills / 3:
                # What was lost can be counted in the last topic only.
                continue
            time.sleep(self._chance.uniform(0.1, 1.5))
            self._faults[name]()
            self.injected[name] += 1
            while len(self._servers.consumers) < 2:
                self._servers.add_consumer()

    def _kills(self) -> int:
        return sum(count for name, count in self.injected.items() if name.startswith("kill"))

    def _some_consumer(self) -> int:
        return self._chance.randrange(len(self._servers.consumers))

    def _kill_consumer(self) -> None:
        self._servers.consumers.pop(self._some_consumer()).kill()

    def _kill_clickhouse(self) -> None:
        self._servers.clickhouse.process.kill()
        self._servers.clickhouse.start()

    def _kill_kafka(self) -> None:
        self._servers.kafka.kill()
        self._servers.kafka.start()

    def _pause_consumer(self) -> None:
        """Longer than the session: others take over, and it wakes up as a zombie."""
        with paused(self._servers.consumers[self._some_consumer()]):
            time.sleep(self._chance.uniform(2.5, 5.0))

    def _pause_clickhouse(self) -> None:
        with paused(self._servers.clickhouse.process):
            time.sleep(self._chance.uniform(1.0, 4.0))

    def _pause_kafka(self) -> None:
        """Longer than a request may take: commits stay without an answer and are made when it wakes up."""
        with paused(self._servers.kafka.process):
            time.sleep(self._chance.uniform(8.0, 12.0))

    def _add_consumer(self) -> None:
        if len(self._servers.consumers) < _MOST_CONSUMERS:
            self._servers.add_consumer()

    def _remove_consumer(self) -> None:
        """SIGTERM; one that has just started ends by it, all others must end within their budget."""
        self._servers.consumers.pop(self._some_consumer()).stop()

    def _create_topic_anew(self) -> None:
        with self._traffic.interrupted():
            self._servers.create_topic_anew()

    def _fill_disk(self) -> None:
        with self._servers.full_disk():
            time.sleep(self._chance.uniform(2.0, 4.0))


def _drained(servers: Servers, ends: Mapping[int, int]) -> bool:
    """Whether everything before `ends` was stored in time."""
    try:
        wait_for(
            lambda: all(_stored(servers, partition) >= end for partition, end in ends.items()), "everything stored"
        )
    except AssertionError:
        return False
    return True


def _stored(servers: Servers, partition: int) -> int:
    """Where the stored records of the present topic end; 0 while ClickHouse does not answer."""
    parameters = {"life": f"life-{servers.life}", "partition": partition}
    try:
        ((end,),) = servers.warehouse.query(
            "SELECT max(kafka_offset) + 1 FROM seen WHERE life = {life:String} AND kafka_partition = {partition:Int32}",
            parameters,
        )
    except VigilError:
        return 0
    return int(end)


def _recount(servers: Servers, ends: Mapping[int, int]) -> tuple[int, int, int, int]:
    """(stored, lost, duplicated, difference of the views' sums). A topic that was deleted half read can only be duplicated."""
    rows = servers.warehouse.query(
        "SELECT life, kafka_partition, kafka_offset, count() FROM seen GROUP BY life, kafka_partition, kafka_offset"
    )
    duplicated = sum(count - 1 for *_, count in rows)
    present = {(partition, offset) for life, partition, offset, _ in rows if life == f"life-{servers.life}"}
    there = {(partition, offset) for partition in range(PARTITIONS) for offset in range(ends[partition])}
    ((events,),) = servers.warehouse.query("SELECT count() FROM seen WHERE kind = 'event'")
    ((calls, minutes),) = servers.warehouse.query(
        "SELECT (SELECT sum(calls) FROM account_hours), (SELECT sum(calls) FROM source_minutes)"
    )
    return (
        sum(count for *_, count in rows),
        len(there - present),
        duplicated,
        max(abs(calls - events), abs(minutes - events)),
    )
