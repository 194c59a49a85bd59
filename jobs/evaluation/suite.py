"""The scoreboard: attacks and harmless look-alikes, replayed through the whole product and scored against the truth.

Each run of a plan is simulated, replayed by the code of `vigil replay` and scored; simple rules are scored beside it.
The result is compared with the one kept in `docs/evaluation/`; what got worse beyond chance is a regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from jobs.evaluation import page
from jobs.evaluation.plans import PLANS
from jobs.evaluation.playing import PlayedRun, play_all, processes, progress
from jobs.evaluation.regression import Committed, regressions
from jobs.evaluation.scoreboard import pooled_baselines, scoreboard
from vigil.errors import UsageError, WorkspaceError

KEPT = Path(__file__).resolve().parents[2] / "docs" / "evaluation"
"""Where the last results are, in a checkout; a wheel does not carry them."""


def run(
    *,
    data: Path,
    plan: str = "development",
    report: Path | None = None,
    work: Path | None = None,
    keep: bool = False,
) -> dict[str, Any]:
    """Play a plan (development, held-out or slice) and score it.

    `report`: an HTML page to write. `work`: a folder that keeps finished runs, so that an interrupted evaluation goes
    on. `keep`: make the result the one that later ones are compared with. The traffic is simulated; `data` is not read.
    """
    if plan not in PLANS:
        raise UsageError(f"no plan {plan!r}; plans are {', '.join(PLANS)}")
    played = play_all(PLANS[plan], work, progress, processes())
    scores = [one.score for one in played]
    before = last_result(plan)
    figures = {
        "plan": plan,
        **scoreboard(scores),
        "baselines": pooled_baselines({name: [one.baselines[name] for one in played] for name in _baselines(played)}),
        "events": sum(one.events for one in played),
        "replayed_events_per_second": _speed(played),
        "detector_errors": _errors(played),
        "compared_with_runs": len(before.runs) if before is not None else 0,
        "regressions": regressions(before.runs, scores) if before is not None else [],
    }
    if report is not None:
        _write(report, page.render(figures).encode())
    if keep:
        _write(KEPT / f"{plan}.json", msgspec.json.format(msgspec.json.encode(Committed(plan, tuple(scores)))) + b"\n")
    return figures


def last_result(plan: str) -> Committed | None:
    """The kept result of a plan. Raises UsageError when its file is damaged."""
    path = KEPT / f"{plan}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Committed)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} holds no result of a plan: {error}; make it again with --set keep=true") from error


def _baselines(played: Sequence[PlayedRun]) -> list[str]:
    return sorted(set[str]().union(*(one.baselines for one in played)))


def _speed(played: Sequence[PlayedRun]) -> float:
    seconds = sum(one.replay_seconds for one in played)
    return round(sum(one.events for one in played) / seconds, 1) if seconds else 0.0


def _errors(played: Sequence[PlayedRun]) -> dict[str, int]:
    errors: dict[str, int] = {}
    for one in played:
        for error, times in one.errors.items():
            errors[error] = errors.get(error, 0) + times
    return errors


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {error.strerror}; choose another place") from error
