"""`vigil actions undo`: nothing happens before --yes."""

from __future__ import annotations

from enforcement.commands import undo
from tests.enforcement.console import Console
from tests.enforcement.sample import ring


def test_a_preview_changes_nothing_and_yes_undoes(console: Console) -> None:
    console.world.open(ring("a", "b"))
    console.world.settle()
    text = console.text("actions", "undo", "--incident", "inc_1")
    assert "2 action(s) on 2 principal(s) would be undone: 0 end, 2 held one(s) are withdrawn" in text
    assert "nothing was changed; add --yes" in text
    [seen] = console.json("actions", "undo", "--policy", "ring-throttle", "--from", "2026-11-01")
    assert (seen["actions"], seen["withdrawn"], len(seen["action_ids"])) == (2, 2, 2)
    assert len(console.json("actions", "list", "--state", "held")) == 2
    assert "needs a reason" in console.fails("actions", "undo", "--incident", "inc_1", "--yes")
    done = console.text("actions", "undo", "--account", "acme/a", "--yes", "--reason", "a class")
    assert "1 action(s) undone" in done
    assert len(console.json("actions", "list", "--state", "held")) == 1


def test_wrong_use_is_explained(console: Console) -> None:
    assert "say what to undo" in console.fails("actions", "undo")
    assert "expected TENANT/ACCOUNT" in console.fails("actions", "undo", "--account", "a")
    assert "--to expects a time" in console.fails("actions", "undo", "--policy", "p", "--to", "soon")
    assert "what a mistake did" in (undo.__doc__ or "")
