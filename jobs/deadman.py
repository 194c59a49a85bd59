"""The dead-man's switch: a call each minute while all is well. Whoever waits for it alarms when it stops.

vigil cannot page about its own death, so something outside has to notice: a cron monitor, an Alertmanager's inhibited
watchdog, a PagerDuty heartbeat. The call is made only while every job of the catalogue succeeds; one that fails for
long stops it just as a dead scheduler does.
"""

from __future__ import annotations

from collections.abc import Sequence

from enforcement.adapters.base import Unreachable
from enforcement.adapters.calling import Caller
from jobs.loop import Loop
from jobs.watching import Watched, failing_now
from vigil.clock import SystemClock
from vigil.errors import VigilError

_TIMEOUT_S = 10.0


def call_deadman(loop: Loop, jobs: Sequence[Watched]) -> str:
    """Call `jobs.deadman_url`, unless a job is failing. Raises VigilError when it was not taken."""
    address = loop.settings.jobs.deadman_url
    if address is None:
        return "no jobs.deadman_url is set: nobody outside notices when vigil dies"
    failing = failing_now(loop, jobs)
    if failing:
        raise VigilError(f"not called, so that somebody outside alarms: {', '.join(failing)} did not succeed for long")
    url = address.get_secret_value()
    caller = Caller(url, SystemClock(), _TIMEOUT_S)
    reply = caller.call("GET", url, {})
    if isinstance(reply, Unreachable):
        raise VigilError(f"the dead-man's switch was not called: {reply.reason}")
    if not reply.is_success:
        raise VigilError(f"the dead-man's switch was not called: {caller.where} answered {reply.status}")
    return f"{caller.where} knows that all jobs are well"
