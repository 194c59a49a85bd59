"""Effects on LiteLLM's keys, users, teams and end users through its management API (POST /key/block and so on)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from enforcement.adapters.base import Answer, Delivered, InForce, Refused, Unreachable
from enforcement.adapters.calling import Caller, Reply
from enforcement.adapters.litellm_state import (
    NOTE,
    Fields,
    Note,
    entity_kind,
    fields_of,
    imposed,
    mark_of,
    note_of,
    seen,
)
from vigil.clock import Clock
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target

_MOST_BYTES = 16 * 2**20
_PAGE_ROWS = 100
_MOST_PAGES = 2_000
_LISTING_DEADLINES = 30
"""All lists together may take so many times as long as one delivery."""


class _Kind(msgspec.Struct, frozen=True):
    """Paths and names of one kind of entity, as LiteLLM's OpenAPI document has them."""

    path: str
    id_name: str
    ask_name: str
    """Query parameter of `GET {path}/info`."""
    within: str | None
    """Where in the answer the entity stands."""
    can_block: bool
    listing: str | None
    """Path that lists them in pages; None: they carry no note."""
    page_size: str = "page_size"
    rows: str = ""


_KINDS = {
    "key": _Kind("/key", "key", "key", "info", True, "/key/list", "size", "keys"),
    "team": _Kind("/team", "team_id", "team_id", "team_info", True, "/v2/team/list", rows="teams"),
    "user": _Kind("/user", "user_id", "user_id", "user_info", False, "/user/list", rows="users"),
    "end_user": _Kind("/customer", "user_id", "end_user_id", None, True, None),
}


class _Entity(msgspec.Struct, frozen=True):
    """One entity as LiteLLM shows it."""

    fields: Fields
    metadata: dict[str, Any]


