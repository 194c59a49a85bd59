"""What the pages show is true: the example loads, the tables are complete, the ledger can be verified elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import msgspec

from enforcement.gate import EFFECT_STAGES
from enforcement.policies import facts
from enforcement.policies.policy import SEVERITY_ORDER
from enforcement.policies.reader import FIELDS, read_policy
from enforcement.policies.testing import read_cases
from enforcement.rehearse import rehearse
from tests.enforcement.sample import RING_THROTTLE, World, policy, ring
from vigil.effect import ActionState
from vigil.record import Record, ledger

DOCS = Path(__file__).parents[2] / "docs"
POLICIES, ENFORCEMENT = (DOCS / "policies.md").read_text(), (DOCS / "enforcement.md").read_text()
GATE = (DOCS / "gate.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_example_policy_loads_and_has_every_field(tmp_path: Path) -> None:
    example, cases = blocks(POLICIES, "yaml")
    file = tmp_path / "example.yaml"
    file.write_text(example)
    found = read_policy(file)
    assert found.name == "ring-containment"
    (tmp_path / "example.test.yaml").write_text(cases)
    done = [rehearse(case) for case in read_cases(tmp_path, [found])]
    assert [one.problems for one in done] == [[]]
    assert {line.split(":")[0] for line in example.splitlines() if not line.startswith(" ")} == set(FIELDS)


def test_every_field_effect_fact_stage_and_state_is_explained() -> None:
    for name in FIELDS:
        assert f"`{name}`" in POLICIES or f"`{name}." in POLICIES, name
    for effect in SEVERITY_ORDER:
        assert f"`{effect.value}`" in POLICIES, effect
    for fact in ("incident", "member", "account", "history"):
        for name in facts.MEMBERS[fact].fields:
            assert f"`{name}`" in POLICIES, f"{fact}.{name}"
    for stage in EFFECT_STAGES:
        assert f"| `{stage.name}` |" in GATE, stage.name
    for state in ActionState:
        assert f"`{state.value}`" in ENFORCEMENT, state


def test_the_example_of_a_receiver_is_python() -> None:
    for code in blocks(ENFORCEMENT, "python"):
        compile(code, "enforcement.md", "exec")


def test_an_export_can_be_verified_by_the_page_alone(record: Record, tmp_path: Path) -> None:
    world = World(record, [policy(tmp_path, RING_THROTTLE)])
    world.open(ring("näme", "b"))
    world.settle()
    with record.read() as connection:
        lines = [msgspec.json.encode(entry) for entry in ledger.stream(connection)]
    before = "0" * 64
    for line in lines:
        entry = json.loads(line)
        assert entry["prev_hash"] == before
        moment = re.sub(r"(\.\d+)?Z$", lambda found: f".{(found[1] or '.').lstrip('.'):0<6}+00:00", entry["at"])
        sealed = {
            **{name: entry[name] for name in ("actor", "entry_type", "payload", "prev_hash", "seq")},
            "at": moment,
        }
        text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        before = entry["hash"]
        assert hashlib.sha256(text.encode()).hexdigest() == before
    assert len(lines) == 5
