"""When a page goes out, with the semantics of Prometheus Alertmanager. Pure.

`group_wait`: the first page of a group waits for others, so that one incident wakes somebody once. `group_interval`:
the next about the same group not sooner than that. `repeat_interval`: what nobody took on is said again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigil.record.alerts import Alert
from vigil.settings import EnforcementSettings

_SEVERITIES = ("", "low", "medium", "high", "critical")
ESCALATES_FROM = "high"
"""What is less does not wake a second person."""


@dataclass(frozen=True)
class Timing:
    """The four intervals and who comes next."""

    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    escalate_after: timedelta
    escalation: tuple[str, ...]

    @classmethod
    def of(cls, settings: EnforcementSettings) -> Timing:
        """As the settings have them."""
        return cls(
            timedelta(seconds=settings.group_wait_s),
            timedelta(seconds=settings.group_interval_s),
            timedelta(seconds=settings.repeat_interval_s),
            timedelta(seconds=settings.escalate_after_s),
            settings.escalation,
        )


def goes_out_at(alert: Alert, decided_at: datetime, timing: Timing) -> datetime:
    """When a page of the alert that was decided then may go out."""
    if alert.notified_at is None:
        return alert.opened_at + timing.group_wait
    return max(decided_at, alert.notified_at + timing.group_interval)


def kept_by_acknowledgement(alert: Alert, severity: str) -> bool:
    """Whether somebody has taken it on, and it has not become worse since."""
    return alert.acked_by is not None and rank(severity) <= rank(alert.severity)


def is_due_again(alert: Alert, now: datetime, timing: Timing) -> bool:
    """Whether it is to be said again: nobody took it on, or no page of it ever went out."""
    if alert.acked_by is not None:
        return False
    return alert.notified_at is None or now - alert.notified_at >= timing.repeat_interval


def next_receiver(alert: Alert, now: datetime, timing: Timing) -> str | None:
    """Whom to call in because those before did not answer; None for nobody yet."""
    if alert.acked_by is not None or alert.notified_at is None or rank(alert.severity) < rank(ESCALATES_FROM):
        return None
    if alert.receiver in timing.escalation or alert.escalated >= len(timing.escalation):
        return None
    due = alert.opened_at + timing.group_wait + (alert.escalated + 1) * timing.escalate_after
    return timing.escalation[alert.escalated] if now >= due else None


def newest(decided: Sequence[tuple[datetime, str]]) -> str:
    """Of several pages of a group that wait, the one that speaks for all: it knows the most."""
    return max(decided)[1]


def rank(severity: str) -> int:
    """Severities in order; what is none counts least."""
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 0
