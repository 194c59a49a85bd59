"""The gate: one-method stages in a list. Each passes, holds, suppresses or only records a proposal, and says why."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from enforcement.proposal import Proposal
from vigil.effect import Action, ActionState, StageVerdict
from vigil.record.kill_switches import KillSwitch
from vigil.record.snoozes import Snooze


class Verdict(enum.Enum):
    """What a stage says of a proposal."""

    PASS = "pass"  # noqa: S105  (no password)
    HOLD = "hold"
    """A person decides."""
    SHADOW = "shadow"
    """Record it, do nothing."""
    SUPPRESS = "suppress"
    """Do nothing, whatever the other stages say."""


@dataclass(frozen=True)
class GateContext:
    """All that stages may look at: read in the transaction that stores the decision, so it cannot change meanwhile."""

    now: datetime
    mode_override: Literal["as-configured", "live", "shadow"]
    switches: tuple[KillSwitch, ...]
    protected: frozenset[str]
    """`type:id` of principals that no policy may restrict."""
    permitted: str | None
    """Why the target is permitted to do what others may not; None when it is not."""
    history: tuple[Action, ...]
    """Effects on the target: in force, earlier ones, and those on which a person ruled. Oldest first."""
    imposed_last_hour: int
    targets_in_force: int
    active_accounts: int | None
    """Accounts of the tenant in the last 30 days; None when no budget asks."""
    wider: tuple[Action, ...] = ()
    """Effects, as in `history`, on the account and organisation that the target belongs to."""
    narrower: tuple[Action, ...] = ()
    """Effects, as in `history`, on keys and end users of the target, when it is an account or organisation."""
    snoozes: tuple[Snooze, ...] = ()
    """Snoozes of the target, of what it belongs to, and of the incident."""
    sick: Mapping[str, str] = field(default_factory=dict)
    """Sick detectors among those that support the incident, and why."""
    at_once: int = 1
    """Principals whom the policy restricts because of this incident."""


class Stage(Protocol):
    """One question to a proposal.

    `judge` is pure: the same proposal and context give the same verdict. It never raises for odd input, because a
    stage that fails would let nothing through. The first stage that suppresses gives the decision its reason, else
    the first that shadows, else the first that holds.
    """

    name: str

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        """The verdict, and why in words a person understands."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What the whole gate says."""

    state: ActionState
    reason: str
    stage: str
    trace: tuple[StageVerdict, ...]


_STATES = {
    Verdict.SUPPRESS: ActionState.SUPPRESSED,
    Verdict.SHADOW: ActionState.SHADOW,
    Verdict.HOLD: ActionState.HELD,
}


def pass_through(stages: Sequence[Stage], proposal: Proposal, context: GateContext) -> Outcome:
    """Ask every stage, also after one objects: the trace shows all there is to say."""
    verdicts = [(stage.name, *stage.judge(proposal, context)) for stage in stages]
    trace = tuple(StageVerdict(name, verdict.value, reason) for name, verdict, reason in verdicts)
    for decisive, state in _STATES.items():
        for name, verdict, reason in verdicts:
            if verdict is decisive:
                return Outcome(state, f"{name}: {reason}", name, trace)
    return Outcome(ActionState.DISPATCHED, "dispatch: every stage passed", "dispatch", trace)
