"""Who called: the five levels of principals, and what is known of the client, from attributes.

| field | attributes, first present wins |
|---|---|
| `org_id` | `org_id`, `org.id`, `organization.id` |
| `account_id` | `account_id`, `account.id`, `customer.id`; else the end user; else the resource's `service.name` |
| `api_key_hash` | `api_key_hash`, `api_key.hash` (a key itself is never read) |
| `end_user_id` | `end_user_id`, `user.id`, `enduser.id`, `enduser.pseudo.id`, `gen_ai.user`, `llm.user` |
| `session_id` | `session_id`, `session.id`, `gen_ai.conversation.id` |
| `client_ip` | `client.address`, `client_ip` |
| `user_agent` | `user_agent.original`, `http.user_agent` |
| `environment` | `environment`, `deployment.environment.name`, `deployment.environment` |

They are looked for on the item, then among `traceloop.association.properties.*`, then in OpenInference's `metadata`
(JSON), then on the resource. OpenTelemetry has no attribute for an account: without one, whoever is served is the
account, and without a user the service that called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.dialects.chat import decoded
from ingest.dialects.conventions.table import Row, fill, text

ROWS = (
    Row("org_id", ("org_id", "org.id", "organization.id"), text),
    Row("account_id", ("account_id", "account.id", "customer.id"), text),
    Row("api_key_hash", ("api_key_hash", "api_key.hash"), text),
    Row(
        "end_user_id",
        ("end_user_id", "user.id", "enduser.id", "enduser.pseudo.id", "gen_ai.user", "llm.user"),
        text,
    ),
    Row("session_id", ("session_id", "session.id", "gen_ai.conversation.id"), text),
    Row("client_ip", ("client.address", "client_ip"), text),
    Row("user_agent", ("user_agent.original", "http.user_agent"), text),
    Row("environment", ("environment", "deployment.environment.name", "deployment.environment"), text),
)

PROPERTIES = "traceloop.association.properties."
METADATA = "metadata"
SERVICE = "service.name"

_PROPERTY_NAMES = {
    "user_id": "end_user_id",
    "userId": "end_user_id",
    "sessionId": "session_id",
    "chat_id": "session_id",
}


def read(fields: dict[str, Any], attributes: Mapping[str, Any], resource: Mapping[str, Any], used: set[str]) -> None:
    """Fill principals, client and source from an item's attributes and its resource's."""
    fill(fields, ROWS, attributes, used)
    _properties(fields, attributes, used)
    metadata = decoded(attributes.get(METADATA))
    if isinstance(metadata, Mapping):
        fill(fields, ROWS, _renamed(metadata), set())
    fill(fields, ROWS, resource, set())
    service = text(resource.get(SERVICE))
    if service is not None:
        fields.setdefault("source", service)
    account = fields.get("end_user_id") or service
    if account is not None:
        fields.setdefault("account_id", account)


def _properties(fields: dict[str, Any], attributes: Mapping[str, Any], used: set[str]) -> None:
    properties = {key[len(PROPERTIES) :]: key for key in attributes if key.startswith(PROPERTIES)}
    if not properties:
        return
    named = {_PROPERTY_NAMES.get(name, name): (attributes[key], key) for name, key in properties.items()}
    taken: set[str] = set()
    fill(fields, ROWS, {name: value for name, (value, _) in named.items()}, taken)
    used.update(named[name][1] for name in taken)


def _renamed(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {_PROPERTY_NAMES.get(key, key): value for key, value in metadata.items()}
