"""Children run vigil's own code, wherever they are started."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vigil.local.process import python


def test_a_module_of_the_same_name_in_the_current_folder_is_not_taken_for_ours(tmp_path: Path) -> None:
    for name in ("jobs", "click", "queue"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the {name} of the current folder')\n")
    done = subprocess.run(python("vigil.cli", "jobs", "--help"), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage:")
