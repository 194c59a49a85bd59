"""JSON Schema of a policy file, for editors: completion, and mistakes underlined while writing.

The loader says more than a schema can (it checks conditions against the facts); what the schema refuses, it refuses.
"""

from __future__ import annotations

from typing import Any

from enforcement.policies.policy import SEVERITY_ORDER, Approval, Budget, Mode
from enforcement.policies.reader import (
    DEFAULT_WIDEN_AFTER,
    NEEDS_ONE_OF,
    PARAMETERS,
    PRINCIPALS,
)
from enforcement.policies.yaml_lines import Value
from vigil.effect import EffectKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,99}$"}
_SPAN = {"type": "string", "pattern": "^[1-9]\\d{0,6}[smhd]$", "examples": ["90s", "30m", "24h", "7d"]}
_PERCENT = {"type": "string", "pattern": "^\\d{1,3}(\\.\\d{1,6})?\\s*%$", "examples": ["0.5%"]}
_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 1}
_CONDITION = {"type": "string", "maxLength": 4096, "description": "CEL over typed facts, checked when it is loaded"}
_RESTRICTING = [effect.value for effect in SEVERITY_ORDER if effect.restricts]


def policy_schema() -> dict[str, Any]:
    """The schema of one policy file."""
    principals = [kind.value for kind in PRINCIPALS]
    return {
        "$schema": DIALECT,
        "title": "vigil policy",
        **_object(
            {
                "policy": {**_NAME, "description": "its name"},
                "owner": {**_TEXT, "description": "who answers for it"},
                "mode": {
                    "description": "shadow records, live acts, manual asks a person, canary acts on a share",
                    "oneOf": [
                        {"enum": [mode.value for mode in Mode if mode is not Mode.CANARY]},
                        _object({"canary": _object({"percent": {**_COUNT, "maximum": 100}}, ["percent"])}, ["canary"]),
                    ],
                    "default": Mode.SHADOW.value,
                },
                "tenants": {"type": "array", "items": _TEXT, "minItems": 1, "description": "default: all"},
                "when": {**_CONDITION, "examples": ['incident.kind == "jailbreak" && incident.severity >= MEDIUM']},
                "targets": _object(
                    {
                        "members": {**_CONDITION, "examples": ["member.score >= 0.9"]},
                        "principal": {
                            "description": "whom it acts on; several: narrowest first",
                            "oneOf": [
                                {"enum": principals},
                                {"type": "array", "items": {"enum": principals}, "minItems": 1, "uniqueItems": True},
                            ],
                        },
                        "widen_after": {**_COUNT, "maximum": 100, "default": DEFAULT_WIDEN_AFTER},
                    }
                ),
                "ladder": {
                    "type": "array",
                    "items": _rung(),
                    "minItems": 1,
                    "description": "what to do, mildest first; repeat offenders climb",
                },
                "decay": {**_SPAN, "description": "how long a strike counts", "default": "90d"},
                "grace": {**_SPAN, "description": "how far traffic goes on before it is new evidence", "default": "6h"},
                "page": {**_NAME, "description": "whom to wake when it matches"},
                "budget": _object(
                    {
                        "per_hour": _COUNT,
                        "share_of_active_accounts": _PERCENT,
                        "at_least": {**_COUNT, "default": Budget.at_least},
                    }
                ),
                "approval": _object(
                    {
                        "from": {"enum": [*_RESTRICTING, "never"]},
                        "by": {**_COUNT, "maximum": 5},
                        "bulk": {**_COUNT, "default": Approval.bulk},
                        "because": _TEXT,
                    },
                    ["from"],
                ),
                "agreement": _object(
                    {"from": {"enum": _RESTRICTING}, "families": {**_COUNT, "maximum": 3}, "because": _TEXT}
                ),
                "delay": {
                    **_object(
                        {
                            "after": _SPAN,
                            "at": {"type": "string", "pattern": "^([01]\\d|2[0-3]):[0-5]\\d$"},
                            "within": _SPAN,
                        }
                    ),
                    "minProperties": 1,
                },
                "except": {
                    "type": "array",
                    "items": {
                        **_object({**dict.fromkeys(principals, _TEXT), "until": _TEXT, "reason": _TEXT}, ["reason"]),
                        "oneOf": [{"required": [name]} for name in principals],
                    },
                },
                "notice": {**_NAME, "description": "the owner's statement of reasons; never names a detector"},
            },
            ["policy", "owner", "when"],
        ),
        "anyOf": [{"required": ["ladder"]}, {"required": ["page"]}],
    }


def _rung() -> dict[str, Any]:
    bare = [effect.value for effect in SEVERITY_ORDER if not effect.restricts or effect is EffectKind.BAN]
    return {"oneOf": [{"enum": bare}, *(_effect(effect) for effect in SEVERITY_ORDER)]}


def _effect(effect: EffectKind) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        name: _COUNT if reader is Value.whole else _TEXT for name, reader in PARAMETERS[effect].items()
    }
    fields = {**parameters, **({"for": _SPAN, "until_lifted": _TEXT} if effect.restricts else {})}
    inner = _object(fields)
    needed: list[dict[str, Any]] = []
    if effect in NEEDS_ONE_OF:
        needed.append({"anyOf": [{"required": [name]} for name in NEEDS_ONE_OF[effect]]})
    if effect.restricts and effect is not EffectKind.BAN:
        needed.append({"oneOf": [{"required": ["for"]}, {"required": ["until_lifted"]}]})
    return _object({effect.value: {**inner, **({"allOf": needed} if needed else {})}}, [effect.value])


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, **({"required": required} if required else {})}
