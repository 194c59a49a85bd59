"""The gateway takes signed webhooks only, each once, and holds calls to what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from enforcement.adapters.base import Delivered, Refused, Unreachable
from enforcement.adapters.page import PageAdapter
from enforcement.adapters.posting import SignedPoster
from enforcement.adapters.webhook import WebhookAdapter
from jobs.demo.gateway import Gateway
from vigil.clock import SystemClock
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target
from vigil.signal import SubjectType

AT = datetime(2026, 11, 24, 14, tzinfo=UTC)
CALL = {"tenant_id": "t", "account_id": "a", "api_key_hash": "k", "status": "ok", "output": "hello", "output_tokens": 5}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway(secret="secret") as running:
        yield running


def adapter(gateway: Gateway, path: str = "/effects", key: str = "secret") -> WebhookAdapter:
    return WebhookAdapter(SignedPoster(gateway.url + path, key, SystemClock(), 5.0))


def delivery(effect: EffectKind, **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "idempotency_key": effect.value,
        "action_id": "act_1",
        "at": AT,
        "effect": effect,
        "parameters": {},
        "target": Target(SubjectType.ACCOUNT, "a", "t"),
        "policy": "p",
        "policy_version": "1",
        "incident_id": "inc_1",
        "reason": "",
    }
    return Delivery(**(values | changes))


def test_a_suspended_account_is_blocked_and_its_output_never_was(gateway: Gateway) -> None:
    assert isinstance(adapter(gateway).deliver(delivery(EffectKind.SUSPEND)), Delivered)
    gone = gateway.admit(CALL, AT)
    assert gone["status"] == "blocked"
    assert "output" not in gone
    assert "output_tokens" not in gone
    assert CALL["status"] == "ok"
    assert gateway.admit({**CALL, "account_id": "b"}, AT)["status"] == "ok"
    assert gateway.admit({**CALL, "tenant_id": "u"}, AT)["status"] == "ok"


def test_a_throttled_account_keeps_its_allowance(gateway: Gateway) -> None:
    adapter(gateway).deliver(delivery(EffectKind.THROTTLE, parameters={"rpm": 2}))
    statuses = [gateway.admit(CALL, AT + timedelta(seconds=10 * i))["status"] for i in range(8)]
    assert statuses == ["ok", "ok", "rate_limited", "rate_limited", "rate_limited", "rate_limited", "ok", "ok"]


def test_keys_can_be_restricted_alone(gateway: Gateway) -> None:
    adapter(gateway).deliver(delivery(EffectKind.BAN, target=Target(SubjectType.API_KEY, "k", "t")))
    assert gateway.admit(CALL, AT)["status"] == "blocked"
    assert gateway.admit({**CALL, "api_key_hash": "other"}, AT)["status"] == "ok"


def test_effects_end_by_themselves_and_by_a_lift(gateway: Gateway) -> None:
    adapter(gateway).deliver(delivery(EffectKind.SUSPEND, expires_at=AT + timedelta(hours=1)))
    assert gateway.admit(CALL, AT + timedelta(hours=1))["status"] == "ok"
    assert gateway.admit(CALL, AT)["status"] == "blocked"
    adapter(gateway).deliver(delivery(EffectKind.LIFT, parameters={"effect": "suspend"}, reverses="act_1"))
    assert gateway.admit(CALL, AT)["status"] == "ok"
    assert gateway.restricted == 0


def test_the_same_delivery_again_changes_nothing(gateway: Gateway) -> None:
    for _ in range(2):
        assert isinstance(adapter(gateway).deliver(delivery(EffectKind.SUSPEND)), Delivered)
    assert gateway.received == 1
    assert gateway.restricted == 1


def test_a_wrong_signature_restricts_nobody(gateway: Gateway) -> None:
    assert isinstance(adapter(gateway, key="guessed").deliver(delivery(EffectKind.SUSPEND)), Unreachable)
    assert gateway.rejected == 1
    assert gateway.restricted == 0


def test_what_it_does_not_understand_is_refused(gateway: Gateway) -> None:
    assert isinstance(adapter(gateway, path="/elsewhere").deliver(delivery(EffectKind.SUSPEND)), Refused)
    assert gateway.received == 0
    assert httpx.post(f"{gateway.url}/effects", content=b"{}").status_code == 401
    assert httpx.post(f"{gateway.url}/effects", content=b"x" * 300_000).status_code == 413


def test_the_pager_keeps_pages(gateway: Gateway) -> None:
    pager = PageAdapter(SignedPoster(gateway.url + "/pages", "secret", SystemClock(), 5.0), "http://127.0.0.1:1")
    parameters = {"receiver": "oncall", "severity": "high", "title": "A ring", "text": "12 accounts"}
    assert isinstance(pager.deliver(delivery(EffectKind.PAGE, parameters=parameters)), Delivered)
    assert [page.title for page in gateway.pages] == ["A ring"]
    assert msgspec.to_builtins(gateway.pages[0])["link"].startswith("http://127.0.0.1:1/incident")
