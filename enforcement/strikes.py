"""Strikes: earlier offences that make the next one weigh more. They follow a principal's chain and decay.

Strikes are counted from the actions themselves and not kept as a number, so they cannot drift from what was done, and
what a person lifts, undoes or overturns on appeal stops counting by that alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from enforcement.histories import Histories
from enforcement.place import Place
from enforcement.policies.policy import Policy
from vigil.effect import Action
from vigil.incident import Incident
from vigil.record.action_rows import target_key
from vigil.record.actions import EXPIRY


def count_strikes(policy: Policy, incident: Incident, place: Place, histories: Histories, now: datetime) -> int:
    """Earlier effects of the policy on the principal or its chain after which the offence was repeated.

    An effect of another incident counts when this incident's traffic began after it took effect: two incidents about
    the same traffic are one offence. An effect of this incident counts when it is over and the traffic went on for
    the policy's `grace` beyond it. What a person lifted never counts, and nothing counts after `decay`. Effects on
    other keys of the account, on its end users and on the account itself count once an incident: whoever comes back
    with another key comes back.
    """
    own = [action for action in histories.of(place) if is_strike(policy, incident, action, now)]
    seen = {action.incident_id for action in own}
    chain = (
        action.incident_id
        for action in (*histories.wider(place), *histories.kin(place))
        if is_strike(policy, incident, action, now)
    )
    return len(own) + len(set(chain) - seen)


def is_strike(policy: Policy, incident: Incident, action: Action, now: datetime) -> bool:
    """Whether an earlier effect was followed by this offence."""
    if not _counts(policy, action, now) or action.confirmed_at is None:
        return False
    if action.incident_id != incident.incident_id:
        return action.confirmed_at <= incident.window.start
    ended = action.lifted_at if action.effect.restricts else action.confirmed_at
    return ended is not None and ended + policy.grace <= incident.window.end


def narrowest(policy: Policy, place: Place, histories: Histories, now: datetime) -> Place:
    """The narrowest principal that stops it: the one named, or a wider one once restricting others of its kind did not.

    When the policy restricted `widen_after` other keys (accounts) of the same account (organisation) within its
    `decay`, the next principal of its list is taken.
    """
    if place.target.type not in policy.principals:
        return place
    for wider in policy.principals[policy.principals.index(place.target.type) + 1 :]:
        under = histories.under_org(place) if wider.value == "org" else histories.kin(place)
        if _restricted(policy, place, under, now) < policy.widen_after:
            return place
        widened = place.widened(wider)
        if widened is None:
            return place
        place = widened
    return place


def _restricted(policy: Policy, place: Place, under: Iterable[Action], now: datetime) -> int:
    return len(
        {
            target_key(action.target)
            for action in under
            if action.effect.restricts
            and action.target.type is place.target.type
            and action.target != place.target
            and _counts(policy, action, now)
        }
    )


def _counts(policy: Policy, action: Action, now: datetime) -> bool:
    """It is the policy's, took effect, was not taken back by a person, and has not decayed."""
    return (
        action.policy == policy.name
        and action.confirmed_at is not None
        and action.lifted_by in (None, EXPIRY)
        and action.confirmed_at > now - policy.decay
    )
