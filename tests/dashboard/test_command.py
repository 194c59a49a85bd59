"""`vigil dashboard`: where it listens, what it refuses, and how it ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from dashboard.command import server_options, stay_silent
from tests.browser.conftest import running_console
from tests.dashboard.conftest import Told
from vigil.cli import main
from vigil.errors import ConfigError
from vigil.local.addresses import WILDCARDS


def test_a_port_that_is_taken_is_said_and_the_status_is_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_WORKSPACE", str(tmp_path))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = CliRunner().invoke(main, ["dashboard", "--port", str(port)])
    assert result.exit_code == 3
    assert f"port {port} for the dashboard cannot be used" in result.output


def test_a_wrong_configuration_is_said_and_the_status_is_2(tmp_path: Path) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text("[dashboard]\ncolour = 'red'\n")
    result = CliRunner().invoke(main, ["dashboard", "--config", str(config)])
    assert result.exit_code == 2
    assert "dashboard.colour" in result.output


def test_nothing_is_sent_to_streamlits_makers_and_only_expected_hosts_are_answered() -> None:
    options = server_options("127.0.0.1", 8501, "https://console.example.com/vigil")
    assert options["browser_gatherUsageStats"] is False
    assert options["server_headless"] is True
    assert options["browser_serverAddress"] == "console.example.com"
    assert options["server_allowedHosts"] == ["127.0.0.1", "localhost", "::1", "console.example.com"]


def test_no_name_but_the_expected_ones_is_answered_wherever_it_listens() -> None:
    # Else a web page whose name was made to point here would count as one of the console's own.
    assert server_options("10.0.0.7", 8501, None)["server_allowedHosts"] == [
        "127.0.0.1",
        "localhost",
        "::1",
        "10.0.0.7",
    ]
    everywhere = server_options(WILDCARDS[1], 8501, "https://console.example.com")
    assert everywhere["server_allowedHosts"] == ["127.0.0.1", "localhost", "::1", "console.example.com"]
    with pytest.raises(ConfigError, match="VIGIL_ENFORCEMENT__CONSOLE_URL"):
        server_options(WILDCARDS[1], 8501, None)


def test_the_origin_of_a_page_is_checked_without_asking_the_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit import config, net_util
    from streamlit.web.server import server_util

    asked: list[str] = []
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)  # put back afterwards
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, timeout=0: asked.append(url))
    monkeypatch.setattr(net_util, "get_internal_ip", lambda: "10.0.0.7")
    stay_silent()
    monkeypatch.setattr(config, "_config_options", None)
    config.get_config_options(force_reparse=True, options_from_flags={"browser.serverAddress": "console.example.com"})
    assert not server_util.is_url_from_allowed_origins("https://evil.example")
    assert server_util.is_url_from_allowed_origins("https://console.example.com")
    assert server_util.is_url_from_allowed_origins("http://127.0.0.1:8501")
    assert asked == []


@pytest.mark.slow
def test_it_serves_this_machine_only_and_ends_on_sigterm(told: Told, tmp_path: Path) -> None:
    with running_console(told, tmp_path / "workspace") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(url + "/_stcore/health").text == "ok"
        front = httpx.get(url + "/").headers
        # An invisible frame in a foreign page would make its visitor click on `Lift`.
        assert front["content-security-policy"] == "frame-ancestors 'self'"
        assert front["x-frame-options"] == "SAMEORIGIN"
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        # A name that somebody else made to point here (DNS rebinding).
        assert httpx.get(url + "/_stcore/stream", headers={**upgrade, "Host": "evil.example"}).status_code == 403
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
