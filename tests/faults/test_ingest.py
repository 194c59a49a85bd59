"""A short run of what `python -m tests.faults` does at length."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.kafka.apache import missing_programs


@pytest.mark.kafka
def test_nothing_is_lost_or_doubled_when_consumers_kafka_and_clickhouse_are_killed() -> None:
    """In a process of its own: kafka-python leaves the sockets of refused connections to the garbage collector."""
    if missing := missing_programs():
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Apache Kafka: {missing} not on PATH")
        pytest.skip(f"no Apache Kafka: {missing} not on PATH")
    command = [sys.executable, "-m", "tests.faults", "--kills=3", "--seconds=15", "--faults=0", "--crashes=0"]
    done = subprocess.run(command, env={**os.environ, "JSON": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["lost"], figures["duplicated"], figures["views_off"]) == (0, 0, 0)
    assert figures["kills"] >= 1
    assert figures["records"] > 0
