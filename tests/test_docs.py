"""The documentation is true: generated pages are fresh, links lead somewhere, registries' hosts are not named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted((ROOT / "docs").glob("**/*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated pages, made by a process of its own: click remembers a command's help option from its first use."""
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, str(ROOT / "docs" / "generate.py"), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("name", ["command-line.md", "settings.md"])
def test_generated_pages_are_fresh(name: str, generated: Path) -> None:
    page = (generated / name).read_text()
    assert (ROOT / "docs" / name).read_text() == page, "stale: run `make docs` and commit the result"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_reachable_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, f"docs/README.md does not link {page.name}"


def test_no_file_names_a_registry() -> None:
    hosts = [
        "pypi" + ".org",
        "files.pythonhosted" + ".org",
        "registry.npmjs" + ".org",
        "repo1.maven" + ".org",
        "repo.maven.apache" + ".org",
    ]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".md", ".txt", ".toml", ".yml", ".yaml", ".xml", ".py", ".sh", ".json"} or path.name in {
            "Makefile",
            "Dockerfile",
        }:
            text = path.read_text()
            assert not [host for host in hosts if host in text], f"{name} names a registry's host"
