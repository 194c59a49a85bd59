"""The gate keeps decisions safe: stages in a list, each a file, each with one question."""

from enforcement.gate.agreement import AgreementStage
from enforcement.gate.approval import ApprovalStage
from enforcement.gate.base import GateContext, Outcome, Stage, Verdict, pass_through
from enforcement.gate.budget import BudgetStage
from enforcement.gate.delay import DelayStage
from enforcement.gate.duplicate import DuplicateStage
from enforcement.gate.health import HealthStage
from enforcement.gate.human import HumanStage
from enforcement.gate.kill_switch import KillSwitchStage
from enforcement.gate.ladder import LadderStage
from enforcement.gate.mode import ModeStage
from enforcement.gate.protected import PermittedStage, ProtectedStage
from enforcement.gate.snooze import SnoozeStage

EFFECT_STAGES: tuple[Stage, ...] = (
    KillSwitchStage(),
    ModeStage(),
    HealthStage(),
    ProtectedStage(),
    PermittedStage(),
    SnoozeStage(),
    HumanStage(),
    DuplicateStage(),
    LadderStage(),
    BudgetStage(),
    AgreementStage(),
    ApprovalStage(),
    DelayStage(),
)
"""What every effect on a principal passes."""

PAGE_STAGES: tuple[Stage, ...] = (KillSwitchStage(), ModeStage())
"""What a page passes: it takes nothing from anybody."""

__all__ = ["EFFECT_STAGES", "PAGE_STAGES", "GateContext", "Outcome", "Stage", "Verdict", "pass_through"]
