"""How severe an incident is: what its signals say, more when independent families agree, little when it is permitted."""

from __future__ import annotations

from collections.abc import Collection

from vigil.signal import Severity

FAMILY_INPUT: dict[str, str] = {
    "telemetry": "counts",
    "metrics": "counts",
    "accounts": "counts",
    "coordination": "prompts",
    "content": "prompts",
    "drift": "prompts",
    "behaviour": "answers",
}
"""What each family of detectors mainly looks at. Two that look at the same thing can be wrong for one reason."""


def independent_inputs(families: Collection[str]) -> frozenset[str]:
    """What the families look at, each once. An unknown family counts as sharing with every other.

    >>> sorted(independent_inputs({"accounts", "content", "coordination"}))
    ['counts', 'prompts']
    """
    return frozenset(FAMILY_INPUT[family] for family in families if family in FAMILY_INPUT)


def families_agree(families: Collection[str]) -> bool:
    """Whether two of the families share no input.

    >>> families_agree({"accounts", "content"}), families_agree({"content", "coordination"})
    (True, False)
    """
    return len(independent_inputs(families)) >= 2


def incident_severity(of_signals: Severity, families: Collection[str], *, permitted: bool) -> Severity:
    """The severity of an incident: the most severe signal's, one step up on agreement, LOW when all is permitted."""
    if permitted:
        return Severity.LOW
    raised = of_signals + 1 if families_agree(families) else of_signals
    return Severity(min(raised, Severity.CRITICAL))
