"""Incidents and actions as the contract (docs: replay) names their keys, for files and for `--json`."""

from __future__ import annotations

from typing import Any

from vigil.effect import Action
from vigil.incident import DetectorSupport, Incident


def incident_object(incident: Incident) -> dict[str, Any]:
    """One incident, ready for JSON."""
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
    """One decision on an effect, ready for JSON."""
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


def _support_object(support: DetectorSupport) -> dict[str, Any]:
    value: dict[str, Any] = {"name": support.name, "version": support.version, "score": support.score}
    if support.p_value is not None:
        value["p_value"] = support.p_value
    if support.e_value is not None:
        value["e_value"] = support.e_value
    return value
