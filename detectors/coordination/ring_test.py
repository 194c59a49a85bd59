"""Is a template's use by several accounts more than popularity explains? Pure: counts in, rings out.

Two questions, and a ring needs yes to both.

*Persistence.* Most users of a shared template try it a few times in one sitting; some share ρ of them, measured on the
platform's own past, keeps coming back. If users were persistent independently of each other, the number of persistent
ones among n users would be binomial(n, ρ). A viral prompt or an assignment has many users of whom few persist, a
campaign few users who all do.

*Synchrony.* A member's use must exceed what the template's popularity in the very same minutes predicts: in each of
its active buckets an account uses the template with the share of the other active accounts that did
(Poisson-binomial). This conditions on hour, popularity and the account's own activity.

Accounts of one organisation, or behind one network that many others use, count as one user: what they share is
explained by what they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binom

from detectors.calibration.levels import discoveries
from detectors.calibration.poisson_binomial import at_least
from detectors.coordination.adoption import Activity, Persistence, Scale, Use

MEMBER_FALSE_DISCOVERY_RATE = 0.05
MIN_PRINCIPALS = 3
MIN_PERSISTENT_SHARE = 0.5
"""Of a template's users at least this share persists, or it is a popular template with some eager users."""

# As many users, and this share of everybody active, is an application with its own prompt.
_APPLICATION_SIZE, _APPLICATION_SHARE = 30, 0.1

# Before anything is known of a platform, a fifth of the users of a shared template are taken to be persistent.
_PRIOR_USERS, _PRIOR_PERSISTENT = 10, 2


@dataclass(frozen=True)
class Member:
    """One account of a ring: its use, and the p-value of its synchrony."""

    account: str
    use: Use
    p_value: float
    share: float
    """Of its calls with content, how much the template takes."""

    @property
    def confidence(self) -> float:
        """In [0, 1], for people: how sure it is that the account belongs to the ring."""
        return 1.0 - min(0.5, self.p_value)


@dataclass(frozen=True)
class Ring:
    """Accounts that use one template, or several with mostly the same users, as one."""

    tenant: str
    templates: tuple[int, ...]
    members: tuple[Member, ...]
    principals: int
    """Members, after those who are explained by an organisation or a network are counted as one."""
    users: int
    persistent_share: float
    """ρ: of the users of shared templates, how many are usually persistent."""
    p_value: float
    """Corrected for the number of templates."""

    @property
    def accounts(self) -> frozenset[str]:
        """Ids of the members."""
        return frozenset(member.account for member in self.members)


def usual_share(past: Sequence[Persistence]) -> float:
    """ρ from the periods before, with a cautious prior.

    >>> usual_share([])
    0.2
    >>> round(usual_share([Persistence(templates=100, users=990, persistent=8)]), 3)
    0.01
    """
    users = sum(period.users for period in past)
    persistent = sum(period.persistent for period in past)
    return (persistent + _PRIOR_PERSISTENT) / (users + _PRIOR_USERS)


def test_template(
    tenant: str,
    fingerprint: int,
    users: Mapping[str, Use],
    activity: Activity,
    principal_of: Mapping[str, str],
    scale: Scale,
    past: Sequence[Persistence],
    tested: int,
) -> Ring | None:
    """The ring behind one template; None when chance or a benign reason explains its use.

    `principal_of`: account → who is behind it, for accounts that are explained by something wider. `tested`: how many
    templates were candidates; the number of shared templates usual in a period counts where it is larger.
    """
    persistent = sorted(account for account, use in users.items() if use.is_persistent(scale))
    everybody = len({principal_of.get(account, account) for account in users})
    if len({principal_of.get(account, account) for account in persistent}) < MIN_PERSISTENT_SHARE * everybody:
        return None
    users_in = Counter(bucket for use in users.values() for bucket in use.buckets)
    p_values = [_synchrony(account, users[account], users_in, activity) for account in persistent]
    kept = discoveries(p_values, MEMBER_FALSE_DISCOVERY_RATE)
    members = tuple(
        Member(account, users[account], p_value, users[account].calls / max(1, activity.calls.get(account, 1)))
        for account, p_value, keep in zip(persistent, p_values, kept, strict=True)
        if keep
    )
    principals = len({principal_of.get(member.account, member.account) for member in members})
    if principals < MIN_PRINCIPALS or principals < MIN_PERSISTENT_SHARE * everybody:
        return None
    if principals >= _APPLICATION_SIZE and principals > _APPLICATION_SHARE * activity.accounts:
        return None
    share = usual_share(past)
    usual_templates = max((period.templates for period in past), default=0)
    p_value = float(binom.sf(principals - 1, everybody, share)) * max(tested, usual_templates, 1)
    return Ring(tenant, (fingerprint,), members, principals, everybody, share, min(1.0, p_value))


test_template.__test__ = False  # type: ignore[attr-defined]  # a statistical test, not one of pytest's


def _synchrony(account: str, use: Use, users_in: Mapping[int, int], activity: Activity) -> float:
    """P(as many of the account's active buckets hold the template), given how popular it is among the others then.

    `users_in`: users of the template by bucket, this one included.
    """
    popularity = []
    for bucket in sorted(activity.buckets.get(account, use.buckets) | use.buckets):
        others = users_in[bucket] - (bucket in use.buckets) if bucket in users_in else 0
        active = max(activity.active.get(bucket, 0) - 1, others)
        popularity.append(min(1.0, (others + 0.5) / (active + 1.0)))
    return at_least(len(use.buckets), popularity)


def united(rings: Sequence[Ring]) -> list[Ring]:
    """Rings of one tenant whose members are mostly the same, made one: the templates of one campaign."""
    if not rings:
        return []
    pairs = [
        (i, j)
        for i in range(len(rings))
        for j in range(i + 1, len(rings))
        if overlaps(rings[i].accounts, rings[j].accounts)
    ]
    rows, columns = np.asarray([i for i, _ in pairs], dtype=int), np.asarray([j for _, j in pairs], dtype=int)
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(rings), len(rings)))
    _, labels = connected_components(graph, directed=False)
    return [
        _union([ring for ring, its in zip(rings, labels, strict=True) if its == label]) for label in sorted(set(labels))
    ]


def overlaps(left: frozenset[str], right: frozenset[str]) -> bool:
    """At least half of the smaller one's members are in the other."""
    return 2 * len(left & right) >= max(1, min(len(left), len(right)))


def _union(rings: Sequence[Ring]) -> Ring:
    strongest = min(rings, key=lambda ring: (ring.p_value, -len(ring.members), ring.templates))
    best: dict[str, Member] = {}
    for ring in rings:
        for member in ring.members:
            known = best.get(member.account)
            if known is None or (member.p_value, -member.use.calls) < (known.p_value, -known.use.calls):
                best[member.account] = member
    members = tuple(sorted(best.values(), key=lambda member: (member.p_value, -member.use.calls, member.account)))
    return Ring(
        strongest.tenant,
        tuple(sorted({template for ring in rings for template in ring.templates})),
        members,
        strongest.principals,
        strongest.users,
        strongest.persistent_share,
        strongest.p_value,
    )
