"""Circles: accounts joined by the templates they share. Renderings of one template have many fingerprints, which the
same accounts use; those belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from detectors.coordination.template_uses import KINDS, Activity, Use

_MIN_OVERLAP = 0.25


class Adopter(msgspec.Struct, frozen=True):
    """An account that used a circle's template. Slots are those with such a use, and all with any call."""

    account: str
    slots: int
    calls: int
    active_slots: int
    all_calls: int

    @property
    def share(self) -> float:
        """Of its calls that the template takes."""
        return self.calls / max(self.all_calls, self.calls, 1)


class Circle(msgspec.Struct, frozen=True):
    """Everybody who used one template, under all its fingerprints."""

    tenant: str
    fingerprints: tuple[int, ...]
    adopters: tuple[Adopter, ...]


def circles(uses: Iterable[Use], activity: Mapping[tuple[str, str], Activity], members: int) -> list[Circle]:
    """Group fingerprints whose users overlap (Jaccard ≥ 0.25 and at least `members` in common) and count each
    account's slots and calls over the group. Sorted by tenant and first fingerprint.

    A popular fingerprint does not swallow a small circle: the overlap is relative to the larger of the two.
    """
    by_object: dict[tuple[str, int], dict[str, Use]] = defaultdict(dict)
    for use in uses:
        by_object[use.tenant, use.fingerprint][use.account] = use
    objects = sorted(by_object)
    groups = _Groups(objects)
    for one, other in _overlapping(objects, by_object, members):
        groups.join(one, other)
    return sorted(
        (_circle(group, by_object, activity) for group in groups.all()),
        key=lambda circle: (circle.tenant, circle.fingerprints),
    )


def _overlapping(
    objects: list[tuple[str, int]], by_object: Mapping[tuple[str, int], Mapping[str, Use]], members: int
) -> Iterable[tuple[tuple[str, int], tuple[str, int]]]:
    of_account: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for obj in objects:
        for account in by_object[obj]:
            of_account[obj[0], account].append(obj)
    common: dict[tuple[tuple[str, int], tuple[str, int]], int] = defaultdict(int)
    for shared in of_account.values():
        for number, one in enumerate(shared):
            for other in shared[number + 1 :]:
                common[one, other] += 1
    for (one, other), count in common.items():
        union = len(by_object[one]) + len(by_object[other]) - count
        if count >= members and count >= _MIN_OVERLAP * union:
            yield one, other


def _circle(
    group: list[tuple[str, int]],
    by_object: Mapping[tuple[str, int], Mapping[str, Use]],
    activity: Mapping[tuple[str, str], Activity],
) -> Circle:
    tenant = group[0][0]
    slots: dict[str, int] = defaultdict(int)
    calls: dict[str, list[int]] = defaultdict(lambda: [0] * KINDS)
    for obj in group:
        for account, use in by_object[obj].items():
            slots[account] |= use.slots
            calls[account][use.fingerprint % KINDS] += use.calls
    adopters = []
    for account in sorted(slots):
        # Within one kind a call has one fingerprint, so sums are exact; the largest kind saw the most renderings.
        used = max(calls[account])
        all_of_it = activity.get((tenant, account), Activity(slots[account], used))
        adopters.append(
            Adopter(
                account,
                slots[account].bit_count(),
                used,
                (all_of_it.slots | slots[account]).bit_count(),
                max(all_of_it.calls, used),
            )
        )
    return Circle(tenant, tuple(fingerprint for _, fingerprint in group), tuple(adopters))


class _Groups:
    """Disjoint sets with path halving (Tarjan 1975)."""

    def __init__(self, items: list[tuple[str, int]]) -> None:
        self._parent = {item: item for item in items}

    def _root(self, item: tuple[str, int]) -> tuple[str, int]:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first

    def all(self) -> list[list[tuple[str, int]]]:
        found: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
        for item in sorted(self._parent):
            found[self._root(item)].append(item)
        return list(found.values())
