"""A LiteLLM proxy's management API on this machine: the paths, fields and answers of its OpenAPI document.

`CONTRACT` is checked against a real proxy's document in test_litellm.py where one is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.enforcement.adapters.server import Gateway, answer, running_gateway

KEY = "sk-admin"

CONTRACT: dict[tuple[str, str], frozenset[str]] = {
    ("GET", "/key/info"): frozenset({"key"}),
    ("POST", "/key/update"): frozenset({"key", "rpm_limit", "tpm_limit", "max_budget", "metadata"}),
    ("POST", "/key/block"): frozenset({"key"}),
    ("POST", "/key/unblock"): frozenset({"key"}),
    ("GET", "/key/list"): frozenset({"page", "size", "return_full_object"}),
    ("GET", "/team/info"): frozenset({"team_id"}),
    ("POST", "/team/update"): frozenset({"team_id", "rpm_limit", "tpm_limit", "max_budget", "metadata"}),
    ("POST", "/team/block"): frozenset({"team_id"}),
    ("POST", "/team/unblock"): frozenset({"team_id"}),
    ("GET", "/v2/team/list"): frozenset({"page", "page_size"}),
    ("GET", "/user/info"): frozenset({"user_id"}),
    ("POST", "/user/update"): frozenset({"user_id", "rpm_limit", "tpm_limit", "max_budget", "metadata"}),
    ("GET", "/user/list"): frozenset({"page", "page_size"}),
    ("GET", "/customer/info"): frozenset({"end_user_id"}),
    ("POST", "/customer/block"): frozenset({"user_ids"}),
    ("POST", "/customer/update"): frozenset({"user_id", "blocked"}),
}
"""What the adapter may send, by method and path."""


@dataclass
class LiteLLMServer:
    """Keys, teams, users and end users by id, each with the fields that LiteLLM keeps."""

    gateway: Gateway
    rows: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"key": {}, "team": {}, "user": {}, "customer": {}}
    )
    calls: list[str] = field(default_factory=list)
    strike: Callable[[str, BaseHTTPRequestHandler], bool] = lambda path, handler: False
    """Misbehaves instead of an answer and says True; it is asked before anything is done."""
    strike_after: Callable[[str, BaseHTTPRequestHandler], bool] = lambda path, handler: False
    """The same, once it is done."""

    def add(self, kind: str, name: str, **fields: Any) -> dict[str, Any]:
        row = {"metadata": {}, "rpm_limit": None, "tpm_limit": None, "max_budget": None, "blocked": None, **fields}
        self.rows[kind][name] = row
        return row

    @property
    def url(self) -> str:
        return self.gateway.url.rsplit("/", 1)[0]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        method = handler.command
        sent: dict[str, Any] = (
            {name: values[0] for name, values in parse_qs(parts.query).items()}
            if method == "GET"
            else json.loads(self.gateway.received[-1].body)
        )
        if self.strike(parts.path, handler):
            return
        if handler.headers.get("Authorization") != f"Bearer {KEY}":
            answer(handler, 401, b'{"error": {"message": "Authentication Error"}}')
            return
        allowed = CONTRACT.get((method, parts.path))
        if allowed is None or not set(sent) <= allowed:
            answer(handler, 422, f"{method} {parts.path} takes no {sorted(sent)}".encode())
            return
        self.calls.append(f"{method} {parts.path}")
        status, document = self._do(parts.path, sent)
        if not self.strike_after(parts.path, handler):
            answer(handler, status, json.dumps(document).encode())

    def _do(self, path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        kind, verb = path.replace("/v2", "").strip("/").split("/")
        rows = self.rows[kind]
        if verb == "list":
            size, page = int(sent.get("size") or sent["page_size"]), int(sent["page"])
            names = {"key": ("keys", "token"), "team": ("teams", "team_id"), "user": ("users", "user_id")}[kind]
            listed = [{names[1]: name, **row} for name, row in rows.items()]
            pages = max(1, -(-len(listed) // size))
            return 200, {names[0]: listed[(page - 1) * size : page * size], "total_pages": pages}
        name = sent.get("key") or sent.get("team_id") or sent.get("user_id") or sent.get("end_user_id")
        if verb == "block" and kind == "customer":
            for one in sent["user_ids"]:
                rows.setdefault(one, {})["blocked"] = True
            return 200, {"blocked_users": sent["user_ids"]}
        if name not in rows:
            return 404, {"error": {"message": f"{kind} not found"}}
        row = rows[name]
        if verb in ("block", "unblock"):
            row["blocked"] = verb == "block"
        elif verb == "update":
            row.update({key: value for key, value in sent.items() if key not in ("key", "team_id", "user_id")})
        inside = {"key": "info", "team": "team_info", "user": "user_info"}.get(kind)
        shown = {"user_id": name, **row} if kind in ("user", "customer") else row
        return 200, shown if inside is None or verb != "info" else {inside: shown}


@contextmanager
def running_litellm() -> Iterator[LiteLLMServer]:
    with running_gateway() as gateway:
        server = LiteLLMServer(gateway)
        gateway.behave = server.handle
        yield server
