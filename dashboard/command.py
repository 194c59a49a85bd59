"""`vigil dashboard`: Streamlit without its command line, bound to this machine, silent towards the world."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import click

from vigil.errors import WorkspaceError
from vigil.local.process import free_port, port_is_open, require_free_port
from vigil.options import common
from vigil.settings import Settings

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
    url = f"http://{'127.0.0.1' if address in ('', '0.0.0.0') else address}:{port}"  # noqa: S104  # shown, not bound
    threading.Thread(target=_announce, args=(url, port, as_json), daemon=True).start()
    bootstrap.run(str(_APP), False, [], options)


def stay_silent() -> None:
    """Keep Streamlit from asking a server on the internet for this machine's address.

    It does so to compare it with the origin of a web page that connects, when it knows no better.
    """
    from streamlit import net_util

    net_util.get_external_ip = _unknown


def _unknown() -> None:
    return None


def server_options(address: str, port: int, console_url: str | None) -> dict[str, object]:
    """Streamlit's options: headless, no usage statistics, no file watching, no hosts but the expected ones."""
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
    host = urlsplit(console_url).hostname if console_url else None
    if host is not None:
        # Pages come from there: the origin that the browser names.
        options["browser_serverAddress"] = host
    if address in _LOOPBACK:
        # A web page somewhere may point its own name at 127.0.0.1 (DNS rebinding): only these names are answered.
        options["server_allowedHosts"] = [*_LOOPBACK, *([host] if host else [])]
    return options


def _announce(url: str, port: int, as_json: bool) -> None:
    deadline = time.monotonic() + 60
    while not port_is_open(port):
        if time.monotonic() > deadline:
            raise WorkspaceError(f"the dashboard did not open port {port} within 60 s")
        time.sleep(0.05)
    if as_json:
        from vigil.options import print_json

        print_json({"url": url})
    else:
        click.echo(f"The console is at {url} (Ctrl-C ends it)")
