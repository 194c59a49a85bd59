"""The worked example of docs/worked-example.md: its policy and its commands, in order, say what the page says."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from enforcement.policies.reader import read_policy
from tests.enforcement.console import Console, show_time
from tests.enforcement.sample import HOUR, NOW, member, ring
from vigil.effect import EffectKind
from vigil.record import ledger
from vigil.settings import load

PAGE = (Path(__file__).parents[2] / "docs" / "worked-example.md").read_text()


def steps() -> list[tuple[str, list[str]]]:
    """Commands of the page with the lines it shows under each; `…` stands for anything."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip():
                found[-1][1].append(line.strip())
    return found


def shown(pattern: str, output: str) -> bool:
    """Whether a line of the page stands in the output, spaces and the frames of tables apart."""
    parts = [re.escape(" ".join(part.split())) for part in pattern.split("…")]
    flat = " ".join(re.sub(r"[│┃┏┓┗┛┡┩└┘─━┳┴┬╇╈┯┷]", " ", output).split())
    return re.search(".*?".join(parts), flat) is not None


def test_the_page(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [policy] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "ring-throttle.yaml").write_text(policy)
    world = console.world
    world.policies = [read_policy(folder / "ring-throttle.yaml")]
    world.open(ring(*(member(f"u-{number}", 0.97) for number in range(1, 6)), member("u-9", 0.6)))
    world.settle()

    names = {"INCIDENT": "inc_1", "POLICIES": str(folder)}
    by_target = {one.target.id: one.action_id for one in world.actions(effects=[EffectKind.THROTTLE])}
    names["ACTION"] = by_target["u-3"]
    for number, (command, lines) in enumerate(steps()):
        # People take their time: each command comes an hour after the one before.
        show_time(monkeypatch, NOW + HOUR * (number + 1))
        world.clock = load().make_clock()
        for name, value in names.items():
            command = command.replace(name, value)
        output = console.text(*shlex.split(command)[1:])
        for line in lines:
            for name, value in names.items():
                line = line.replace(name, value)
            assert shown(line, output), f"`{command}` does not say {line!r} but:\n{output}"
        if "appeals open" in command:
            [appeal] = console.json("actions", "appeals", "list")
            names["APPEAL"] = str(appeal["appeal_id"])
        world.dispatch()
    states = {one.target.id: one.state.value for one in world.actions(effects=[EffectKind.THROTTLE])}
    assert states == {f"u-{number}": "lifted" for number in range(1, 6)}
    lifted = [one for one in world.recorder.delivered if one.effect is EffectKind.LIFT]
    assert {one.parameters["notice"] for one in lifted} == {"restriction-undone"}
    assert len(lifted) == 5
    with world.record.read() as connection:
        assert ledger.verify(connection).ok
    # u-3 comes again a week later: a person decides, because automation is paused for it; the others are first offenders.
    moment = NOW + timedelta(days=7)
    show_time(monkeypatch, moment)
    world.clock = load().make_clock()
    window = type(world.incident().window)(moment - HOUR, moment)
    world.open(ring("u-3", "u-4", incident_id="inc_2", opened_at=moment, updated_at=moment, window=window))
    world.enforce()
    again = {one.target.id: one.state.value for one in world.actions(incident_id="inc_2") if one.effect.restricts}
    assert again == {"u-3": "held", "u-4": "dispatched"}
