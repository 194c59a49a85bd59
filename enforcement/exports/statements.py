"""Statements of reasons: the fields that Art. 17(3) of the Digital Services Act (Regulation (EU) 2022/2065) asks for,
under the names of the Commission's transparency database. They name the rule that was broken, never the detector."""

from __future__ import annotations

from typing import Any

from enforcement.exports.cases import Case
from vigil.effect import EffectKind
from vigil.signal import IncidentKind, SubjectType

GROUNDS: dict[str, str] = {
    IncidentKind.JAILBREAK.value: "repeated attempts to get round the model's safety measures",
    IncidentKind.BULK_HARM.value: "generating harmful content in bulk",
    IncidentKind.COORDINATED_RING.value: "several accounts acting as one to get round limits or rules",
    IncidentKind.EXTRACTION.value: "systematic harvesting of the model's answers",
    IncidentKind.KEY_COMPROMISE.value: "use of an API key by somebody other than its owner",
    IncidentKind.ACCOUNT_ANOMALY.value: "use far outside what the account and its peers do",
}
"""What a restriction is for, in words that its owner reads."""

_ACCOUNT = {EffectKind.SUSPEND.value: "DECISION_ACCOUNT_SUSPENDED", EffectKind.BAN.value: "DECISION_ACCOUNT_TERMINATED"}
_SERVICE = {
    EffectKind.SUSPEND.value: "DECISION_PROVISION_TOTAL_SUSPENSION",
    EffectKind.BAN.value: "DECISION_PROVISION_TOTAL_TERMINATION",
}


def statement(case: Case, kind: str | None) -> dict[str, Any]:
    """The statement about one restriction because of an incident of that kind (None: a person's own decision)."""
    on_account = case.target["type"] in (SubjectType.ACCOUNT.value, SubjectType.ORG.value)
    severe = case.effect in _ACCOUNT
    ground = GROUNDS.get(kind or "", "use against the terms of service")
    return {
        "puid": case.action_id,
        "target": dict(case.target),
        "decision_account": _ACCOUNT[case.effect] if on_account and severe else None,
        "decision_provision": None
        if on_account and severe
        else _SERVICE.get(case.effect, "DECISION_PROVISION_PARTIAL_SUSPENSION"),
        "restriction": {"effect": case.effect, **_limits(case)},
        "territorial_scope": "wherever the service is offered",
        "application_date": case.in_force_at,
        "end_date": case.expires_at,
        "ended_on": case.ended_at,
        "decision_facts": f"{ground}; case {case.incident_id or 'without incident'}",
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "No" if case.is_by_person else "Yes",
        "automated_decision": automation(case),
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": case.parameters.get("notice", ground),
        "incompatible_content_explanation": ground,
        "redress": {
            "internal_complaint": f"appeal with the reference {case.action_id}; a person who did not approve it decides",
            "out_of_court": "a certified dispute settlement body (Art. 21)",
            "judicial": "a competent court",
        },
    }


def automation(case: Case) -> str:
    """How far a machine decided."""
    if case.is_by_person:
        return "AUTOMATED_DECISION_NOT_AUTOMATED"
    return "AUTOMATED_DECISION_PARTIALLY" if case.approved_by else "AUTOMATED_DECISION_FULLY"


def _limits(case: Case) -> dict[str, Any]:
    return {name: value for name, value in case.parameters.items() if name in ("rpm", "tpm", "max_tokens", "model")}
