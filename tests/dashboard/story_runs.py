"""The story's runs of detectors and jobs, one of each failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.dashboard.story_cast import MINUTE


def all_detector_runs(now: datetime) -> Iterator[dict[str, Any]]:
    """Rows of two hours."""
    for name, every, seconds, rows in (
        ("telemetry_gap", 1, 0.04, 14_200),
        ("account_volume", 5, 0.31, 96_400),
        ("shared_template", 5, 0.62, 88_100),
    ):
        for step in range(0, 120, every):
            failed = name == "account_volume" and step == 35
            end = (now - step * MINUTE).replace(second=0, microsecond=0)
            yield {
                "detector": name,
                "window_end": end,
                "version": "1",
                "started_at": end + timedelta(seconds=31),
                "seconds": seconds * (1 + step % 7 / 10),
                "rows_seen": rows - step * 20,
                "signals": 1 if step == 25 and name != "telemetry_gap" else 0,
                "error": "ClickHouse at 127.0.0.1:9000 cannot serve this now (code 159): timeout" if failed else None,
                "facts": "{}",
            }


def all_job_runs(now: datetime) -> Iterator[dict[str, Any]]:
    """Rows of half an hour."""
    for name, every, seconds in (
        ("detect", 2, 0.7),
        ("correlate", 2, 0.02),
        ("enforce", 2, 0.03),
        ("dispatch", 1, 0.01),
        ("lift", 15, 0.01),
    ):
        for step in range(0, 30, every):
            at = (now - step * MINUTE).replace(second=0, microsecond=0)
            failed = name == "dispatch" and step == 12
            yield {
                "job": name,
                "scheduled_for": at,
                "started_at": at + timedelta(milliseconds=8),
                "finished_at": at + timedelta(seconds=seconds),
                "outcome": "failed" if failed else "ok",
                "detail": "webhook.example does not answer: timeout after 10 s" if failed else "",
            }
