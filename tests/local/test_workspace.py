"""The workspace says what is wrong with a folder, and lets one service in at a time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.local.mounts import mounted
from vigil.errors import EXIT_DEPENDENCY, WorkspaceError
from vigil.local.process import ChildProcess
from vigil.local.workspace import Workspace
from vigil.record import open_record
from vigil.settings import Settings


def test_a_prepared_workspace_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.prepare()
    assert workspace.folder.stat().st_mode & 0o777 == 0o700
    assert (workspace.folder / ".gitignore").read_text() == "*\n"
    assert workspace.logs.is_dir()
    assert sorted(path.name for path in workspace.folder.iterdir()) == [".gitignore", "logs"]


def test_whichever_command_comes_first_the_workspace_and_the_record_are_private(tmp_path: Path) -> None:
    open_record(Settings(workspace=tmp_path / "deep" / "w")).close()
    assert (tmp_path / "deep" / "w").stat().st_mode & 0o777 == 0o700
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    open_record(Settings(workspace=shared)).close()
    assert (shared / "record.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_file_in_its_place_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("")
    with pytest.raises(WorkspaceError, match=r"cannot use the workspace .*/w: .*VIGIL_WORKSPACE") as raised:
        Workspace(tmp_path / "w").prepare()
    assert raised.value.exit_code == EXIT_DEPENDENCY


def test_a_place_where_nobody_may_write_is_said_so() -> None:
    with pytest.raises(WorkspaceError, match="cannot use the workspace /proc/vigil"):
        Workspace(Path("/proc/vigil")).prepare()


def test_a_read_only_file_system_is_said_so(tmp_path: Path) -> None:
    with mounted(tmp_path / "m", "ro") as folder, pytest.raises(WorkspaceError, match="Read-only file system"):
        Workspace(folder / "w").prepare()


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    with mounted(tmp_path / "m", "size=64k") as folder:
        filler = folder / "filler"
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as stream:
            for _ in range(100):
                stream.write(b"x" * 4096)
        with pytest.raises(WorkspaceError, match=r"No space left on device.*; free space or choose another"):
            Workspace(folder).prepare()


def test_a_nearly_full_disk_is_refused_before_a_server_fails_on_it(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "m", "size=8m") as folder,
        pytest.raises(WorkspaceError, match=r"only \d MiB are free .* at least 256 MiB"),
    ):
        Workspace(folder).prepare()


def prepared(folder: Path) -> Workspace:
    workspace = Workspace(folder / "w")
    workspace.prepare()
    return workspace


def test_a_second_start_is_refused_with_the_holder_named(tmp_path: Path) -> None:
    first, second = prepared(tmp_path), Workspace(tmp_path / "w")
    assert first.holder() is None
    with first.held(print):
        assert second.holder() == os.getpid()
        with pytest.raises(WorkspaceError, match=f"in use by process {os.getpid()}.*vigil down"), second.held(print):
            pass
        assert not second.wait_until_released(0)
    assert second.holder() is None
    assert second.wait_until_released(0)
    with second.held(print):
        pass


def test_the_next_start_waits_for_the_children_of_a_killed_one(tmp_path: Path) -> None:
    workspace = prepared(tmp_path)
    child = ChildProcess("child", tmp_path / "log")
    with workspace.held(print) as keep_open:
        child.start([sys.executable, "-c", "import time; time.sleep(60)"], keep_open=[keep_open])
    # The holder is gone and the child is not: as after SIGKILL of the supervisor.
    said: list[str] = []
    with pytest.raises(WorkspaceError, match="still run after"), workspace.held(said.append, patience_s=0.1):
        pass
    assert said == ["waiting for the servers of an earlier, killed start to end"]
    child.kill()
    with workspace.held(said.append):
        pass
    assert len(said) == 1


def test_a_folder_that_does_not_exist_has_no_holder(tmp_path: Path) -> None:
    assert Workspace(tmp_path / "absent").holder() is None
    (tmp_path / "file").write_text("")
    assert Workspace(tmp_path / "file").holder() is None