class LiteLLMAdapter:
    """Reads the entity, writes what has to change, and can be read back.

    One deadline covers the whole conversation about a delivery. `account_is`: what an account of vigil is in LiteLLM.
    """

    name = "litellm"
    waits = True

    def __init__(self, url: str, key: SecretStr, account_is: str, clock: Clock, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._account_is = account_is
        self._caller = Caller(url, clock, timeout_s)

    def deliver(self, delivery: Delivery) -> Answer:
        kind = self._kind(delivery.target)
        if kind is None:
            return Refused(
                f"LiteLLM knows no {delivery.target.type.value}: choose keys, end users, accounts or organisations"
            )
        talk = _Conversation(self._caller, self._url, self._key, self._caller.timeout_s)
        if delivery.effect is EffectKind.LIFT:
            return self._lift(talk, kind, delivery)
        mark = mark_of(delivery)
        if isinstance(mark, str):
            return Refused(mark)
        if kind.listing is None and mark.limits:
            return Refused("LiteLLM keeps no rate limits of end users of its own: throttle the key or the account")
        found = talk.read(kind, delivery.target.id)
        if not isinstance(found, _Entity):
            return found
        note = note_of(found.metadata, found.fields)
        return talk.write(kind, delivery.target.id, found, Note(note.before, {**note.marks, delivery.action_id: mark}))

    def holds(self, delivery: Delivery) -> bool | Unreachable:
        kind = self._kind(delivery.target)
        if kind is None:
            return False
        talk = _Conversation(self._caller, self._url, self._key, self._caller.timeout_s)
        found = talk.read(kind, delivery.target.id)
        if isinstance(found, Unreachable):
            return found
        if not isinstance(found, _Entity):
            return False  # there is no such entity: nothing is in force on it
        if kind.listing is None:
            return bool(found.fields["blocked"])
        action_id = delivery.reverses or delivery.action_id
        return any(one.action_id == action_id for one in seen(found.metadata, found.fields))

    def in_force(self) -> tuple[InForce, ...] | Unreachable:
        talk = _Conversation(self._caller, self._url, self._key, _LISTING_DEADLINES * self._caller.timeout_s)
        found: list[InForce] = []
        for kind in _KINDS.values():
            if kind.listing is None:
                continue
            rows = talk.rows(kind)
            if isinstance(rows, Unreachable):
                return rows
            for row in rows:
                entity = _entity(kind, row)
                found += seen(entity.metadata, entity.fields)
        return tuple(found)

    def _lift(self, talk: _Conversation, kind: _Kind, delivery: Delivery) -> Answer:
        found = talk.read(kind, delivery.target.id)
        if isinstance(found, Refused):
            return Delivered(f"there is nothing to lift: {found.reason}")
        if isinstance(found, Unreachable):
            return found
        if kind.listing is None:
            return talk.write(kind, delivery.target.id, found, Note({**found.fields, "blocked": False}, {}))
        note = note_of(found.metadata, found.fields)
        marks = {action_id: mark for action_id, mark in note.marks.items() if action_id != delivery.reverses}
        if marks == note.marks:
            return Delivered("it is not in force")
        return talk.write(kind, delivery.target.id, found, Note(note.before, marks))

    def _kind(self, target: Target) -> _Kind | None:
        return _KINDS.get(entity_kind(target, self._account_is) or "")


class _Conversation:
    """Calls about one thing, under one deadline."""

    def __init__(self, caller: Caller, url: str, key: SecretStr, budget_s: float) -> None:
        self._caller = caller
        self._url = url
        self._headers = {"Authorization": f"Bearer {key.get_secret_value()}", "Content-Type": "application/json"}
        self._ends = time.monotonic() + budget_s

    def read(self, kind: _Kind, entity_id: str) -> _Entity | Refused | Unreachable:
        """The entity; Refused when LiteLLM knows none of that id."""
        answer = self._call("GET", f"{kind.path}/info?{urlencode({kind.ask_name: entity_id})}")
        if not isinstance(answer, dict):
            if kind.listing is None and isinstance(answer, Refused):
                return _Entity({"blocked": False}, {})  # an end user is made known by the first block
            return answer
        info = answer if kind.within is None else answer.get(kind.within)
        if not isinstance(info, dict) or not info:
            return Refused(f"LiteLLM knows no {kind.id_name} {entity_id}")
        return _entity(kind, info)

    def write(self, kind: _Kind, entity_id: str, now: _Entity, note: Note) -> Answer:
        """Bring the entity to what the note wants. The note is set before anything is taken away, and taken off last."""
        wanted, names = imposed(note), {kind.id_name: entity_id}
        changed = {name: value for name, value in wanted.items() if value != now.fields[name] and name != "blocked"}
        if kind.listing is not None:
            kept = msgspec.to_builtins(note) if note.marks else {"marks": {}, "before": {}}
            changed["metadata"] = {**now.metadata, NOTE: kept}
            if now.metadata.get(NOTE) == kept and len(changed) == 1:
                changed = {}
        steps: list[tuple[str, dict[str, Any]]] = [(f"{kind.path}/update", {**names, **changed})] if changed else []
        if "blocked" in wanted and wanted["blocked"] != now.fields["blocked"]:
            steps.insert(len(steps) if wanted["blocked"] else 0, self._shutting(kind, names, wanted["blocked"]))
        for path, body in steps:
            answer = self._call("POST", path, body)
            if isinstance(answer, Refused | Unreachable):
                return answer
        return Delivered(f"{kind.path[1:]} {entity_id}: {', '.join(path for path, _ in steps) or 'was so already'}")

    def rows(self, kind: _Kind) -> list[dict[str, Any]] | Unreachable:
        """All entities of a kind."""
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            query: dict[str, Any] = {"page": page, kind.page_size: _PAGE_ROWS}
            if kind.path == "/key":
                query["return_full_object"] = "true"
            answer = self._call("GET", f"{kind.listing}?{urlencode(query)}")
            if isinstance(answer, Refused | Unreachable):
                return Unreachable(answer.reason)
            found += [row for row in answer.get(kind.rows) or () if isinstance(row, dict)]
            if page >= int(answer.get("total_pages") or 1):
                return found
        return Unreachable(f"LiteLLM lists more than {_MOST_PAGES * _PAGE_ROWS} {kind.rows}")

    @staticmethod
    def _shutting(kind: _Kind, names: dict[str, str], shut: bool) -> tuple[str, dict[str, Any]]:
        if kind.listing is None and not shut:
            # LiteLLM's /customer/unblock takes nothing back of what /customer/block sets; an update does.
            return f"{kind.path}/update", {**names, "blocked": False}
        body: dict[str, Any] = {"user_ids": list(names.values())} if kind.listing is None else dict(names)
        return f"{kind.path}/{'block' if shut else 'unblock'}", body

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | Refused | Unreachable:
        left = self._ends - time.monotonic()
        if left <= 0:
            return Unreachable(f"{self._caller.where} did not answer in time")
        content = None if body is None else msgspec.json.encode(body)
        url = self._url + path
        reply = self._caller.call(method, url, self._headers, content, most_bytes=_MOST_BYTES, timeout_s=left)
        answer = self._caller.answer(reply)
        if not isinstance(answer, Delivered):
            return answer
        assert isinstance(reply, Reply)
        try:
            decoded = msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            decoded = None
        if decoded is None and method == "POST":
            return {}
        if not isinstance(decoded, dict):
            return Unreachable(f"{self._caller.where} did not answer {path.partition('?')[0]} with a JSON object")
        return decoded


def _entity(kind: _Kind, info: Mapping[str, Any]) -> _Entity:
    metadata = info.get("metadata")
    fields = fields_of(info, can_block=kind.can_block)
    if kind.listing is None:
        fields = {"blocked": fields["blocked"]}
    return _Entity(fields, dict(metadata) if isinstance(metadata, dict) else {})
