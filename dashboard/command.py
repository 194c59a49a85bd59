"""`vigil dashboard`: Streamlit without its command line, bound to this machine, silent towards the world."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from vigil.errors import ConfigError
from vigil.local.addresses import WILDCARDS, console_url, reachable_host
from vigil.local.process import free_port, port_is_open, require_free_port
from vigil.options import common
from vigil.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_APP = Path(__file__).parent / "app.py"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 = any free one. Default: dashboard.port.")
@common
def dashboard(port: int | None, *, settings: Settings, as_json: bool) -> None:
    """The analysts' console: serve it until Ctrl-C or SIGTERM.

    It reads and writes the record and reads ClickHouse; it keeps nothing itself, so any number of copies may run.
    """
    config = click.get_current_context().params.get("config")
    if config is not None:
        # The pages run in this process and load the same settings.
        os.environ["VIGIL_CONFIG"] = str(Path(config).absolute())
    chosen = settings.dashboard.port if port is None else port
    if chosen == 0:
        chosen = free_port()
    else:
        require_free_port(chosen, "the dashboard")
    serve(settings, chosen, as_json=as_json)


def serve(settings: Settings, port: int, *, as_json: bool = False) -> None:
    """Run the server in this process until a signal ends it."""
    from streamlit import config
    from streamlit.web import bootstrap

    address = settings.dashboard.address
    # Found beside the script: the theme (dashboard/.streamlit/config.toml).
    config._main_script_path = str(_APP)
    options = server_options(address, port, settings.enforcement.console_url)
    bootstrap.load_config_options(options)
    stay_silent()
    stay_out_of_frames()
    threading.Thread(target=_announce, args=(address, port, as_json), daemon=True).start()
    bootstrap.run(str(_APP), False, [], options)


def stay_silent() -> None:
    """Keep Streamlit from asking a server on the internet for this machine's address.

    It does so to compare it with the origin of a web page that connects, when it knows no better.
    """
    from streamlit import net_util

    net_util.get_external_ip = _unknown


def _unknown() -> None:
    return None


def stay_out_of_frames() -> None:
    """Let no foreign page show the console inside itself, invisible, and have an analyst click on what is beneath.

    Streamlit sends no such header and has no setting for one.
    """
    from starlette.middleware import Middleware
    from streamlit.web.server.starlette import starlette_app

    usual = starlette_app.create_streamlit_middleware
    starlette_app.create_streamlit_middleware = lambda: [Middleware(OwnFramesOnly), *usual()]


class OwnFramesOnly:
    """ASGI middleware: only pages of this very origin may frame what is sent."""

    _HEADERS = ((b"content-security-policy", b"frame-ancestors 'self'"), (b"x-frame-options", b"SAMEORIGIN"))

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._HEADERS]}
            await send(message)

        await self._app(scope, receive, with_headers)


def server_options(address: str, port: int, public_url: str | None) -> dict[str, object]:
    """Streamlit's options: headless, no usage statistics, no file watching, no hosts but the expected ones.

    Raises ConfigError when it would listen everywhere without knowing under which name people reach it.
    """
    options: dict[str, object] = {
        "server_address": address,
        "server_port": port,
        "server_headless": True,
        "server_showEmailPrompt": False,
        "server_fileWatcherType": "none",
        "server_runOnSave": False,
        "server_maxUploadSize": 1,
        "browser_gatherUsageStats": False,
        "logger_hideWelcomeMessage": True,
        "logger_level": "warning",
        "global_developmentMode": False,
    }
    host = urlsplit(public_url).hostname if public_url else None
    if host is not None:
        # Pages come from there: the origin that the browser names.
        options["browser_serverAddress"] = host
    if host is None and address in WILDCARDS:
        raise ConfigError(
            f"dashboard.address {address!r} listens on every address of this machine: set VIGIL_ENFORCEMENT__CONSOLE_URL to"
            " the address that people type, so that pages under other names can be refused"
        )
    # A web page somewhere may point a name of its own at this server (DNS rebinding), and would then count as one of the
    # console's own pages: only these names are answered.
    names = (*_LOOPBACK, *(name for name in (address, host) if name and name not in WILDCARDS))
    options["server_allowedHosts"] = list(dict.fromkeys(names))
    return options


def _announce(address: str, port: int, as_json: bool) -> None:
    host = reachable_host(address)
    while not port_is_open(port, host):
        time.sleep(0.05)
    url = console_url(address, port)
    if as_json:
        from vigil.options import print_json

        print_json({"url": url})
    else:
        click.echo(f"The console is at {url} (Ctrl-C ends it)")
