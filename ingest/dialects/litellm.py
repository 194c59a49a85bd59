"""LiteLLM's `StandardLoggingPayload`, one object a call, as its `generic_api` callback posts it.

Fields: the rows of `ROWS` and `METADATA_ROWS`, and:

| field | read from |
|---|---|
| `event_id` | `id` (without `_cache_hit<time>`, which differs each time the payload is built), `litellm_call_id`, `startTime` |
| `event_time`, `duration_ms`, `ttft_ms` | `startTime`, `endTime`, `completionStartTime`: seconds since 1970; the last one for streams only |
| `account_id` | `metadata.user_api_key_user_id`, else the team, else the end user, else the key's hash |
| `org_id` | `metadata.user_api_key_org_id`, else the team where the account is a user |
| tokens | `prompt_tokens`, `completion_tokens` (cached ones are included); of failed calls, where LiteLLM writes 0, unknown |
| `cache_read_tokens`, `reasoning_tokens` | `metadata.usage_object` or `response.usage`: `prompt_tokens_details.cached_tokens`, `completion_tokens_details.reasoning_tokens` |
| `cost_usd` | `response_cost`; 0 is also what LiteLLM writes for a model without a price, so it is unknown unless the answer came from the cache |
| `status`, `error_type` | `status`, `error_information.error_class` and `.error_code` (429 rate limited), guardrails that blocked |
| `input`, `output`, `tool_names`, `refused`, `finish_reasons` | `messages`, `response.choices`; nothing where LiteLLM redacted them |
| `guardrail` | `guardrail_information` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from ingest.dialects.base import Dialect, WireEvent
from ingest.dialects.chat import turns
from ingest.dialects.conventions.calls import status_of_error, wire_event
from ingest.dialects.conventions.conversation import put_input, put_output
from ingest.dialects.conventions.table import Row, amount, fill, number, text, whole
from ingest.dialects.explain import explain
from ingest.dialects.registry import register
from ingest.payload import check_text
from vigil.errors import BadEvent
from vigil.event import Status
from vigil.ids import event_uuid

CACHE_HIT = "_cache_hit"
REDACTED = "redacted-by-litellm"

ROWS = (
    Row("trace_id", ("trace_id",), text),
    Row("session_id", ("session_id",), text),
    Row("provider", ("custom_llm_provider",), text),
    Row("request_model", ("model_group", "model"), text),
    Row("response_model", ("model",), text),
    Row("end_user_id", ("end_user",), text),
    Row("client_ip", ("requester_ip_address",), text),
    Row("user_agent", ("user_agent",), text),
)

METADATA_ROWS = (
    Row("api_key_hash", ("user_api_key_hash",), text),
    Row("org_id", ("user_api_key_org_id",), text),
    Row("account_id", ("user_api_key_user_id", "user_api_key_team_id"), text),
    Row("end_user_id", ("user_api_key_end_user_id",), text),
    Row("client_ip", ("requester_ip_address",), text),
    Row("user_agent", ("user_agent",), text),
)

KEPT = (
    "call_type", "model_id", "api_base", "request_tags", "cache_hit", "stream", "litellm_call_id",
)  # fmt: skip
KEPT_METADATA = ("user_api_key_alias", "user_api_key_team_id", "user_api_key_team_alias", "user_api_key_project_id")
"""Kept as attributes."""

OPERATIONS = {
    "completion": "chat", "acompletion": "chat", "anthropic_messages": "chat", "responses": "chat", "aresponses": "chat",
    "generate_content": "chat", "agenerate_content": "chat", "text_completion": "text_completion",
    "atext_completion": "text_completion", "embedding": "embeddings", "aembedding": "embeddings",
    "image_generation": "image_generation", "aimage_generation": "image_generation", "transcription": "transcription",
    "atranscription": "transcription", "speech": "speech", "aspeech": "speech", "rerank": "rerank",
    "arerank": "rerank", "moderation": "moderation", "amoderation": "moderation", "call_mcp_tool": "execute_tool",
}  # fmt: skip

_object = msgspec.json.Decoder(dict[str, Any])


@register
class LiteLLM(Dialect):
    """One JSON object a payload; the receiver takes arrays and lines of them apart."""

    name: ClassVar[str] = "litellm"

    def decode(self, raw: bytes) -> Sequence[WireEvent | BadEvent]:
        check_text(raw)
        try:
            payload = _object.decode(raw)
        except msgspec.DecodeError as error:
            raise explain(error) from None
        if "startTime" not in payload and "id" not in payload:
            raise BadEvent(
                "missing_field",
                "the payload is no StandardLoggingPayload: it has neither `id` nor `startTime`; leave LiteLLM's"
                " `generic_api_use_v1` off",
            )
        return (_event(payload),)


def _event(payload: Mapping[str, Any]) -> WireEvent:
    metadata = _mapping(payload.get("metadata"))
    failed = payload.get("status") == "failure"
    fields: dict[str, Any] = {}
    fill(fields, ROWS, payload, set())
    fill(fields, METADATA_ROWS, metadata, set())
    _account(fields, metadata)
    _identity(fields, payload)
    _times(fields, payload)
    call_type = text(payload.get("call_type"))
    if call_type is not None:
        fields["operation"] = OPERATIONS.get(call_type, call_type)
    _counts(fields, payload, metadata, failed=failed)
    response = payload.get("response")
    if payload.get("messages") != REDACTED:
        put_input(fields, [turn for turn in turns(payload.get("messages"), "user") if turn.text != REDACTED])
    if isinstance(response, Mapping):
        choices = [turn for turn in turns(response.get("choices"), "assistant") if turn.text != REDACTED]
        put_output(fields, choices or [turn for turn in turns(response.get("output"), "assistant") if turn.text])
    elif response != REDACTED:
        put_output(fields, turns(response, "assistant"))
    parameters = _mapping(payload.get("model_parameters"))
    fields["temperature"] = number(parameters.get("temperature"))
    _guardrail(fields, payload)
    _outcome(fields, payload, failed=failed)
    kept = {key: payload.get(key) for key in KEPT} | {key: metadata.get(key) for key in KEPT_METADATA}
    fields["attributes"] = {key: value for key, value in kept.items() if value not in (None, "", [])}
    return wire_event(fields)


def _account(fields: dict[str, Any], metadata: Mapping[str, Any]) -> None:
    team = text(metadata.get("user_api_key_team_id"))
    if team is not None and fields.get("account_id") != team:
        fields.setdefault("org_id", team)
    fallback = fields.get("end_user_id") or fields.get("api_key_hash")
    if fallback is not None:
        fields.setdefault("account_id", fallback)


def _identity(fields: dict[str, Any], payload: Mapping[str, Any]) -> None:
    """A cached answer has the id of the call that filled the cache: what tells calls apart is the start as well."""
    given = text(payload.get("id")) or ""
    response_id = given.partition(CACHE_HIT)[0]
    if response_id:
        fields["response_id"] = response_id
    start = text(payload.get("startTime")) or ""
    fields["event_id"] = event_uuid("litellm", response_id, text(payload.get("litellm_call_id")) or "", start)


def _times(fields: dict[str, Any], payload: Mapping[str, Any]) -> None:
    start, end = amount(payload.get("startTime")), amount(payload.get("endTime"))
    if start is None or start == 0:
        return
    fields["event_time"] = start
    if end is not None and 0 <= end - start < 1e6:
        fields["duration_ms"] = round((end - start) * 1000)
    first = amount(payload.get("completionStartTime"))
    if payload.get("stream") is True and first is not None and 0 <= first - start < 1e6:
        fields["ttft_ms"] = round((first - start) * 1000)


def _counts(fields: dict[str, Any], payload: Mapping[str, Any], metadata: Mapping[str, Any], *, failed: bool) -> None:
    cost = amount(payload.get("response_cost"))
    if cost or (cost == 0 and payload.get("cache_hit") is True):
        fields["cost_usd"] = cost
    prompt, completion = whole(payload.get("prompt_tokens")), whole(payload.get("completion_tokens"))
    if failed and not prompt and not completion:
        return
    fields["input_tokens"], fields["output_tokens"] = prompt, completion
    usage = _mapping(metadata.get("usage_object")) or _mapping(_mapping(payload.get("response")).get("usage"))
    prompt_details = _mapping(usage.get("prompt_tokens_details"))
    fields["cache_read_tokens"] = whole(prompt_details.get("cached_tokens"))
    completion_details = _mapping(usage.get("completion_tokens_details"))
    fields["reasoning_tokens"] = whole(completion_details.get("reasoning_tokens"))


def _outcome(fields: dict[str, Any], payload: Mapping[str, Any], *, failed: bool) -> None:
    if not failed:
        fields["status"] = Status.OK if payload.get("status") == "success" else None
        return
    error = _mapping(payload.get("error_information"))
    kind, code = text(error.get("error_class")), text(error.get("error_code"))
    guardrail = fields.get("guardrail")
    if guardrail is not None and guardrail["status"] == "guardrail_intervened":
        fields["status"] = Status.BLOCKED
    else:
        fields["status"] = status_of_error(f"{kind} {code}")
    fields["error_type"] = kind or code


def _guardrail(fields: dict[str, Any], payload: Mapping[str, Any]) -> None:
    """The guardrail that intervened, else the first one. Its response may quote content and is not read."""
    entries = payload.get("guardrail_information")
    if isinstance(entries, Mapping):
        entries = [entries]
    if not isinstance(entries, list):
        return
    found = [entry for entry in entries if isinstance(entry, Mapping)]
    if not found:
        return
    entry = next((e for e in found if text(e.get("guardrail_status")) not in (None, "success", "not_run")), found[0])
    name = text(entry.get("guardrail_name"))
    mode = entry.get("guardrail_mode")
    fields["guardrail"] = {
        "status": text(entry.get("guardrail_status")),
        "categories": [name] if name else [],
        "action": mode if isinstance(mode, str) else None,
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
