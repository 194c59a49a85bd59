"""From a planned call to the canonical event: tokens, cost, latency and outcome that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from simulator.authors import Turn
from simulator.dice import Dice
from simulator.fleet import Model
from simulator.network import Site
from simulator.text.composer import Composer
from simulator.world import Account

Event = dict[str, Any]
"""A canonical event (contract section 1), ready for JSON."""

Exchange = tuple[str, str]
"""What the user said and what the model answered."""

_OVERHEAD_TOKENS = 7
_CHARACTERS_PER_TOKEN = {"en": 4.3, "es": 4.0, "de": 3.9, "fr": 3.9, "pt": 4.0, "ja": 1.4}
_ERRORS = ("overloaded", "timeout", "overloaded", "invalid_request", "server_error")
_HISTORY = 6


class Call(msgspec.Struct, gc=False):
    """One call as planned. `history`: the exchanges before it in the session, oldest first.

    `text` None: telemetry without content, `prompt_tokens` then says how long the prompt was.
    """

    at: float
    account: Account
    key: str
    site: Site
    agent: str
    model: Model
    session: str | None = None
    end_user: str | None = None
    turn: Turn | None = None
    history: tuple[Exchange, ...] = ()
    answer: str | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    refused: bool = False
    address: str | None = None
    changes: dict[str, Any] | None = None
    """What differs from what would be rendered: a field and its value, None to leave the field out."""


class Renderer:
    """Turns calls into events. `newest` is the share of calls that the newest version of a model answers."""

    def __init__(self, composer: Composer, *, newest: float) -> None:
        self._composer = composer
        self._newest = newest
        self._constants: dict[str, Event] = {}

    def render(self, calls: Sequence[Call], dice: Dice) -> list[Event]:
        """Events of `calls`, in their order. Noise is drawn for all at once."""
        n = len(calls)
        rng = dice.rng
        first_token = np.exp(0.35 * rng.standard_normal(n)).tolist()
        pace = np.exp(0.2 * rng.standard_normal(n)).tolist()
        outcome = rng.random(n).tolist()
        identity = rng.bytes(16 * n).hex()
        return [
            self._event(call, first_token[i], pace[i], outcome[i], identity[32 * i : 32 * i + 32], dice)
            for i, call in enumerate(calls)
        ]

    def _of_account(self, account: Account) -> Event:
        """What all events of an account have in common, made once."""
        fields = self._constants.get(account.account_id)
        if fields is None:
            fields = self._constants[account.account_id] = _account_fields(account)
        return fields

    def _event(self, call: Call, first_token: float, pace: float, outcome: float, identity: str, dice: Dice) -> Event:
        account, model = call.account, call.model
        turn = call.turn
        prompt_tokens, cached = _prompt_tokens(call)
        answer_tokens = call.answer_tokens
        status, finish = "ok", "stop"
        error = None
        refused = call.refused
        answer = call.answer
        reasoning = int(answer_tokens * 2.5 * pace) if model.reasons else 0
        if outcome < 0.012 or outcome > 0.993:
            if outcome > 0.993:
                status, finish, answer_tokens = "cancelled", "", int(answer_tokens * pace * 0.4)
                answer = answer[: len(answer) // 3] if answer else answer
            elif outcome < 0.003:
                status, error = "rate_limited", "rate_limit_exceeded"
            elif outcome < 0.009:
                status, error = "error", _ERRORS[int(outcome * 1e6) % len(_ERRORS)]
            else:
                finish = "length"
            if error is not None:
                answer, answer_tokens, reasoning, finish, refused = None, 0, 0, "", False
        elif turn is not None and turn.tools and not refused:
            finish = "tool_calls" if pace > 1.0 else "stop"
        ttft = model.ttft_ms * first_token * (1.0 + prompt_tokens / 20_000)
        duration = ttft + 1000.0 * (answer_tokens + reasoning) / (model.speed * pace)
        version = model.version(self._newest, dice)
        event: Event = {
            "event_id": f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-a{identity[17:20]}-{identity[20:]}",
            "event_time": timestamp(call.at),
            **self._of_account(account),
            "api_key_hash": call.key,
            "response_id": "resp_" + identity[8:28],
            "provider": model.provider,
            "request_model": model.name,
            "response_model": version,
            "input_tokens": prompt_tokens,
            "output_tokens": answer_tokens + reasoning,
            "cost_usd": round(
                ((prompt_tokens - 0.9 * cached) * model.input_price + (answer_tokens + reasoning) * model.output_price)
                / 1e6,
                8,
            ),
            "duration_ms": int(duration),
            "status": status,
            "client_ip": call.address or call.site.address(dice),
            "client_asn": call.site.asn,
            "client_country": call.site.country,
            "user_agent": call.agent,
        }
        if cached:
            event["cache_read_tokens"] = cached
        if reasoning:
            event["reasoning_tokens"] = reasoning
        if call.session is not None:
            event["session_id"] = call.session
        if call.end_user is not None:
            event["end_user_id"] = call.end_user
        if error is None:
            event["ttft_ms"] = int(ttft)
            event["refused"] = refused
            if finish:
                event["finish_reasons"] = ["content_filter" if refused and pace > 1.2 else finish]
        else:
            event["error_type"] = error
        if account.temperature is not None:
            # Programs trace their calls; people do not.
            event.update(temperature=account.temperature, trace_id=identity, span_id=identity[16:])
        if account.org.guarded:
            event["guardrail"] = {"status": "ok", "categories": [], "max_score": round(0.02 * first_token, 4), "action": "allow"}  # fmt: skip
        if turn is not None:
            if turn.tools:
                event["tool_names"] = list(turn.tools)
            if turn.system is not None:
                event["system"] = turn.system
            event["input"] = _messages(call.history, turn)
            if answer:
                event["output"] = answer
        if call.changes is not None:
            event = {key: value for key, value in {**event, **call.changes}.items() if value is not None}
        return event


def _account_fields(account: Account) -> Event:
    return {
        "tenant_id": account.tenant_id,
        "environment": "prod",
        "source": account.source,
        "org_id": account.org.org_id,
        "account_id": account.account_id,
        "operation": "chat",
        "email_domain": account.email_domain,
        "payment_fingerprint": account.payment,
        "account_created_at": account.created_at.isoformat(timespec="seconds"),
    }


def timestamp(at: float) -> str:
    """Epoch seconds as RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _messages(history: tuple[Exchange, ...], turn: Turn) -> list[dict[str, str]]:
    messages = []
    for said, answered in history[-_HISTORY:]:
        messages.append({"role": "user", "content": said})
        messages.append({"role": "assistant", "content": answered})
    messages.extend({"role": "tool", "content": result} for result in turn.tool_results)
    messages.append({"role": "user", "content": turn.text})
    return messages


def _prompt_tokens(call: Call) -> tuple[int, int]:
    """(input tokens, of which read from the cache)."""
    turn = call.turn
    if turn is None:
        return call.prompt_tokens, 0
    rate = _CHARACTERS_PER_TOKEN[turn.language]
    past = sum(len(said) + len(answered) for said, answered in call.history[-_HISTORY:])
    system = len(turn.system) if turn.system is not None else 0
    fresh = len(turn.text) + sum(map(len, turn.tool_results))
    known = int((past + system) / rate)
    # Providers cache prefixes in blocks; short ones are not worth it.
    cached = known // 128 * 128
    return known + int(fresh / rate) + _OVERHEAD_TOKENS, cached
