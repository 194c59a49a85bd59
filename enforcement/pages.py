"""Pages: what a person reads who was woken for it. Built here, delivered through the outbox like every effect.

A page says what, who, how sure, since when, what was already done and what to do now; the adapter adds the link.
The same trouble pages once: an incident again only when it became more severe or was reopened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from enforcement.gate import Outcome
from enforcement.gate.budget import BudgetStage
from enforcement.policies.policy import Policy
from enforcement.proposal import Proposal
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.ids import prefixed
from vigil.incident import DetectorSupport, Incident
from vigil.record import decisions
from vigil.signal import Severity, Subject, SubjectRole, SubjectType

SYSTEM = "vigil"
"""Policy and actor of what the service does by itself."""

ON_CALL = "oncall"
"""Receiver of pages about vigil itself."""

ADAPTER = "page"
REPEAT_EVERY = timedelta(hours=4)
"""A trouble of vigil itself that lasts pages again after this."""

_STATES = {
    ActionState.DISPATCHED: "on its way",
    ActionState.CONFIRMED: "in force",
    ActionState.HELD: "waiting for a person",
    ActionState.SUPPRESSED: "suppressed",
    ActionState.SHADOW: "only recorded (shadow)",
    ActionState.FAILED: "refused by the gateway",
    ActionState.LIFTED: "ended",
}
_MOST_NAMES = 5
_MOST_CHARACTERS = 400


def incident_page_id(incident: Incident, receiver: str, reopened: int) -> str:
    """One page for an incident, receiver, severity and reopening (`reopened`: how often it was)."""
    return prefixed("act", "page", receiver, incident.incident_id, incident.severity.label, str(reopened))


def incident_page(
    proposal: Proposal,
    action_id: str,
    outcome: Outcome,
    done: Sequence[Action],
    now: datetime,
) -> Action:
    """The page about an incident that a policy asked for. `done` are the decisions on it so far."""
    incident, policy = proposal.incident, proposal.policy
    return Action(
        action_id=action_id,
        at=now,
        effect=EffectKind.PAGE,
        parameters={
            "receiver": policy.page,
            "severity": incident.severity.label,
            "group": incident.incident_id,
            "title": plain(f"{incident.severity.label}: {incident.title}"),
            "text": incident_text(incident, done, now),
        },
        target=proposal.target,
        policy=policy.name,
        policy_version=policy.version,
        incident_id=incident.incident_id,
        state=outcome.state,
        reason=outcome.reason,
        trace=outcome.trace,
        facts=proposal.facts,
    )


def incident_text(incident: Incident, done: Sequence[Action], now: datetime) -> str:
    """What a person on call needs of an incident, a line each."""
    return "\n".join(
        [
            f"What: {incident.kind.value} in tenant {plain(incident.tenant_id)}. {plain(incident.summary)}",
            f"Who: {_who(incident.subjects)}",
            f"How sure: {_how_sure(incident.detectors)}",
            f"Since: {_moment(incident.window.start)}, found {_moment(incident.opened_at)}",
            f"Already done: {_already_done(done)}",
            f"Do now: {_do_now(incident, done)}",
        ]
    )


def target_of(incident: Incident) -> Target:
    """What a page about an incident names: its strongest subject, else its tenant."""
    if incident.subjects:
        first = incident.subjects[0]
        return Target(first.type, first.id, incident.tenant_id)
    return Target(SubjectType.ORG, incident.tenant_id, incident.tenant_id)


def warn_of_held(
    connection: Connection, now: datetime, policy: Policy, incident: Incident, held: Sequence[Action]
) -> bool:
    """Page that decisions of a policy wait for a person.

    Once an incident; a budget that is used up is one trouble however many incidents run into it.
    """
    stage, _, why = held[0].reason.partition(": ")
    over_budget = stage == BudgetStage.name
    cause = incident.tenant_id if over_budget else incident.incident_id
    where = f"--policy {policy.name}" if over_budget else f"--incident {incident.incident_id}"
    return warn(
        connection,
        now,
        key=("held", policy.name, cause, stage),
        target=target_of(incident),
        title=f"{len(held)} action(s) wait for a person: {policy.name} on {incident.title}",
        what=f"{policy.name} wants {held[0].effect.value} for {len(held)} principal(s) and was held by {stage}: {why}",
        do_now=f"look at `vigil actions list --state held {where}`, then approve or reject",
        incident_id=incident.incident_id,
        receiver=policy.page or policy.owner,
        repeats=over_budget,
    )


def warn(
    connection: Connection,
    now: datetime,
    *,
    key: Iterable[str],
    target: Target,
    title: str,
    what: str,
    do_now: str,
    who: str | None = None,
    how_sure: str = "certain: vigil has seen it itself",
    since: datetime | None = None,
    done: str = "nothing yet",
    incident_id: str | None = None,
    receiver: str = ON_CALL,
    severity: Severity = Severity.HIGH,
    repeats: bool = False,
) -> bool:
    """Page about vigil itself; False when the same `key` has paged. `repeats`: again every four hours while it lasts."""
    turn = str(int(now.timestamp() // REPEAT_EVERY.total_seconds())) if repeats else ""
    parts = tuple(key)
    named = f"{target.type.value} {target.id} of tenant {target.tenant_id}" if who is None else who
    page = Action(
        action_id=prefixed("act", "page", receiver, *parts, turn),
        at=now,
        effect=EffectKind.PAGE,
        parameters={
            "receiver": receiver,
            "severity": severity.label,
            "group": prefixed("trb", *parts),
            "title": plain(title),
            "text": trouble_text(what, who=named, how_sure=how_sure, since=since or now, done=done, do_now=do_now),
        },
        target=target,
        policy=SYSTEM,
        policy_version="",
        incident_id=incident_id,
        state=ActionState.DISPATCHED,
        reason="dispatch: vigil itself needs a person",
    )
    return decisions.decide(connection, page, ADAPTER, SYSTEM)


def trouble_text(
    what: str,
    *,
    since: datetime,
    do_now: str,
    who: str = "vigil itself",
    how_sure: str = "certain: vigil has seen it itself",
    done: str = "nothing yet",
) -> str:
    """What a person on call needs of a trouble of vigil itself, a line each."""
    return "\n".join(
        [
            f"What: {plain(what)}",
            f"Who: {plain(who)}",
            f"How sure: {plain(how_sure)}",
            f"Since: {_moment(since)}",
            f"Already done: {plain(done)}",
            f"Do now: {plain(do_now)}",
        ]
    )


def itself(tenant_id: str) -> Target:
    """What a page names that is about no principal: vigil, seen by the tenant."""
    return Target(SubjectType.ORG, SYSTEM, tenant_id)


def plain(text: str) -> str:
    """Text from telemetry as one short line without control characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"


