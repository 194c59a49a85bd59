"""The doctor finds what is wrong on a machine and says how to mend it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vigil.local.doctor import look
from vigil.local.finding import Finding
from vigil.local.workspace import Workspace
from vigil.settings import Settings


def by_name(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in look(settings)}


def test_this_machine_can_run_the_service_and_looking_leaves_nothing(tmp_path: Path) -> None:
    found = by_name(Settings(workspace=tmp_path / "w"))
    for name in ("Python", "platform", "ClickHouse server", "Kafka broker", "crc32c", "codecs", "workspace", "disk"):
        assert found[name].ok, found[name]
    assert list(tmp_path.iterdir()) == []


def test_looking_while_a_service_starts_takes_nothing_away_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Workspace.prepare

    def prepare_and_start(workspace: Workspace) -> None:
        prepare(workspace)
        (workspace.folder / "record.sqlite").write_text("started meanwhile")

    monkeypatch.setattr(Workspace, "prepare", prepare_and_start)
    assert by_name(Settings(workspace=tmp_path / "w"))["workspace"].ok
    assert (tmp_path / "w" / "record.sqlite").read_text() == "started meanwhile"


def test_a_workspace_that_everybody_can_look_into_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    folder.chmod(0o755)
    found = by_name(Settings(workspace=folder))["workspace"]
    assert (found.ok, found.mend) == (False, f"chmod o-rwx {folder}")


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
        wrong = [finding.detail for finding in look(settings) if finding.name == "ports" and not finding.ok]
    assert any(f"port {port} for the metrics of ingest cannot be used" in detail for detail in wrong)


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
