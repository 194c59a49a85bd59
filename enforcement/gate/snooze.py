"""Stage: a person asked for quiet about this principal or incident, or for no automation on it."""

from __future__ import annotations

from enforcement.gate.base import GateContext, Verdict
from enforcement.proposal import Proposal
from vigil.record.snoozes import SnoozeKind


class SnoozeStage:
    """Suppresses what is snoozed; holds what a pause of automation covers, so that a person decides."""

    name = "snooze"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        for kind, verdict in ((SnoozeKind.SNOOZE, Verdict.SUPPRESS), (SnoozeKind.PAUSE, Verdict.HOLD)):
            for snooze in context.snoozes:
                if snooze.kind is kind:
                    what = "snoozed" if kind is SnoozeKind.SNOOZE else "paused automation on"
                    until = snooze.until.isoformat(timespec="minutes")
                    return verdict, f"{snooze.actor} {what} {snooze.subject} until {until}: {snooze.reason}"
        return Verdict.PASS, "nobody snoozed it"
