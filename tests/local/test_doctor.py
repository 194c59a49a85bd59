"""The doctor finds what is wrong on a machine and says how to mend it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from vigil.local.doctor import look
from vigil.local.finding import Finding
from vigil.settings import Settings


def by_name(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in look(settings)}


def test_this_machine_can_run_the_service_and_looking_leaves_nothing(tmp_path: Path) -> None:
    found = by_name(Settings(workspace=tmp_path / "w"))
    for name in ("Python", "platform", "ClickHouse server", "Kafka broker", "crc32c", "codecs", "workspace", "disk"):
        assert found[name].ok, found[name]
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_workspace_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("")
    found = by_name(Settings(workspace=tmp_path / "w"))
    assert not found["workspace"].ok
    assert "VIGIL_WORKSPACE" in found["workspace"].detail
    assert (tmp_path / "w").exists()


def test_a_taken_port_is_wrong_and_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        settings = Settings.model_validate({"workspace": tmp_path, "ingest": {"metrics_port": port}})
        wrong = [finding for finding in look(settings) if finding.name == "ports" and not finding.ok]
    assert [f"port {port} for the metrics of ingest cannot be used" in finding.detail for finding in wrong] == [True]


def test_a_low_limit_of_open_files_is_wrong_and_the_mend_is_named(tmp_path: Path) -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))\n"
        "from vigil.local.doctor import look; from vigil.settings import Settings\n"
        "print(*(finding for finding in look(Settings()) if finding.name == 'open files'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "ok=False, detail='at most 1,000 a process', mend='raise the hard limit to 4096" in done.stdout


def test_configured_servers_need_no_embedded_ones(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "workspace": tmp_path,
            "clickhouse": {"url": "clickhouse://a:b@c:9000/d"},
            "kafka": {"bootstrap_servers": "e:9092"},
        }
    )
    found = by_name(settings)
    assert found["ClickHouse server"].detail == found["Kafka broker"].detail == "a configured one is used"
