"""Several deciders at once: no effect twice, no budget exceeded, no entry of the ledger lost."""

from __future__ import annotations

import multiprocessing
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.enforcement.decider import BUDGET, decide_again, shared_policies
from tests.enforcement.sample import RING_THROTTLE, World, policy, ring
from vigil.effect import ActionState, EffectKind
from vigil.record import Record, connect, ledger
from vigil.signal import Severity

DECIDERS = 4


def at_once(work: Callable[[], object]) -> None:
    """Run `work` in several threads that start together; an exception in one fails the test."""
    gate, failures = threading.Barrier(DECIDERS), []

    def run() -> None:
        gate.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(DECIDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def check(world: World, budget: int) -> None:
    restricting = [action for action in world.actions() if action.effect.restricts]
    out = [action for action in restricting if action.state is ActionState.DISPATCHED]
    per_policy = Counter(action.policy for action in out)
    assert all(count <= budget for count in per_policy.values())
    duties = Counter((action.target, action.effect) for action in out)
    assert set(duties.values()) <= {1}
    with world.record.read() as connection:
        assert ledger.verify(connection).ok
        decided = [entry for entry in ledger.entries(connection, limit=None) if entry.entry_type == "decided"]
    assert len(decided) == len(world.actions()), "one entry a decision"


def test_the_same_incidents_decided_by_several_at_once(record: Record, tmp_path: Path) -> None:
    policies = [
        policy(tmp_path, RING_THROTTLE, policy=name, budget=f"{{per_hour: {BUDGET}}}") for name in ("one", "two")
    ]
    world = World(record, policies)
    world.open(*(ring("shared", *(f"{n}-{m}" for m in range(4)), incident_id=f"inc_{n}") for n in range(6)))
    at_once(lambda: world.enforcer().run())
    check(world, BUDGET)
    throttles = world.states(effects=[EffectKind.THROTTLE])
    states = Counter(state for _, _, state in throttles)
    # 24 members of their own and one that all share, under two policies: every target is decided on by both.
    assert len(throttles) == 2 * 6 * 5
    assert states["dispatched"] == 2 * BUDGET
    assert world.enforce() == 0, "all was decided"


@pytest.mark.postgres
def test_processes_decide_and_deliver_on_one_postgresql(postgres: str, tmp_path: Path) -> None:
    url = _fresh(postgres)
    record = connect(url)
    world = World(record, [policy(tmp_path, RING_THROTTLE, budget=f"{{per_hour: {BUDGET}}}")])
    world.open(*(ring(*(f"{n}-{m}" for m in range(3)), incident_id=f"inc_{n}") for n in range(5)))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_decide_and_deliver, args=(url, str(tmp_path))) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    states = Counter(state for _, effect, state in world.states() if effect == "throttle")
    assert states == {"confirmed": BUDGET, "held": 15 - BUDGET}
    with record.read() as connection:
        assert ledger.verify(connection).ok
        confirmed = ledger.entries(connection, entry_type="confirmed", limit=None)
    pages = [action for action in world.actions() if action.effect is EffectKind.PAGE]
    assert len(confirmed) == BUDGET + len(pages), "each delivered once"
    record.close()


@pytest.mark.postgres
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True), min_size=1, max_size=5),
    budget=st.integers(1, 4),
    ladders=st.lists(st.sampled_from(["[throttle: {rpm: 1, for: 1h}]", "[suspend: {for: 1h}]", "[ban]"]), max_size=3),
)
def test_whatever_the_incidents_and_policies_no_budget_is_exceeded_and_no_duty_doubled(
    postgres: str, tmp_path: Path, members: list[list[str]], budget: int, ladders: list[str]
) -> None:
    record = connect(_fresh(postgres))
    policies = [
        policy(tmp_path, RING_THROTTLE, policy=f"p{number}", ladder=ladder, budget=f"{{per_hour: {budget}}}")
        for number, ladder in enumerate(ladders)
    ]
    world = World(record, policies)
    world.open(*(ring(*names, incident_id=f"inc_{number}") for number, names in enumerate(members)))
    at_once(lambda: world.enforcer().run())
    check(world, budget)
    for number in range(len(members)):
        world.update(f"inc_{number}", severity=Severity.CRITICAL)
    at_once(lambda: world.enforcer().run())
    check(world, budget)
    record.close()


@pytest.mark.postgres
def test_eight_processes_deciding_on_the_same_accounts_exceed_no_budget_and_double_no_duty(
    postgres: str, tmp_path: Path
) -> None:
    """Random incidents that share accounts, changed between rounds, under policies with an hourly and a share budget."""
    rounds = [random.Random(seed).sample("abcdefghijkl", 6) for seed in range(10)]
    url = _fresh(postgres)
    record = connect(url)
    world = World(record, shared_policies(tmp_path))
    world.open(*(ring(*names, incident_id=f"inc_{number}") for number, names in enumerate(rounds)))
    # Started from a process that has imported it all: eight interpreters would take longer than what is tested.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.enforcement.decider"])
    ready = context.Barrier(8)
    processes = [context.Process(target=decide_again, args=(url, str(tmp_path), ready, n)) for n in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8
    check(world, BUDGET)
    by_policy: dict[str, set[str]] = {}
    for action in world.actions(states=[ActionState.DISPATCHED, ActionState.CONFIRMED]):
        if action.effect.restricts:
            by_policy.setdefault(action.policy, set()).add(action.target.id)
    assert len(by_policy["hourly"]) == BUDGET, "used up, not exceeded"
    assert len(by_policy["share"]) == 5, "used up, not exceeded"
    assert world.enforce() == 0, "all was decided"
    record.close()


def _fresh(server: str) -> str:
    """URL of a new empty record on the server."""
    name = f"race_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE empty_record").format(sql.Identifier(name)))
    return server.rsplit("/", 1)[0] + "/" + name


def _decide_and_deliver(url: str, folder: str) -> None:
    record = connect(url)
    own = Path(folder) / multiprocessing.current_process().name
    own.mkdir()
    world = World(record, [policy(own, RING_THROTTLE, budget=f"{{per_hour: {BUDGET}}}")])
    for _ in range(3):
        world.enforce()
        world.dispatch()
    record.close()
