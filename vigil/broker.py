"""How every process of vigil reaches Kafka: addresses, credentials and topics, read from the settings once, here."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError

from vigil.errors import BrokerUnavailable, ConfigError
from vigil.settings import Settings


@dataclass(frozen=True)
class Topic:
    """A topic to consume and the dialect of its records."""

    name: str
    dialect: str = "canonical"


def topics(settings: Settings) -> tuple[Topic, ...]:
    """The topics of `kafka.topics`, in order, and the receiver's where it has tokens.

    Raises ConfigError when none or one twice is named.

    >>> from vigil.settings import KafkaSettings
    >>> topics(Settings(kafka=KafkaSettings(topics="vigil.events, otlp_spans:otlp")))
    (Topic(name='vigil.events', dialect='canonical'), Topic(name='otlp_spans', dialect='otlp'))
    """
    found: dict[str, Topic] = {}
    for part in filter(None, (part.strip() for part in settings.kafka.topics.split(","))):
        name, _, dialect = (piece.strip() for piece in part.partition(":"))
        if not name or name in found:
            raise ConfigError(
                f"kafka.topics: {part!r} names {'a topic twice' if name else 'no topic'}; write `topic` or `topic:dialect`"
            )
        found[name] = Topic(name, dialect or "canonical")
    if not found:
        raise ConfigError("kafka.topics names no topic; the default is `vigil.events`")
    if settings.receive.configured:
        found.setdefault(settings.receive.topic, Topic(settings.receive.topic, "received"))
    return tuple(found.values())


def bootstrap_servers(settings: Settings) -> str:
    """The configured brokers, else the embedded one of the workspace. Raises WorkspaceError when none runs."""
    if settings.kafka.bootstrap_servers is not None:
        return settings.kafka.bootstrap_servers
    from vigil.local.addresses import read_addresses

    return read_addresses(settings.workspace).bootstrap_servers


def client_options(settings: Settings, servers: str) -> dict[str, Any]:
    """Options that every kafka-python client takes: addresses and credentials. Keep them out of logs."""
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in servers.split(",")],
        "security_protocol": kafka.security_protocol,
    }
    if kafka.sasl_mechanism is not None:
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    if kafka.ssl_cafile is not None:
        options["ssl_cafile"] = str(kafka.ssl_cafile)
    return options


def require_reachable(servers: str, *, timeout_s: float = 3.0) -> None:
    """Raises BrokerUnavailable unless one of the `host:port` accepts a connection.

    Ask this before making a client: kafka-python retries for its whole time-out and leaks the sockets it tried.
    """
    reasons = []
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
        except (OSError, ValueError) as error:
            reasons.append(f"{server.strip()}: {error}")
        else:
            return
    raise BrokerUnavailable(
        f"Kafka does not answer ({'; '.join(reasons)}); is it running, and is kafka.bootstrap_servers right?"
    )


@contextmanager
def broker_errors(servers: str) -> Iterator[None]:
    """Turns what kafka-python raises inside into BrokerUnavailable with the address."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(
            f"Kafka at {servers} cannot be used ({type(error).__name__}: {error}); is it running,"
            " and do kafka.bootstrap_servers and the credentials fit?"
        ) from error
