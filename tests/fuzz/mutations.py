"""Mutations of payloads: of bytes, of the structure of JSON, of the fields of protobuf. The same seed, the same inputs."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

MAX_BYTES = 64 * 1024
"""Longer inputs are cut: they would only be more of the same. What is large has its own tests."""

TEXTS = (
    "", " ", "\x00", "\ud7ff", "\U0010ffff", "a" * 1_025, "a" * 257, "é" * 300, "[", "{", "[[[[", '{"a":' * 70, "null", "-",
    "NaN", "1e999", "-0", "9" * 40, "١٢٣", "½", "true", "vigil.cut", "gen_ai.", "2026-11-01T11:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+14:00", "2026-11-01", "127.0.0.1", "::ffff:1.2.3.4", "999.1.1.1", "[::1]:80", "redacted-by-litellm",
    "chatcmpl-1_cache_hit1.5", '[{"role":"user","content":"x"}]', '{"messages":[{"role":"tool","content":null}]}',
    "4111 1111 1111 1111", "a@b.co", "-----BEGIN PRIVATE KEY-----", "+44 20 7946 0958", "I'm sorry, but I can't help.",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**18, 1793530800, 1793530800000,
    1793530800 * 10**9, 0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, 1.5e18,
)  # fmt: skip
TOKENS = (b"[", b"]", b"{", b"}", b'"', b"\\", b"\\u0000", b"\\ud800", b":", b",", b"\x00", b"\xff", b"\n", b"0", b"e9", b"\x0a", b"\x80\x80")  # fmt: skip


def mutated(seed: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """A payload near `seed`, or a splice with another."""
    draw = chance.random()
    if draw < 0.35 and seed[:1] in (b"{", b"["):
        made = _json(seed, chance)
    elif draw < 0.55 and seed[:1] == b"\x0a":
        made = _protobuf(seed, chance)
    elif draw < 0.65:
        other = chance.choice(others)
        made = seed[: chance.randrange(len(seed) + 1)] + other[chance.randrange(len(other) + 1) :]
    else:
        made = seed
    # Sometimes the structure alone, else a few bytes as well.
    for _ in range(0 if made is not seed and chance.random() < 0.7 else chance.randint(1, 4)):
        made = _bytes(made, chance)
    return made[:MAX_BYTES]


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    kind = chance.randrange(6)
    if kind == 0:
        return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
    if kind == 1:
        return raw[:at] + chance.choice(TOKENS) * chance.choice((1, 1, 2, 80)) + raw[at:]
    if kind == 2:
        return raw[:at] + raw[at + chance.choice((1, 1, 4, 40, 400)) :]
    if kind == 3:
        return raw[:at]
    if kind == 4:
        end = min(len(raw), at + chance.choice((1, 8, 64, 512)))
        return raw[:end] + raw[at:end] * chance.choice((1, 2, 20)) + raw[end:]
    return raw[:at] + chance.randbytes(chance.choice((1, 2, 8, 32))) + raw[at:]


def _json(raw: bytes, chance: random.Random) -> bytes:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    for _ in range(chance.randint(1, 3)):
        value = _changed(value, chance, depth=0)
    # Lone surrogates and infinities are written as Python writes them: not every sender is careful.
    return json.dumps(value, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")


def _changed(value: Any, chance: random.Random, depth: int) -> Any:
    """`value` with one thing changed, somewhere inside."""
    if isinstance(value, dict) and value and (depth == 0 or chance.random() < 0.85):
        key = chance.choice(list(value))
        kind = chance.random()
        if kind < 0.1:
            return {name: inner for name, inner in value.items() if name != key}
        if kind < 0.15:
            return {**value, chance.choice(TEXTS): _any(chance)}
        return {**value, key: _changed(value[key], chance, depth + 1)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        kind = chance.random()
        if kind < 0.1:
            return value[:at] + value[at + 1 :]
        if kind < 0.2:
            return value * chance.choice((2, 30))
        return [*value[:at], _changed(value[at], chance, depth + 1), *value[at + 1 :]]
    return _any(chance)


def _any(chance: random.Random) -> Any:
    kind = chance.randrange(7)
    if kind == 0:
        return chance.choice(NUMBERS)
    if kind in (1, 2):
        return chance.choice(TEXTS)
    if kind == 3:
        return chance.choice((None, True, False))
    if kind == 4:
        return [_any(chance) for _ in range(chance.randrange(3))]
    if kind == 5:
        return {
            chance.choice(
                ("role", "content", "type", "text", "parts", "name", "message", "choices", "values", "x")
            ): _any(chance)
        }
    nested: Any = 1
    for _ in range(chance.choice((2, 60, 70, 300))):
        nested = [nested]
    return nested


def _protobuf(raw: bytes, chance: random.Random) -> bytes:
    """The same request with attributes changed, moved to other types, doubled or taken away."""
    kind: Any = chance.choice((TracesData, LogsData))
    try:
        data = kind.FromString(raw)
    except DecodeError:
        return raw
    holders = list(data.resource_spans if kind is TracesData else data.resource_logs)
    attributes: list[Any] = []
    for holder in holders:
        attributes.append(holder.resource.attributes)
        for scope in holder.scope_spans if kind is TracesData else holder.scope_logs:
            for item in scope.spans if kind is TracesData else scope.log_records:
                attributes.append(item.attributes)
                if kind is TracesData:
                    attributes += [event.attributes for event in item.events]
                    if chance.random() < 0.2:
                        item.start_time_unix_nano = chance.choice((0, 1, 2**63, 2**64 - 1))
                elif chance.random() < 0.2:
                    _set(item.body, chance)
    for pairs in attributes:
        if pairs and chance.random() < 0.6:
            _set(pairs[chance.randrange(len(pairs))].value, chance)
        if chance.random() < 0.2:
            added = pairs.add(
                key=chance.choice(
                    (
                        "gen_ai.prompt.0.content",
                        "llm.input_messages.0.message.role",
                        "user.id",
                        "vigil.x",
                        "metadata",
                        "x",
                    )
                )
            )
            _set(added.value, chance)
        if pairs and chance.random() < 0.1:
            del pairs[chance.randrange(len(pairs))]
    serialised: bytes = data.SerializeToString()
    return serialised


def _set(value: Any, chance: random.Random) -> None:
    kind = chance.randrange(7)
    if kind == 0:
        value.int_value = chance.choice((0, -1, 2**31, 2**40, 2**63 - 1, -(2**63)))
    elif kind == 1:
        value.double_value = chance.choice((0.5, float("nan"), float("inf"), -1.0, 1e300))
    elif kind == 2:
        value.bool_value = True
    elif kind == 3:
        value.bytes_value = b"\xff\x00"
    elif kind == 4:
        value.array_value.values.add().string_value = chance.choice(TEXTS)
    elif kind == 5:
        value.kvlist_value.values.add(
            key=chance.choice(("role", "content", "parts", "x"))
        ).value.string_value = chance.choice(TEXTS)
    else:
        value.string_value = chance.choice(TEXTS)
