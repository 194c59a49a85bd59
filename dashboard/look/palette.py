"""One palette for both themes. Meaning first: a tone says what something is, the theme says which colour that has."""

from __future__ import annotations

from collections.abc import Mapping

from vigil.effect import ActionState
from vigil.incident import IncidentState
from vigil.signal import Severity, SubjectRole

Theme = Mapping[str, str]

# Contrast of every `…-text` on its `…-soft` and of `text`, `muted` on `page` and `surface` is at least 4.5 to 1;
# tests/dashboard/test_palette.py computes it.
LIGHT: Theme = {
    "page": "#f6f7f9",
    "surface": "#ffffff",
    "raised": "#f1f3f6",
    "line": "#dfe3e9",
    "text": "#18212d",
    "muted": "#566273",
    "accent": "#2857c8",
    "accent-soft": "#e8eefc",
    "critical": "#c2203a",
    "critical-soft": "#fbe6e9",
    "critical-text": "#9c1430",
    "high": "#dd6b14",
    "high-soft": "#fdeedd",
    "high-text": "#934008",
    "medium": "#c79a0a",
    "medium-soft": "#faf2d3",
    "medium-text": "#725407",
    "low": "#8592a3",
    "low-soft": "#edf0f4",
    "low-text": "#4a5667",
    "good": "#16835c",
    "good-soft": "#e0f3ea",
    "good-text": "#0d6446",
    "info": "#2857c8",
    "info-soft": "#e8eefc",
    "info-text": "#2149ab",
    "plan": "#7a52c7",
    "plan-soft": "#f0eafb",
    "plan-text": "#613bab",
    "quiet": "#8592a3",
    "quiet-soft": "#edf0f4",
    "quiet-text": "#4a5667",
    "series-1": "#2857c8",
    "series-2": "#16835c",
    "series-3": "#b0621a",
    "series-4": "#7a52c7",
    "series-5": "#0f7f94",
    "series-6": "#a83a74",
    "series-7": "#98a2b0",
    "others": "#b6bfcb",
}

DARK: Theme = {
    "page": "#11151b",
    "surface": "#181d25",
    "raised": "#212833",
    "line": "#2e3744",
    "text": "#e5e9ef",
    "muted": "#9ba7b7",
    "accent": "#86a9ff",
    "accent-soft": "#1d2a4a",
    "critical": "#f0566e",
    "critical-soft": "#421b25",
    "critical-text": "#ff9aab",
    "high": "#ee8a3a",
    "high-soft": "#40270f",
    "high-text": "#ffb77d",
    "medium": "#d9b02c",
    "medium-soft": "#372d0d",
    "medium-text": "#edcb60",
    "low": "#77859a",
    "low-soft": "#262e3a",
    "low-text": "#b4bfcd",
    "good": "#3fb489",
    "good-soft": "#12352a",
    "good-text": "#7fd9b6",
    "info": "#86a9ff",
    "info-soft": "#1d2a4a",
    "info-text": "#a9c2ff",
    "plan": "#a98be8",
    "plan-soft": "#2d2344",
    "plan-text": "#c8b2f7",
    "quiet": "#77859a",
    "quiet-soft": "#262e3a",
    "quiet-text": "#b4bfcd",
    "series-1": "#86a9ff",
    "series-2": "#3fb489",
    "series-3": "#e0964f",
    "series-4": "#a98be8",
    "series-5": "#4db8cc",
    "series-6": "#e07cae",
    "series-7": "#77859a",
    "others": "#465264",
}

SEVERITY: Mapping[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
}

INCIDENT_STATE: Mapping[IncidentState, str] = {
    IncidentState.OPEN: "info",
    IncidentState.ACKNOWLEDGED: "plan",
    IncidentState.CONTAINED: "good",
    IncidentState.RESOLVED: "quiet",
    IncidentState.DISMISSED: "quiet",
}

ACTION_STATE: Mapping[ActionState, str] = {
    ActionState.HELD: "medium",
    ActionState.FAILED: "critical",
    ActionState.DISPATCHED: "info",
    ActionState.CONFIRMED: "good",
    ActionState.SHADOW: "plan",
    ActionState.SUPPRESSED: "quiet",
    ActionState.LIFTED: "quiet",
}

ROLE: Mapping[SubjectRole, str] = {
    SubjectRole.OFFENDER: "high",
    SubjectRole.AFFECTED: "medium",
    SubjectRole.VICTIM: "info",
    SubjectRole.CONTEXT: "quiet",
}

VERDICT: Mapping[str, str] = {"pass": "good", "hold": "medium", "suppress": "quiet", "shadow": "plan"}


def theme(kind: str | None) -> Theme:
    """The palette of a Streamlit theme type; light when the browser has not said."""
    return DARK if kind == "dark" else LIGHT


def css_variables(colours: Theme) -> str:
    """The palette as CSS custom properties of the whole document; shadow roots inherit them."""
    return ":root{" + "".join(f"--v-{name}:{colour};" for name, colour in colours.items()) + "}"
