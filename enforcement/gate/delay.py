"""Stage: when it goes out. The moment is drawn once, uniformly, and stored with the action."""

from __future__ import annotations

from datetime import datetime, timedelta

from enforcement.gate.base import GateContext, Verdict
from enforcement.proposal import Proposal
from vigil.ids import digest


class DelayStage:
    """Always passes; it puts the moment into the trace."""

    name = "delay"

    def judge(self, proposal: Proposal, context: GateContext) -> tuple[Verdict, str]:
        moment = execute_at(proposal, context.now)
        if moment is None:
            return Verdict.PASS, "goes out at once"
        return Verdict.PASS, f"goes out at {moment.isoformat(timespec='seconds')}"


def execute_at(proposal: Proposal, now: datetime) -> datetime | None:
    """When the effect of a proposal made at `now` goes out; None: at once.

    The draw is a hash of the decision, so that the same decision made again after a crash draws the same.
    """
    delay = proposal.policy.delay
    if delay is None or not proposal.effect.restricts:
        return None
    start = now + delay.after
    if delay.at is not None:
        today = datetime.combine(start.date(), delay.at)
        start = today if today >= start else today + timedelta(days=1)
    drawn = int(digest("delay", proposal.action_id, length=12), 16) / 16**12
    return start + delay.within * drawn
