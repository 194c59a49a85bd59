"""What a person on call reads: what happened, who, how sure, since when, and what to look at now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vigil.incident import DetectorSupport, Incident
from vigil.signal import IncidentKind, SubjectRole, SubjectType

WHAT_TO_LOOK_AT: dict[IncidentKind, str] = {
    IncidentKind.JAILBREAK: "the account's refused and answered prompts side by side: does a template get through?",
    IncidentKind.BULK_HARM: "a sample of the account's answers, and whether its volume is still rising.",
    IncidentKind.COORDINATED_RING: "two members' prompts side by side, and whether they share an organisation that explains it"
    " (a batch job, a class).",
    IncidentKind.EXTRACTION: "how the prompts cover the subject step by step, and what the answers are worth together.",
    IncidentKind.KEY_COMPROMISE: "networks, agents and hours of the key before and after; ask the owner whether they moved.",
    IncidentKind.PROMPT_INJECTION: "the tool results or documents that carry the instructions; the users are victims.",
    IncidentKind.ACCOUNT_ANOMALY: "the account's calls, tokens and prompts against its own past; ask the owner about a launch"
    " or a migration.",
    IncidentKind.DATA_LEAK: "whose data it is and which answers carried it; these may have to be reported.",
    IncidentKind.QUALITY_REGRESSION: "what was rolled out just before, and answers from before and after.",
    IncidentKind.EMBEDDING_DRIFT: "example prompts of the new cluster, and who sends them.",
    IncidentKind.METRIC_ANOMALY: "deployments, retries and upstream errors at that time.",
    IncidentKind.TELEMETRY_GAP: "whether the source is down or only its telemetry: somebody may be blinding the monitor.",
}

_ROLE_NAMES = {
    SubjectRole.OFFENDER: "Offenders",
    SubjectRole.VICTIM: "Victims",
    SubjectRole.AFFECTED: "Affected",
}
_TYPE_NAMES = {
    SubjectType.END_USER: "end user",
    SubjectType.API_KEY: "API key",
    SubjectType.ACCOUNT: "account",
    SubjectType.ORG: "organisation",
    SubjectType.MODEL: "model",
    SubjectType.SOURCE: "source",
}
_NAMED = 5


def summary_of(incident: Incident) -> str:
    """One paragraph about the incident as it stands."""
    facts = incident.evidence.facts
    said: dict[str, str] = facts.get("said", {})
    strongest = incident.detectors[0].name if incident.detectors else ""
    parts = [_sentence(said.get(strongest, incident.title))]
    parts += [line for role in _ROLE_NAMES if (line := _who(incident, role))]
    parts.append(_sentence("Seen by " + _and([_support(support) for support in incident.detectors])))
    parts.append(
        f"Traffic from {_minute(incident.window.start)} to {_minute(incident.window.end)} UTC,"
        f" first reported {_minute(incident.opened_at)} UTC."
    )
    if "permitted" in facts:
        parts.append(_sentence(f"All of them are permitted to do this ({facts['permitted']}): kept at low severity"))
    if "previous_incident" in facts:
        parts.append(f"The same thing was incident {facts['previous_incident']}, since closed.")
    if related := facts.get("related_incidents"):
        parts.append(f"The same principals are in {_and(list(related))}.")
    parts.append(f"Look at {WHAT_TO_LOOK_AT[incident.kind]}")
    return " ".join(parts)


def listed(names: Sequence[str], limit: int = _NAMED) -> str:
    """The first names and how many more there are.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(_short(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _who(incident: Incident, role: SubjectRole) -> str:
    groups: dict[SubjectType, list[str]] = {}
    for subject in incident.subjects:
        if subject.role is role:
            groups.setdefault(subject.type, []).append(subject.id)
    if not groups:
        return ""
    texts = [
        f"{len(ids)} {_TYPE_NAMES[kind]}{'s' if len(ids) != 1 else ''} ({listed(ids)})" for kind, ids in groups.items()
    ]
    return f"{_ROLE_NAMES[role]}: {_and(texts)}."


def _support(support: DetectorSupport) -> str:
    if support.p_value is not None:
        sure = f"p = {support.p_value:.2g}"
    elif support.e_value is not None:
        sure = f"{support.e_value:.3g} to 1 against chance"
    else:
        sure = "no error probability"
    return f"{support.name} (score {support.score:.2f}, {sure})"


def _and(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "nobody"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else text + "."


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _short(name: str, limit: int = 48) -> str:
    # Identifiers are the sender's text: control characters must not reach a pager or a terminal.
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