def _who(subjects: Sequence[Subject]) -> str:
    offenders = [subject for subject in subjects if subject.role is SubjectRole.OFFENDER] or list(subjects)
    if not offenders:
        return "nobody is named"
    named = ", ".join(f"{one.type.value} {plain(one.id)} ({one.score:.0%})" for one in offenders[:_MOST_NAMES])
    more = len(offenders) - _MOST_NAMES
    victims = sum(1 for subject in subjects if subject.role is SubjectRole.VICTIM)
    return named + (f" and {more} more" if more > 0 else "") + (f"; {victims} victim(s)" if victims else "")


def _how_sure(detectors: Sequence[DetectorSupport]) -> str:
    if not detectors:
        return "no detector supports it"
    lines = []
    for support in detectors[:_MOST_NAMES]:
        evidence = f", p = {support.p_value:.2g}" if support.p_value is not None else ""
        evidence += f", evidence {support.e_value:.3g} to 1" if support.e_value is not None else ""
        lines.append(f"{support.name} {support.score:.0%}{evidence}")
    families = len({support.family for support in detectors})
    return "; ".join(lines) + f" ({families} detector famil{'y' if families == 1 else 'ies'})"


def _already_done(done: Sequence[Action]) -> str:
    counts = Counter((action.effect.value, action.state) for action in done if action.effect is not EffectKind.PAGE)
    if not counts:
        return "nothing; no policy acts on it"
    return ", ".join(f"{effect} {_STATES[state]}: {number}" for (effect, state), number in counts.items())


def _do_now(incident: Incident, done: Sequence[Action]) -> str:
    held = sum(1 for action in done if action.state is ActionState.HELD)
    steps = [f"acknowledge with `vigil incidents ack {incident.incident_id}` and look at the evidence"]
    if held:
        steps.append(f"decide on {held} held action(s) with `vigil actions list --state held`")
    steps.append("lift what hits the wrong account with `vigil actions lift`")
    return "; ".join(steps)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
