"""`vigil receive`."""

from __future__ import annotations

import logging

import click

from vigil.options import common
from vigil.settings import Settings


@click.command()
@common
def receive(settings: Settings, as_json: bool) -> None:
    """Receive telemetry over HTTP and write it to Kafka: OTLP, LiteLLM generic_api, canonical JSON.

    /v1/traces, /v1/logs, /v1/litellm, /v1/events; /livez, /readyz, /metrics. Tokens decide whose events they are.
    """
    from ingest.receiver.app import Receiver
    from ingest.receiver.server import listen, make_server
    from ingest.receiver.sink import KafkaSink
    from ingest.receiver.tokens import load_tokens
    from vigil.broker import bootstrap_servers
    from vigil.log import get_logger

    # The library reports every refused connection as an error of its own; what matters of it is said by us.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    tokens = load_tokens(settings.receive)
    sink = KafkaSink(settings, bootstrap_servers(settings))
    server = make_server(settings.receive, Receiver(settings, tokens, sink))
    with listen(settings.receive) as socket:
        host, port = socket.getsockname()[:2]
        get_logger("receive").info("receiving", address=f"{host}:{port}", topic=settings.receive.topic)
        try:
            server.run(sockets=[socket])
        finally:
            sink.close()
