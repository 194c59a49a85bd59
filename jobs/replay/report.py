"""The three files of a replay, as the contract names their keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jobs.replay.driver import Counts
from vigil.contract import action_object, incident_object
from vigil.effect import Action
from vigil.errors import WorkspaceError
from vigil.incident import Incident
from vigil.record import Record
from vigil.record.actions import list_actions
from vigil.record.incidents import list_incidents

INCIDENTS, ACTIONS, SUMMARY = "incidents.jsonl", "actions.jsonl", "summary.json"


def summary_object(
    read: int, counts: Counts, incidents: Iterable[Incident], actions: Iterable[Action], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """`summary.json`."""
    by_kind = Counter((incident.kind.value, incident.severity.label) for incident in incidents)
    by_effect = Counter((action.effect.value, action.state.value) for action in actions)
    total = seconds["total"]
    return {
        "events": {
            "read": read,
            "written": counts.written,
            "duplicates": counts.duplicates,
            "dead_lettered": counts.dead_lettered,
        },
        "incidents": _nested(by_kind),
        "actions": _nested(by_effect),
        "seconds": {name: round(spent, 3) for name, spent in seconds.items()},
        "events_per_second": round(read / total, 1) if total > 0 else 0.0,
    }


def write_files(out: Path, record: Record, read: int, counts: Counts, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Write the three files into `out`, each as a whole; returns the summary. Raises WorkspaceError."""
    with record.read() as connection:
        found = sorted(list_incidents(connection, limit=None), key=lambda one: (one.opened_at, one.incident_id))
        decided = sorted(list_actions(connection, limit=None), key=lambda one: (one.at, one.action_id))
    summary = summary_object(read, counts, found, decided, seconds)
    try:
        _write(out / INCIDENTS, b"".join(_line(incident_object(one)) for one in found))
        _write(out / ACTIONS, b"".join(_line(action_object(one)) for one in decided))
        _write(out / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    except OSError as error:
        raise WorkspaceError(f"cannot write {error.filename or out}: {error.strerror}; choose another --out") from error
    return summary


def prepare(out: Path) -> None:
    """Create the folder and take an earlier replay's files away, so that a failed one leaves none to be believed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (INCIDENTS, ACTIONS, SUMMARY):
            (out / name).unlink(missing_ok=True)
        probe = out / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise WorkspaceError(f"cannot write into {out}: {error.strerror}; choose another --out") from error


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), number in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = number
    return nested


def _line(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
