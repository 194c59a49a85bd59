"""Envoy AI Gateway's access log, in the formats of its documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.dialects import get_dialect
from ingest.dialects.base import WireEvent
from tests.ingest.dialects.payloads import envoy_line, read
from tests.ingest.events import NOW, accepted_as
from vigil.errors import BadEvent
from vigil.event import Status


def event(**fields: Any) -> WireEvent:
    (found,) = read("envoy", json.dumps(envoy_line(**fields)).encode())
    return found


def test_a_line_is_read_whole() -> None:
    got = event()
    assert (got.request_model, got.provider, got.operation) == ("gpt-4o-mini", "default/openai", "chat")
    assert (got.input_tokens, got.output_tokens, got.duration_ms) == (15, 7, 1526)
    assert (got.account_id, got.client_ip, got.user_agent) == ("acct-9", "198.51.100.4", "curl/8.7.1")
    assert (got.status, got.error_type) == (Status.OK, None)
    assert got.cost_usd is None
    assert accepted_as("envoy", json.dumps(envoy_line()).encode()).event_time < NOW


def test_the_older_names_are_read_too() -> None:
    old = {
        "gen_ai.request.model": None, "gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None,
        "gen_ai.provider.name": None, "genai_model_name": "m", "genai_model_name_override": "n",
        "genai_tokens_input": 3, "genai_tokens_output": 4, "genai_backend_name": "b",
    }  # fmt: skip
    got = event(**old)
    assert (got.request_model, got.response_model, got.provider) == ("m", "n", "b")
    assert (got.input_tokens, got.output_tokens) == (3, 4)


@pytest.mark.parametrize(
    ("code", "flags", "details", "status"),
    [
        (200, "-", "via_upstream", Status.OK),
        (429, "RL", "request_rate_limited", Status.RATE_LIMITED),
        (403, "UAEX", "ext_authz_denied", Status.BLOCKED),
        (403, "-", "via_upstream", Status.ERROR),
        (0, "DC", "downstream_remote_disconnect", Status.CANCELLED),
        (503, "UF", "upstream_reset", Status.ERROR),
        (0, "-", "-", Status.ERROR),
    ],
)
def test_the_response_code_is_the_status(code: int, flags: str, details: str, status: Status) -> None:
    got = event(response_code=code, response_flags=flags, response_code_details=details)
    assert got.status is status
    assert (got.error_type is None) is (status is Status.OK)


def test_what_envoy_does_not_know_is_unknown() -> None:
    got = event(**{"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": "-", "user-agent": "-"})
    assert (got.input_tokens, got.output_tokens, got.user_agent) == (None, None, None)


@pytest.mark.parametrize("remote", ["203.0.113.9:4411", "203.0.113.9"])
def test_without_forwarding_the_client_is_the_peer(remote: str) -> None:
    assert event(**{"x-forwarded-for": "-", "downstream_remote_address": remote}).client_ip == "203.0.113.9"
    assert (
        event(**{"x-forwarded-for": None, "downstream_remote_address": "[2001:db8::7]:443"}).client_ip == "2001:db8::7"
    )


def test_a_line_about_something_else_is_no_call() -> None:
    line = json.dumps({"start_time": "2026-11-01T11:00:00Z", "response_code": 200, "path": "/healthz"}).encode()
    with pytest.raises(BadEvent, match="names no model") as refused:
        get_dialect("envoy").decode(line)
    assert refused.value.error_class == "no_inference"


def test_the_same_line_again_is_the_same_event() -> None:
    assert event().event_id == event().event_id
    assert event().event_id != event(**{"x-request-id": "another"}).event_id
