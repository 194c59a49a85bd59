"""One planned run: simulated, replayed through the code of `vigil replay`, and scored."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from jobs.evaluation.baselines import BASELINES
from jobs.evaluation.observations import Observations
from jobs.evaluation.plans import START, PlannedRun
from jobs.evaluation.scoring import RunScore, score_run
from jobs.evaluation.verdicts import read_restrictions, read_verdicts
from jobs.replay import report
from jobs.replay.command import for_replay
from jobs.replay.run import run_replay
from jobs.replay.source import ReplayRange
from simulator.sinks import opened, write_lines
from simulator.traffic import simulate
from simulator.truth import write_json
from vigil import log
from vigil.clock import SimulatedClock
from vigil.settings import DetectSettings, Settings

_LARGEST_POOL = 2


class PlayedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to: the product's score, each baseline's, and what the replay itself says."""

    plan: PlannedRun
    score: RunScore
    baselines: dict[str, RunScore]
    events: int
    replay_seconds: float
    errors: dict[str, int]
    """How often each error of a detector came up."""


def play(plan: PlannedRun, *, baselines: bool = True) -> PlayedRun:
    """Simulate, replay and score one run, in a temporary folder."""
    log.configure("error")
    simulation = simulate(
        plan.scenarios, seed=plan.seed, start=START, duration=plan.duration, scale=plan.scale, quiet=plan.quiet
    )
    seen = Observations()
    with tempfile.TemporaryDirectory(prefix="vigil-evaluate-") as temporary:
        folder = Path(temporary)
        traffic, out, permitted = folder / "events.jsonl.zst", folder / "out", folder / "exceptions.json"
        with opened(str(traffic)) as stream:
            write_lines(seen.watch(simulation.events()), stream)
        write_json(permitted, simulation.truth.exceptions())
        report.prepare(out)
        # Whatever the machine's date: no event of the plan lies in its future.
        machine = SimulatedClock(START + plan.duration + timedelta(days=1))
        settings = _settings(plan, permitted)
        outcome = run_replay([traffic], settings, out, ReplayRange(), None, _unwatched, machine)
        verdicts = read_verdicts(out / report.INCIDENTS)
        restrictions = read_restrictions(out / report.ACTIONS)
    days, owners = seen.account_days(), seen.owners()
    score = score_run(plan.name, simulation.truth, verdicts, restrictions, account_days=days, owners=owners)
    compared = {
        name: score_run(plan.name, simulation.truth, rule(seen, START + plan.quiet), (), account_days=days)
        for name, rule in (BASELINES.items() if baselines else ())
    }
    return PlayedRun(
        plan=plan,
        score=score,
        baselines=compared,
        events=seen.events,
        replay_seconds=outcome.summary["seconds"]["total"],
        errors=dict(outcome.errors),
    )


def play_all(
    plans: Sequence[PlannedRun],
    work: Path | None,
    say: Callable[[str], None],
    processes: int,
    *,
    baselines: bool = True,
) -> list[PlayedRun]:
    """Every run, `processes` at a time, in the order of `plans`.

    With `work`, each finished run is kept there and not played again: an evaluation that was interrupted goes on. Empty
    the folder when the code has changed.
    """
    done = {plan.name: kept for plan in plans if work is not None and (kept := _kept(work, plan)) is not None}
    waiting = [plan for plan in plans if plan.name not in done]
    started = time.perf_counter()
    for run in _played(waiting, processes, baselines):
        done[run.plan.name] = run
        if work is not None:
            _keep(work, run)
        found = [one for one in run.score.instances if not one.lookalike]
        say(
            f"{run.plan.name}: {sum(one.found for one in found)} of {len(found)} found,"
            f" {len(run.score.false_incidents)} false incidents; {run.events:,} events,"
            f" {run.replay_seconds:.0f} s; {len(done)} of {len(plans)} runs, {time.perf_counter() - started:.0f} s"
        )
    return [done[plan.name] for plan in plans]


def progress(line: str) -> None:
    """A line for whoever watches, on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - standard output belongs to the figures


def processes() -> int:
    """How many runs to play at once: each keeps a core busy, its ClickHouse another half."""
    return max(1, min(_LARGEST_POOL, os.cpu_count() or 1))


def _played(plans: Sequence[PlannedRun], number: int, baselines: bool) -> Iterator[PlayedRun]:
    if number == 1 or len(plans) <= 1:
        for plan in plans:
            yield play(plan, baselines=baselines)
        return
    # Spawned, not forked: a forked child would share the parent's sockets.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(number, mp_context=context) as pool:
        for future in as_completed([pool.submit(play, plan, baselines=baselines) for plan in plans]):
            yield future.result()


def _unwatched(_read: int, _total: int, _now: datetime) -> None:
    """Runs are reported when they are over."""


def _settings(plan: PlannedRun, permitted: Path) -> Settings:
    """The defaults: what is measured must not depend on how this machine is configured."""
    detect = DetectSettings(replay_tick_s=plan.tick.total_seconds())
    return for_replay(Settings.model_construct(detect=detect), None, "live", permitted)


def _kept(work: Path, plan: PlannedRun) -> PlayedRun | None:
    try:
        kept = msgspec.json.decode((work / f"{plan.name}.json").read_bytes(), type=PlayedRun)
    except (OSError, msgspec.DecodeError):
        return None
    return kept if kept.plan == plan else None


def _keep(work: Path, run: PlayedRun) -> None:
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{run.plan.name}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(run))
    temporary.replace(path)
