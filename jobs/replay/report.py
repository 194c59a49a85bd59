"""The three files of a replay, as the contract names their keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jobs.replay.driver import Counts
from vigil.effect import Action
from vigil.errors import WorkspaceError
from vigil.incident import DetectorSupport, Incident
from vigil.record import Record
from vigil.record.actions import list_actions
from vigil.record.incidents import list_incidents

INCIDENTS, ACTIONS, SUMMARY = "incidents.jsonl", "actions.jsonl", "summary.json"


def incident_object(incident: Incident) -> dict[str, Any]:
    """One line of `incidents.jsonl`."""
    return {
        "incident_id": incident.incident_id,
        "tenant_id": incident.tenant_id,
        "kind": incident.kind,
        "severity": incident.severity.label,
        "state": incident.state,
        "title": incident.title,
        "summary": incident.summary,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "window": {"from": incident.window.start, "to": incident.window.end},
        "subjects": [
            {"type": subject.type, "id": subject.id, "score": subject.score, "role": subject.role}
            for subject in incident.subjects
        ],
        "detectors": [_support_object(support) for support in incident.detectors],
        "evidence": {"event_ids": incident.evidence.event_ids, "facts": incident.evidence.facts},
    }


def action_object(action: Action) -> dict[str, Any]:
    """One line of `actions.jsonl`."""
    return {
        "action_id": action.action_id,
        "at": action.at,
        "effect": action.effect,
        "parameters": action.parameters,
        "target": {"type": action.target.type, "id": action.target.id, "tenant_id": action.target.tenant_id},
        "policy": action.policy,
        "policy_version": action.policy_version,
        "incident_id": action.incident_id,
        "state": action.state,
        "reason": action.reason,
        "expires_at": action.expires_at,
        "reverses": action.reverses,
    }


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


def _support_object(support: DetectorSupport) -> dict[str, Any]:
    found: dict[str, Any] = {"name": support.name, "version": support.version, "score": support.score}
    if support.e_value is not None and support.p_value is None:
        found["e_value"] = support.e_value
    else:
        found["p_value"] = support.p_value
    return found


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
