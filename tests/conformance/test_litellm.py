"""A real LiteLLM proxy with mock answers, posting to the receiver as docs/connect-litellm.md says."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ingest.outcome import Accepted
from tests.enforcement.adapters.litellm_server import CONTRACT
from tests.ingest.events import ORIGIN, pipeline
from tests.ingest.receiver.serving import TOKEN, MemorySink, running, settings
from vigil.clock import SystemClock
from vigil.event import InferenceEvent, Message, Status
from vigil.local.process import free_port

pytestmark = pytest.mark.timeout(600)
"""The first time the emitters are installed, and on a busy machine a proxy takes minutes to come up."""

PAGE = Path(__file__).parent.parent.parent / "docs" / "connect-litellm.md"
UP_TIMEOUT_S = 240
POSTED_TIMEOUT_S = 60

MODELS = [
    ("gpt-4o-mini", "openai/gpt-4o-mini", "High water is at noon."),
    ("refuser", "openai/gpt-4o-mini", "I'm sorry, but I can't help with that."),
    ("limited", "openai/gpt-4o-mini", "litellm.RateLimitError"),
    ("unpriced", "openai/a-model-without-a-price", "Low water is at six."),
]


def configuration(url: str) -> dict[str, Any]:
    """The page's block, with models that answer by themselves and the test's receiver."""
    block = re.search(r"```yaml\n(litellm_settings:.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    config: dict[str, Any] = yaml.safe_load(block[1])
    callback = config["callback_settings"]["vigil"]
    assert callback["endpoint"].endswith("/v1/litellm")
    callback["endpoint"] = f"{url}/v1/litellm"
    config["litellm_settings"] |= {"cache": True, "cache_params": {"type": "local"}, "num_retries": 0}
    config["model_list"] = [
        {"model_name": name, "litellm_params": {"model": model, "api_key": "none", "mock_response": answer}}
        for name, model, answer in MODELS
    ]
    return config


@dataclass(frozen=True)
class Seen:
    """What a proxy did: the events of six calls through it, and its own description of its management API."""

    posted: list[InferenceEvent]
    openapi: dict[str, Any]


@pytest.fixture(scope="module")
def seen(emitters: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One run of a real proxy."""
    folder = tmp_path_factory.mktemp("litellm")
    sink = MemorySink()
    with running(sink, settings()) as receiver:
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(configuration(str(receiver.base_url).rstrip("/"))))
        port, key = free_port(), f"sk-{secrets.token_hex(24)}"
        environment = {
            **os.environ, "VIGIL_AUTHORIZATION": f"Bearer {TOKEN}", "LITELLM_MASTER_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DEFAULT_FLUSH_INTERVAL_SECONDS": "1",
        }  # fmt: skip
        environment.pop("DATABASE_URL", None)
        command = [str(emitters.parent / "litellm"), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        with (folder / "proxy.log").open("wb") as log:
            proxy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
                _until(lambda: _is_up(client, proxy), UP_TIMEOUT_S, folder / "proxy.log")
                openapi = client.get("/openapi.json").raise_for_status().json()
                _call(client)
            _until(lambda: len(sink.values) >= 6, POSTED_TIMEOUT_S, folder / "proxy.log")
        finally:
            proxy.terminate()
            proxy.wait(30)
    made = pipeline(now=SystemClock().now())
    outcomes = [made.accept(value, ORIGIN, "received") for value in sink.values]
    events = [one.event for (one,) in outcomes if isinstance(one, Accepted)]
    return Seen(sorted(events, key=lambda event: event.event_time), openapi)


def test_a_real_proxy_has_every_path_and_field_that_the_adapter_uses(seen: Seen) -> None:
    for (method, path), names in CONTRACT.items():
        operation = seen.openapi["paths"][path][method.lower()]
        known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            known |= set(seen.openapi["components"]["schemas"][reference.rpartition("/")[2]]["properties"])
        assert names <= known, (method, path, names - known)


def test_a_real_proxy_posts_what_the_dialect_reads(seen: Seen) -> None:
    posted = seen.posted
    assert len(posted) == 6, "nothing is refused, and nothing comes twice"
    first, cached, refusal, limited, unpriced, stream = posted
    assert {event.tenant_id for event in posted} == {"acme"}
    assert first.input == (Message("system", "Be brief."), Message("user", "What is the tide table today?"))
    assert (first.output, first.end_user_id, first.temperature) == ("High water is at noon.", "user-7", 0.3)
    assert first.cost_usd is not None
    assert first.cost_usd > 0
    assert (first.status, first.operation, first.provider) == (Status.OK, "chat", "openai")
    assert (first.client_address_hash is not None, first.agent_family) == (True, "python-httpx")
    assert (cached.response_id, cached.cost_usd) == (first.response_id, 0)
    assert cached.event_id != first.event_id
    assert refusal.refused is True
    assert (limited.status, limited.input_tokens) == (Status.RATE_LIMITED, None)
    assert (unpriced.cost_usd, unpriced.refused) == (None, False)
    assert unpriced.input_tokens is not None
    assert stream.ttft_ms is not None


def _call(client: httpx.Client) -> None:
    question = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the tide table today?"},
    ]
    for model, messages in (
        ("gpt-4o-mini", question),
        ("gpt-4o-mini", question),
        ("refuser", [{"role": "user", "content": "Do something bad"}]),
        ("limited", [{"role": "user", "content": "Too many"}]),
        ("unpriced", [{"role": "user", "content": "And low water?"}]),
    ):
        client.post(
            "/v1/chat/completions", json={"model": model, "messages": messages, "user": "user-7", "temperature": 0.3}
        )
    stream = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "Stream it"}]}
    client.post("/v1/chat/completions", json=stream)


def _is_up(client: httpx.Client, proxy: subprocess.Popen[bytes]) -> bool:
    assert proxy.poll() is None, "the proxy has ended"
    try:
        return client.get("/health/liveliness").status_code == 200
    except httpx.TransportError:
        return False


def _until(condition: Any, deadline_s: float, log: Path) -> None:
    pause = threading.Event()
    for _ in range(int(deadline_s / 0.1)):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError(f"not within {deadline_s:.0f} s: {log.read_text(errors='replace')[-1_500:]}")
