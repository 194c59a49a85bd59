"""LiteLLM: what a real proxy (1.108.7) posted for six calls, and the traps of its payload."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.dialects.base import WireEvent
from tests.ingest.dialects.payloads import litellm_calls, read
from tests.ingest.events import ORIGIN, pipeline
from vigil.event import Message, Status


def event(call: dict[str, Any]) -> WireEvent:
    (found,) = read("litellm", json.dumps(call).encode())
    return found


def call(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {**litellm_calls()[number], **fields}


def test_a_call_is_read_whole() -> None:
    got = event(call())
    assert (got.account_id, got.end_user_id, got.api_key_hash) == (
        "default_user_id",
        "user-7",
        "litellm_proxy_master_key",
    )
    assert (got.operation, got.provider, got.request_model, got.response_model) == ("chat", "openai", "gpt-4o-mini", "openai/gpt-4o-mini")  # fmt: skip
    assert (got.input_tokens, got.output_tokens, got.cost_usd, got.temperature) == (10, 20, 1.35e-05, 0.3)
    assert (got.status, got.finish_reasons, got.client_ip, got.user_agent) == (Status.OK, ("stop",), "127.0.0.1", "curl/7.88.1")  # fmt: skip
    assert got.input == (Message("system", "Be brief."), Message("user", "What is the tide table today?"))
    assert got.output == "High water is at noon."
    assert got.event_time == 1795533255.690557
    assert (got.duration_ms, got.ttft_ms) == (87, None)
    assert got.session_id is None
    assert "tide" not in repr(got.attributes)


def test_a_cached_answer_is_a_call_of_its_own_with_the_id_of_the_first() -> None:
    """Its id ends in the time at which the payload was built: the same call logged twice must stay one."""
    first, cached = event(call(0)), event(call(1))
    assert cached.response_id == first.response_id
    assert cached.event_id != first.event_id
    rebuilt = call(1)
    rebuilt["id"] = rebuilt["id"].partition("_cache_hit")[0] + "_cache_hit1795533999.5"
    assert event(rebuilt).event_id == cached.event_id
    assert cached.cost_usd == 0


def test_a_failure_has_a_reason_and_no_tokens_or_cost() -> None:
    got = event(call(3))
    assert (got.status, got.error_type) == (Status.RATE_LIMITED, "RateLimitError")
    assert (got.input_tokens, got.output_tokens, got.cost_usd) == (None, None, None)
    assert got.input == (Message("user", "Too many"),)


def test_a_model_without_a_price_costs_an_unknown_amount_not_nothing() -> None:
    got = event(call(4))
    assert got.cost_usd is None
    assert got.input_tokens == 10


def test_the_time_to_the_first_token_is_that_of_streams_only() -> None:
    stream = event(call(5))
    assert (stream.ttft_ms, stream.duration_ms) == (50, 88)
    assert event(call(2)).ttft_ms is None


def test_the_team_is_the_organisation_of_a_user_and_the_account_of_nobody() -> None:
    metadata = call()["metadata"]
    teamed = {**metadata, "user_api_key_team_id": "team-1"}
    assert (event(call(metadata=teamed)).org_id, event(call(metadata=teamed)).account_id) == (
        "team-1",
        "default_user_id",
    )
    alone = {**teamed, "user_api_key_user_id": None}
    assert (event(call(metadata=alone)).org_id, event(call(metadata=alone)).account_id) == (None, "team-1")
    nobody = {**metadata, "user_api_key_user_id": None, "user_api_key_end_user_id": None}
    assert event(call(metadata=nobody, end_user=None)).account_id == "litellm_proxy_master_key"


def test_details_of_tokens_are_read_and_cached_ones_are_already_counted() -> None:
    usage = {"prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 4}}
    got = event(call(metadata={**call()["metadata"], "usage_object": usage}))
    assert (got.input_tokens, got.cache_read_tokens, got.reasoning_tokens) == (10, 8, 4)


@pytest.mark.parametrize("hidden", ["redacted-by-litellm", [{"role": "user", "content": "redacted-by-litellm"}], None, ""])  # fmt: skip
def test_redacted_content_is_missing_content(hidden: Any) -> None:
    got = event(call(messages=hidden, response={"choices": [{"message": {"content": "redacted-by-litellm"}}]}))
    assert not got.input
    assert got.output is None


def test_a_guardrail_that_blocked_is_the_reason_of_the_failure() -> None:
    entry = {"guardrail_name": "pii", "guardrail_status": "guardrail_intervened", "guardrail_mode": "pre_call"}
    got = event(call(3, guardrail_information=[{"guardrail_name": "other", "guardrail_status": "success"}, entry]))
    assert got.status is Status.BLOCKED
    assert got.guardrail is not None
    assert (got.guardrail.status, got.guardrail.categories, got.guardrail.action) == ("guardrail_intervened", ("pii",), "pre_call")  # fmt: skip


def test_a_refusal_is_seen_from_its_text() -> None:
    (outcome,) = pipeline(max_age_days=400, max_future_minutes=60 * 24 * 400).accept(json.dumps(call(2)).encode(), ORIGIN, "litellm")  # fmt: skip
    assert outcome.event.refused is True  # type: ignore[union-attr]
