"""What was imposed on principals, on what they belong to and on what belongs to them: read for a batch of incidents,
moved along with its decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from enforcement.place import Place
from vigil.effect import Action, ActionState, EffectKind
from vigil.record.action_rows import account_key, action_of, org_key, target_key
from vigil.record.schema import actions
from vigil.signal import SubjectType

_CHUNK = 500
_IMPOSED = [ActionState.DISPATCHED.value, ActionState.CONFIRMED.value, ActionState.LIFTED.value]
_NEITHER = [EffectKind.PAGE.value, EffectKind.LIFT.value]


class Histories:
    """Actions by principal: imposed since then or in force, and those on which a person ruled since. Oldest first."""

    def __init__(self) -> None:
        self._own: dict[str, list[Action]] = defaultdict(list)
        self._kin: dict[str, list[Action]] = defaultdict(list)

    @classmethod
    def read(cls, connection: Connection, places: Collection[Place], since: datetime) -> Histories:
        """The histories of these principals."""
        found = cls()
        own = {place.own_key for place in places}.union(*(place.wider_keys for place in places))
        for key, action in _rows(connection, actions.c.target_key, own, since):
            found._own[key].append(action)
        kin = {place.kin_key for place in places if place.target.type is not SubjectType.ORG} - {None}
        for key, action in _rows(connection, actions.c.account_key, kin, since):
            if target_key(action.target) != key:
                found._kin[key].append(action)
        orgs = {place.own_key for place in places if place.target.type is SubjectType.ORG}
        orgs |= {key for place in places if place.org_id is not None for key in place.wider_keys[-1:]}
        for key, action in _rows(connection, actions.c.org_key, orgs, since):
            if target_key(action.target) != key:
                found._kin[key].append(action)
        return found

    def of(self, place: Place) -> Sequence[Action]:
        """Actions on the principal itself."""
        return self._own.get(place.own_key, ())

    def wider(self, place: Place) -> tuple[Action, ...]:
        """Actions on the account and the organisation it belongs to."""
        return tuple(action for key in place.wider_keys for action in self._own.get(key, ()))

    def kin(self, place: Place) -> Sequence[Action]:
        """Actions on other keys and end users of its account (for an organisation: on its accounts too)."""
        key = place.kin_key
        return () if key is None else [one for one in self._kin.get(key, ()) if target_key(one.target) != place.own_key]

    def narrower(self, place: Place) -> tuple[Action, ...]:
        """Actions on what belongs to it, when it is an account or organisation."""
        return tuple(self.kin(place)) if place.target.type in (SubjectType.ACCOUNT, SubjectType.ORG) else ()

    def under_org(self, place: Place) -> Sequence[Action]:
        """Actions on everything that belongs to its organisation."""
        if place.org_id is None:
            return ()
        return self._kin.get(org_key(place.target.tenant_id, place.org_id), ())

    def add(self, action: Action) -> None:
        """A decision of this batch."""
        own, tenant = target_key(action.target), action.target.tenant_id
        self._own[own].append(action)
        for key in (
            None if action.account_id is None else account_key(tenant, action.account_id),
            None if action.org_id is None else org_key(tenant, action.org_id),
        ):
            if key is not None and key != own:
                self._kin[key].append(action)


def _rows(
    connection: Connection, column: ColumnElement[Any], keys: Iterable[str | None], since: datetime
) -> Iterator[tuple[str, Action]]:
    wanted = sorted(key for key in keys if key is not None)
    for start in range(0, len(wanted), _CHUNK):
        query = select(actions).where(
            column.in_(wanted[start : start + _CHUNK]),
            actions.c.effect.not_in(_NEITHER),
            actions.c.state.in_(_IMPOSED) | actions.c.lifted_by.is_not(None),
            (actions.c.at >= since) | actions.c.duty_key.is_not(None) | (actions.c.lift_decided_at >= since),
        )
        for row in connection.execute(query.order_by(actions.c.at, actions.c.action_id)):
            yield row._mapping[column.name], action_of(row)
