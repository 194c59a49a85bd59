"""The loop of the consumer: records in, ranges planned, judged, stored and committed, whatever comes in between.

Independent of Kafka and ClickHouse, so that the simulation of crashes runs this very code.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import tenacity

from ingest.batch import Limits
from ingest.partition import Batch, PartitionWorker, TopicRestarted
from ingest.pipeline import Pipeline
from ingest.positions import Positions
from ingest.source import Fenced, Partition, Source
from ingest.watch import BadEventWatch
from ingest.writer import Sink
from vigil import metrics
from vigil.clock import Clock
from vigil.errors import BrokerUnavailable, TooManyBadEvents, WarehouseUnavailable
from vigil.log import get_logger
from vigil.settings import IngestSettings

_log = get_logger("ingest")

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0
_POLL_WHILE_WAITING_S = 0.5
_LOOK_EVERY_S = 5.0


class Stopping(Exception):
    """The process was asked to stop while it waited for ClickHouse; what is not stored is dropped."""


class Intake:
    """Reads the partitions that the group hands to this process. Used by one thread.

    `dialects`: topic → dialect. `stop` interrupts waiting.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        pipeline: Pipeline,
        settings: IngestSettings,
        clock: Clock,
        dialects: Mapping[str, str],
        stop: threading.Event,
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._sink = sink
        self._pipeline = pipeline
        self._settings = settings
        self._clock = clock
        self._dialects = dialects
        self._stop = stop
        self._now_s = now_s
        self._limits = Limits.of(settings)
        self._membership: object | None = None
        self._workers: dict[Partition, PartitionWorker] = {}
        self._stopped: dict[Partition, str] = {}
        self._positions = Positions(source, clock)
        self._look_at_s = 0.0

    def cycle(self, timeout_s: float) -> None:
        """Poll once and store what is due. Waits for ClickHouse as long as it takes.

        Raises BrokerUnavailable (call again), Stopping, and what the sink raises when it must not go on.
        """
        try:
            self._poll(min(timeout_s, self._next_due_s()))
            if self._membership is None:
                self._recover()
            while due := self._due():
                self._positions.check_epochs({(worker.partition.topic, worker.ledger.topic_id) for worker in due})
                self._commit_plans(due)
                for worker in due:
                    self._store(worker)
            self._settle(after_s=self._limits.age_s)
            self._look_around()
        except (Fenced, TopicRestarted) as error:
            _log.info(
                "partitions dropped, taking them over anew", reason=str(error), partitions=list(map(str, self._workers))
            )
            self._drop()
        except BrokerUnavailable:
            self._drop()
            raise

    def settle(self) -> None:
        """Say to Kafka what is stored, so that the next process has nothing to rebuild. Best effort."""
        try:
            self._settle(after_s=0.0)
        except (Fenced, BrokerUnavailable) as error:
            _log.warning("the last position was not committed; the next process rebuilds one range", reason=str(error))

    def _poll(self, timeout_s: float) -> None:
        """Records to their workers. Raises Fenced when the group has handed out partitions anew."""
        polled = self._source.poll(timeout_s)
        membership = self._source.membership
        if self._membership is not None and membership != self._membership:
            raise Fenced("the consumer group handed out its partitions anew")
        for partition, records in polled.items():
            worker = self._workers.get(partition)
            if worker is None or not records:
                continue
            if records[0].offset > worker.expected:
                self._positions.look_for_loss(partition, worker.expected)
            worker.offer(records, self._now_s())

    def _recover(self) -> None:
        """Take over the partitions handed out, from what is committed for each."""
        membership = self._source.membership
        if membership is None:
            return
        for partition in self._source.assignment():
            ledger = self._positions.recovered(partition)
            self._source.seek(partition, ledger.next)
            if partition in self._stopped and self._stopped[partition] == ledger.epoch:
                self._source.pause([partition])
                continue
            if self._stopped.pop(partition, None) is not None:
                metrics.PARTITIONS_STOPPED.labels(partition.topic, str(partition.number)).set(0)
            self._source.resume([partition])
            watch = BadEventWatch(self._settings.bad_share_limit, self._settings.bad_run_limit)
            self._workers[partition] = PartitionWorker(
                partition, ledger, self._dialects[partition.topic], self._limits, self._pipeline, watch
            )
            plan = "" if ledger.plan is None else f"rebuilding up to {ledger.plan.hi}"
            _log.info("partition taken", partition=str(partition), offset=ledger.next, plan=plan)
        self._membership = membership
        self._look_at_s = self._now_s() + _LOOK_EVERY_S

    def _look_around(self) -> None:
        """Now and then: does Kafka answer (`poll` is silent about that), and are the topics still the same ones?

        Raises TopicRestarted when one was deleted and created again: its offsets mean other records now.
        """
        now_s = self._now_s()
        if self._membership is None or now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _LOOK_EVERY_S
        for topic in self._dialects:
            epoch = self._source.epoch(topic)
            if epoch is None:
                _log.warning("there is no such topic; create it or correct kafka.topics", topic=topic)
            self._positions.forget_if_other(topic, epoch)

    def _due(self) -> list[PartitionWorker]:
        now_s = self._now_s()
        return [worker for worker in self._workers.values() if self._is_due(worker, now_s)]

    def _is_due(self, worker: PartitionWorker, now_s: float) -> bool:
        if worker.ledger.plan is None:
            return worker.has_batch(now_s)
        return worker.is_rebuilt(self._source.fetched_to(worker.partition))

    def _commit_plans(self, due: Iterable[PartitionWorker]) -> None:
        """Plan the ranges that are not planned yet; in the same commit the ranges before them are done."""
        positions = {}
        for worker in due:
            if worker.ledger.plan is None:
                worker.plan(self._clock.now())
                positions[worker.partition] = worker.ledger.position
        if positions and self._positions.keeps_metadata:
            self._positions.commit(positions)

    def _store(self, worker: PartitionWorker) -> None:
        batch = worker.batch()
        metrics.BATCH_ROWS.observe(batch.rows)
        self._write(batch)
        try:
            worker.stored(batch, self._now_s())
        except TooManyBadEvents as error:
            self._stop_partition(worker, error)
        if not self._positions.keeps_metadata:
            self._positions.commit({worker.partition: worker.ledger.position})
        if (lag := self._source.lag_rows(worker.partition)) is not None:
            metrics.INGEST_LAG_ROWS.labels(worker.partition.topic, str(worker.partition.number)).set(lag)

    def _write(self, batch: Batch) -> None:
        """Store the batch; while ClickHouse is away, hold the partitions and try again."""
        waited = False
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WarehouseUnavailable),
            wait=tenacity.wait_exponential_jitter(multiplier=_FIRST_RETRY_S, max=_LAST_RETRY_S, jitter=_FIRST_RETRY_S),
            sleep=self._hold,
            before_sleep=_say_waiting,
        ):
            with attempt:
                self._sink.write(batch.accepted, batch.dead, token=batch.token)
            waited = attempt.retry_state.attempt_number > 1
        if waited:
            self._source.resume(self._workers)
            _log.info("ClickHouse is back: reading on")

    def _hold(self, seconds: float) -> None:
        """Wait without reading on, but as a living member of the group."""
        self._source.pause(self._workers)
        until_s = self._now_s() + seconds
        while (left_s := until_s - self._now_s()) > 0:
            if self._stop.is_set():
                raise Stopping
            self._poll(min(left_s, _POLL_WHILE_WAITING_S))

    def _settle(self, *, after_s: float) -> None:
        now_s = self._now_s()
        stored = [worker for worker in self._workers.values() if worker.needs_settling(now_s, after_s)]
        if stored and self._positions.keeps_metadata:
            self._positions.commit({worker.partition: worker.ledger.position for worker in stored})
        for worker in stored:
            worker.settled()

    def _stop_partition(self, worker: PartitionWorker, error: TooManyBadEvents) -> None:
        """Everything read is stored or a dead letter; nothing more is read until a person has looked."""
        partition = worker.partition
        self._positions.commit({partition: worker.ledger.position})
        self._source.pause([partition])
        self._stopped[partition] = worker.ledger.epoch
        del self._workers[partition]
        metrics.PARTITIONS_STOPPED.labels(partition.topic, str(partition.number)).set(1)
        _log.error(
            "partition stopped: its producer seems broken. Look at `vigil deadletters list`, mend the producer, then"
            " restart the consumer; the other partitions go on",
            partition=str(partition),
            reason=str(error),
        )

    def _next_due_s(self) -> float:
        now_s = self._now_s()
        return min((s for w in self._workers.values() if (s := w.due_in_s(now_s)) is not None), default=float("inf"))

    def _drop(self) -> None:
        self._workers.clear()
        self._membership = None


def _say_waiting(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning(
        "waiting for ClickHouse; reading is paused, nothing is lost",
        reason=str(error),
        attempt=state.attempt_number,
        next_try_in_s=round(state.upcoming_sleep, 1),
    )
