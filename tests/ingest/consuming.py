"""Running consumers in tests, and the oracle that recounts what they stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from ingest.consumer import Consumer
from tests.ingest.events import raw
from tests.kafka.broker import Broker
from vigil.clock import SystemClock
from vigil.settings import Settings
from vigil.warehouse import Warehouse

DEADLINE_S = 120.0


def settings_for(broker: Broker, topic: str, workspace: Path, **ingest: object) -> Settings:
    """A consumer of one topic, with batches that follow each other quickly."""
    kafka = {
        "bootstrap_servers": broker.bootstrap_servers,
        "topics": topic,
        "group": f"group-{topic}",
        "session_timeout_s": 6.0,
    }
    return Settings(workspace=workspace, kafka=kafka, ingest={"batch_age_s": 0.2, **ingest})


def environment_for(broker: Broker, topic: str, warehouse: Warehouse, workspace: Path) -> dict[str, str]:
    """The same for a process."""
    return {
        "VIGIL_WORKSPACE": str(workspace),
        "VIGIL_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "VIGIL_KAFKA__TOPICS": topic,
        "VIGIL_KAFKA__GROUP": f"group-{topic}",
        "VIGIL_KAFKA__SESSION_TIMEOUT_S": "2",
        "VIGIL_CLICKHOUSE__URL": url_of(warehouse),
        "VIGIL_INGEST__BATCH_AGE_S": "0.2",
    }


def recent(**fields: object) -> bytes:
    """An event of now."""
    return raw(event_time=SystemClock().now().isoformat(), **fields)


class Running:
    """A consumer in a thread of its own, stopped at the end."""

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self._stop = threading.Event()
        consumer = Consumer(settings, SystemClock(), warehouse, settings.kafka.bootstrap_servers or "")
        self._thread = threading.Thread(target=consumer.run, args=(self._stop,), daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


class Process:
    """`vigil ingest` as a process of its own, which can be killed."""

    def __init__(self, environment: dict[str, str], log_file: Path) -> None:
        self._log = log_file.open("ab")
        command = [sys.executable, "-m", "vigil.cli", "ingest"]
        self._process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=self._log, stderr=self._log)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(30)
        self._log.close()
        return status


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Until `condition`; fails with `what` after the deadline."""
    pause = threading.Event()
    for _ in range(int(deadline_s / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError(f"not within {deadline_s:.0f} s: {what}")


def places(warehouse: Warehouse) -> list[tuple[int, int, str]]:
    """(partition, offset, table) of all records stored, sorted: the oracle's view."""
    rows = warehouse.query(
        "SELECT kafka_partition, kafka_offset, 'events' FROM events"
        " UNION ALL SELECT kafka_partition, kafka_offset, 'dead_letters' FROM dead_letters"
    )
    return sorted((partition, offset, table) for partition, offset, table in rows)


def wait_for_records(warehouse: Warehouse, count: int) -> None:
    """Until so many records are stored."""
    wait_for(lambda: len(places(warehouse)) >= count, f"{count} records stored")


def url_of(warehouse: Warehouse) -> str:
    """The address of a test's database, with its password."""
    options = warehouse._options
    return f"clickhouse://{options['user']}:{options['password']}@{warehouse.address}/{warehouse.database}"
