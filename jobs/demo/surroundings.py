"""Settings of the demonstration, as values in this process and as `VIGIL_*` variables of its children."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from vigil.settings import Settings, load

# A second of real time is a minute in the play; a busy machine takes a few seconds from Kafka to ClickHouse.
_SETTLE_REAL_S = 5.0

Values = dict[str, Any]
"""Settings by name; a section is a dictionary of its own."""


@contextmanager
def without_variables() -> Iterator[tuple[str, ...]]:
    """Inside, no `VIGIL_*` variable is set: a demonstration must never act on somebody's real servers.

    Yields the names of those that are put aside.
    """
    aside = {name: value for name, value in os.environ.items() if name.startswith("VIGIL_")}
    for name in aside:
        del os.environ[name]
    try:
        yield tuple(sorted(aside))
    finally:
        os.environ.update(aside)


def as_variables(values: Values) -> dict[str, str]:
    """`values` as environment variables.

    >>> as_variables({"policies": "p", "clock": {"speed": 60.0}})
    {'VIGIL_POLICIES': 'p', 'VIGIL_CLOCK__SPEED': '60.0'}
    """
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({f"VIGIL_{name}__{key}".upper(): str(inner) for key, inner in value.items()})
        else:
            found[f"VIGIL_{name}".upper()] = str(value)
    return found


def as_settings(values: Values, workspace: Path) -> Settings:
    """`values` as settings with a workspace of their own."""
    return load(None, **{**values, "workspace": workspace})


def play_values(*, servers: str, clickhouse_url: str, record: Path, gateway: str, secret: str, hash_key: str) -> Values:
    """What vigil's processes need: where everything is, the demonstration's policies, and a pace that fits its clock."""
    return {
        "policies": str(files("jobs.demo").joinpath("policies")),
        # The embedded broker takes half the session time-out to let a consumer join.
        "kafka": {"bootstrap_servers": servers, "session_timeout_s": 6.0},
        "clickhouse": {"url": clickhouse_url},
        "record": {"url": f"sqlite:///{record}"},
        "ingest": {"trust_payload_tenant": "true", "batch_age_s": 0.3, "address_hash_key": hash_key},
        "jobs": {"detect_every_s": 30.0, "dispatch_every_s": 20.0, "lift_every_s": 120.0},
        "enforcement": {
            "mode": "live",
            "adapter": "webhook",
            "webhook_url": f"{gateway}/effects",
            "page_url": f"{gateway}/pages",
            "webhook_secret": secret,
        },
    }


def clock_values(origin: datetime, started: datetime, speed: float) -> Values:
    """A clock that shows `origin` at the real time `started`, and windows that wait in real time for what is under way."""
    return {
        "clock": {"origin": origin.isoformat(), "started": started.isoformat(), "speed": speed},
        "detect": {"settle_s": max(Settings().detect.settle_s, _SETTLE_REAL_S * speed)},
    }


def merged(*parts: Mapping[str, Any]) -> Values:
    """Settings of all `parts`; later ones win, section by section."""
    result: Values = {}
    for part in parts:
        for name, value in part.items():
            result[name] = {**result.get(name, {}), **value} if isinstance(value, dict) else value
    return result
