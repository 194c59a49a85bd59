"""The names that the dialects read, looked up with those who define them: an upstream rename is a red test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.ingest.dialects import attributes as names

pytestmark = pytest.mark.timeout(600)
"""The first time the emitters are installed, and on a busy machine a proxy takes minutes to come up."""

_COLLECT = """
import importlib, json, pkgutil, sys
from opentelemetry.semconv import _incubating
found = {"opentelemetry": [], "openinference": [], "traceloop": []}
import opentelemetry.semconv._incubating.attributes as incubating
import opentelemetry.semconv.attributes as stable
for package in (incubating, stable):
    for module in pkgutil.iter_modules(package.__path__):
        values = vars(importlib.import_module(package.__name__ + "." + module.name)).values()
        found["opentelemetry"] += [value for value in values if isinstance(value, str)]
import openinference.semconv.trace as openinference
import opentelemetry.semconv_ai as traceloop
for name, module in (("openinference", openinference), ("traceloop", traceloop)):
    for holder in vars(module).values():
        if isinstance(holder, type):
            found[name] += [value for value in vars(holder).values() if isinstance(value, str)]
json.dump(found, sys.stdout)
"""

_LITELLM = """
import ast, json, sys
from importlib.util import find_spec
from pathlib import Path
tree = ast.parse(Path(find_spec("litellm").origin).parent.joinpath("types/utils.py").read_text())
fields = {node.name: [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
          for node in tree.body if isinstance(node, ast.ClassDef)}
json.dump({"payload": fields["StandardLoggingPayload"],
           "metadata": fields["StandardLoggingMetadata"] + fields["StandardLoggingUserAPIKeyMetadata"]}, sys.stdout)
"""


def _run(python: Path, program: str) -> dict[str, list[str]]:
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def constants(emitters: Path) -> dict[str, list[str]]:
    return _run(emitters, _COLLECT)


@pytest.mark.parametrize("origin", ["opentelemetry", "openinference", "traceloop"])
def test_each_attribute_is_still_called_that(constants: dict[str, list[str]], origin: str) -> None:
    read = {"opentelemetry": names.OPENTELEMETRY, "openinference": names.OPENINFERENCE, "traceloop": names.TRACELOOP}[
        origin
    ]
    assert sorted(read - set(constants[origin])) == []


def test_each_event_is_still_emitted_under_that_name(emitters: Path) -> None:
    packages = next((emitters.parent.parent / "lib").glob("python*")) / "site-packages" / "opentelemetry"
    code = "".join(
        file.read_text()
        for folder in ("instrumentation/openai_v2", "util/genai", "semconv/_incubating")
        for file in (packages / folder).rglob("*.py")
    )
    # Of the first generation, and of tools, whose names the code puts together from roles.
    composed = {"gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message"}  # fmt: skip
    assert [name for name in sorted(names.OPENTELEMETRY_EVENTS - composed) if name not in code] == []
    assert "gen_ai.{" in code or "gen_ai.user.message" in code


def test_litellms_payload_still_has_each_key(emitters: Path) -> None:
    found = _run(emitters, _LITELLM)
    assert sorted(names.LITELLM - set(found["payload"])) == []
    assert sorted(names.LITELLM_METADATA - set(found["metadata"])) == []
