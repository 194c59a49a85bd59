"""Every attribute and key that the dialects read, by who defines it.

`test_attributes.py` holds this list equal to the code's tables; `tests/conformance/test_names.py` looks each name up in
the packages of those who define it, so that a rename upstream turns a test red.
"""

from __future__ import annotations

OPENTELEMETRY = frozenset(
    {
        "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system", "gen_ai.request.model", "gen_ai.response.model",
        "gen_ai.response.id", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens", "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.response.finish_reasons", "gen_ai.request.temperature", "gen_ai.response.time_to_first_chunk",
        "gen_ai.tool.name", "gen_ai.tool.call.result", "gen_ai.input.messages", "gen_ai.output.messages",
        "gen_ai.system_instructions", "gen_ai.prompt", "gen_ai.completion", "gen_ai.conversation.id", "error.type",
        "exception.type", "client.address", "user_agent.original", "http.user_agent", "deployment.environment.name",
        "deployment.environment", "session.id", "user.id", "enduser.id", "enduser.pseudo.id", "service.name", "url.path",
    }
)  # fmt: skip
"""Semantic conventions, deprecated names included: the package keeps them."""

OPENTELEMETRY_EVENTS = frozenset(
    {
        "gen_ai.client.inference.operation.details", "gen_ai.system.message", "gen_ai.user.message",
        "gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice", "gen_ai.content.prompt",
        "gen_ai.content.completion",
    }
)  # fmt: skip
"""Names of events, which the package does not list; the instrumentations have them."""

OPENINFERENCE = frozenset(
    {
        "openinference.span.kind", "llm.provider", "llm.system", "llm.request.model_name", "llm.response.model_name",
        "llm.model_name", "embedding.model_name", "llm.token_count.prompt", "llm.token_count.completion",
        "llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input",
        "llm.token_count.prompt_details.cache_write", "llm.token_count.completion_details.reasoning", "llm.cost.total",
        "llm.finish_reason", "tool.name", "llm.invocation_parameters", "embedding.invocation_parameters",
        "llm.input_messages", "llm.output_messages", "llm.prompts", "llm.choices", "embedding.embeddings", "input.value",
        "output.value", "metadata", "message.role", "message.content", "message.contents", "message_content.text",
        "message.tool_calls", "tool_call.function.name", "embedding.text",
    }
)  # fmt: skip

TRACELOOP = frozenset(
    {
        "llm.request.type", "gen_ai.usage.reasoning_tokens", "gen_ai.response.finish_reason", "gen_ai.response.stop_reason",
        "gen_ai.user", "llm.user", "gen_ai.content.completion.chunk", "traceloop.association.properties",
    }
)  # fmt: skip

LITELLM = frozenset(
    {
        "id", "trace_id", "session_id", "litellm_call_id", "call_type", "stream", "response_cost", "status",
        "custom_llm_provider", "prompt_tokens", "completion_tokens", "startTime", "endTime", "completionStartTime",
        "model", "model_id", "model_group", "api_base", "metadata", "cache_hit", "request_tags", "end_user",
        "requester_ip_address", "user_agent", "messages", "response", "error_information", "model_parameters",
        "guardrail_information",
    }
)  # fmt: skip
LITELLM_METADATA = frozenset(
    {
        "user_api_key_hash", "user_api_key_alias", "user_api_key_org_id", "user_api_key_team_id", "user_api_key_team_alias",
        "user_api_key_project_id", "user_api_key_user_id", "user_api_key_end_user_id", "requester_ip_address",
        "user_agent", "usage_object",
    }
)  # fmt: skip

ENVOY = frozenset(
    {
        "response_code", "start_time", "x-envoy-origin-path", "path", ":path", "url.path", "x-forwarded-for",
        "downstream_remote_address", "response_flags", "response_code_details", "gen_ai.request.model",
        "gen_ai.response.model", "gen_ai.request.model_override", "genai_model_name", "genai_model_name_override",
        "gen_ai.provider.name", "genai_backend_name", "gen_ai.usage.input_tokens", "genai_tokens_input",
        "gen_ai.usage.output_tokens", "genai_tokens_output", "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cached_input_tokens", "genai_tokens_cached_input", "gen_ai.usage.cache_creation.input_tokens",
        "genai_tokens_cache_creation_input", "gen_ai.usage.reasoning.output_tokens", "genai_tokens_reasoning",
        "duration", "user-agent", "trace_id", "span_id", "session.id", "mcp.session.id", "mcp_session_id",
        "gen_ai.error.type", "llm_error_type", "x-request-id",
    }
)  # fmt: skip
"""The operator chooses the names; these are those of Envoy's documentation."""

OURS = frozenset(
    {
        "org_id", "org.id", "organization.id", "account_id", "account.id", "customer.id", "api_key_hash", "api_key.hash",
        "end_user_id", "session_id", "client_ip", "environment",
    }
)  # fmt: skip
"""Principals that no convention names."""

HISTORIC = frozenset(
    {
        "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_creation_input_tokens", "gen_ai.event.content",
        "llm.vendor", "llm.request.model", "llm.response.model", "llm.usage.prompt_tokens", "llm.usage.completion_tokens",
        "llm.temperature", "llm.response.finish_reason", "llm.response.stop_reason", "llm.completions",
        "llm.content.completion.chunk", "First Token Stream Event",
    }
)  # fmt: skip
"""No longer (or never) in a package of constants, still sent by what is deployed."""
