"""The receiver as a server: a bound socket, limits of connections, and an end that answers what is under way."""

from __future__ import annotations

import socket

import uvicorn

from ingest.receiver.app import Receiver
from vigil.errors import ConfigError
from vigil.settings import ReceiveSettings

SHUTDOWN_BUDGET_S = 20
"""From the request to stop to the end."""

KEEP_ALIVE_S = 65
"""Longer than common load balancers, so that they close first and no request meets a closing connection."""

BACKLOG = 2_048


class Server(uvicorn.Server):
    """Tells the receiver first that it stops, so that `/readyz` says so while requests are finished."""

    def __init__(self, config: uvicorn.Config, receiver: Receiver) -> None:
        super().__init__(config)
        self._receiver = receiver

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._receiver.stop()
        await super().shutdown(sockets)


def listen(settings: ReceiveSettings) -> socket.socket:
    """A bound socket. Raises ConfigError when the address or port cannot be had."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    try:
        return socket.create_server((settings.address, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.address}:{settings.port}: {error.strerror};"
            " choose another VIGIL_RECEIVE__PORT or VIGIL_RECEIVE__ADDRESS"
        ) from error


def make_server(settings: ReceiveSettings, receiver: Receiver) -> Server:
    """Run it with `server.run(sockets=[listen(settings)])`. Raises ConfigError for half a TLS configuration."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise ConfigError("receive.tls_certificate and receive.tls_key belong together: set both or none")
    config = uvicorn.Config(
        receiver.application(),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_BUDGET_S,
        ssl_certfile=None if settings.tls_certificate is None else str(settings.tls_certificate),
        ssl_keyfile=None if settings.tls_key is None else str(settings.tls_key),
    )
    return Server(config, receiver)
