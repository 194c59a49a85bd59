"""The command line: quick help, exit statuses, and every command there."""

from __future__ import annotations

import errno
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from vigil.cli import COMMANDS, main


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom vigil.cli import main\n"
        "result = CliRunner().invoke(main, ['--help'])\nassert result.exit_code == 0\n"
        "print([m for m in ('numpy', 'pandas', 'sqlalchemy', 'pydantic', 'kafka', 'streamlit') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_misspelt_command_is_wrong_use_and_names_the_nearest() -> None:
    result = CliRunner().invoke(main, ["incidnets"])
    assert result.exit_code == 2
    assert "Did you mean 'incidents'?" in result.output


def test_a_wrong_setting_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_INGEST__BATCH_ROWS", "many")
    result = CliRunner().invoke(main, ["incidents", "list"])
    assert result.exit_code == 2
    assert "ingest.batch_rows" in result.output
    assert "Traceback" not in result.output


def test_a_file_that_may_not_be_written_is_a_dependency_and_names_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/var/lib/vigil/record.sqlite")

    monkeypatch.setattr("vigil.local.status.look", refused)
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 3
    assert "/var/lib/vigil/record.sqlite: Permission denied; let this user at it or choose" in result.output


def test_a_server_that_is_away_is_a_dependency(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_RECORD__URL", "postgresql://vigil:hunter2@127.0.0.1:1/vigil")
    result = CliRunner().invoke(main, ["incidents", "list"])
    assert result.exit_code == 3
    assert "hunter2" not in result.output


def test_groups_list_their_verbs() -> None:
    context = click.Context(main)
    for name in ("incidents", "actions", "policies", "ledger", "deadletters"):
        command = main.get_command(context, name)
        assert isinstance(command, click.Group)
        assert "list" in command.commands or name == "ledger"
