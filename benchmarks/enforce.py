"""Decisions, deliveries and undo of enforcement, on a record of its own (SQLite, synced to disk).

* `incidents_per_second`: incidents decided in a CPU second by `policies` policies (one core), from reading them out of
  the record to actions, ledger and outbox being committed; `incidents_per_wall_second` is the same by the clock. One in
  `acted_on` incidents is acted upon, as abuse is rare among what is found; each policy's condition is its own.
* `p99_dispatch_ms`: from the commit of a decision until the adapter is called, while `rate` effects a second are
  decided for `seconds`, with a dispatcher that looks as often as the scheduler does.
* `undo_10k_seconds`: undoing all actions of one policy version, `undone` of them, ledger entries and lifts included.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from enforcement.adapters import Answer, Delivered
from enforcement.engine import Enforcer
from enforcement.policies.policy import Policy
from enforcement.policies.reader import read_policy
from enforcement.undo import Selection, undo
from jobs.catalogue import dispatch
from jobs.loop import Loop
from vigil.clock import SystemClock
from vigil.delivery import Delivery
from vigil.effect import Action, ActionState, EffectKind, Target
from vigil.incident import DetectorSupport, Evidence, Incident, IncidentState
from vigil.permitted import PermittedPrincipals
from vigil.record import Record, actions, connect, decisions, incidents, ledger, sqlite_url
from vigil.settings import Settings
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType, Window
from vigil.warehouse import Warehouse
from vigil.warehouse.accounts import StaticAccounts

_TENANT = "acme"
_NOT_ACTED_ON = 0.1
_NOWHERE = "clickhouse://vigil:x@127.0.0.1:1/vigil"
"""Nothing is asked of a warehouse."""


def run(
    *,
    found: int = 4_000,
    policies: int = 200,
    acted_on: int = 10,
    rate: int = 100,
    seconds: int = 20,
    undone: int = 10_000,
) -> dict[str, Any]:
    """Measure; returns the figures."""
    figures = _decide(found, policies, acted_on)
    _say(f"decided: {figures}")
    figures |= _dispatch(rate, seconds)
    _say(f"dispatched: {figures}")
    return figures | _undo(undone)


def _decide(found: int, policies: int, acted_on: int) -> dict[str, Any]:
    with _world() as (folder, record):
        rules = _policies(folder, policies)
        enforcer = _enforcer(record, rules)
        _open(record, found, acted_on)
        wall, cpu = time.perf_counter(), time.process_time()
        decided = enforcer.run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        with record.read() as connection:
            left = len(incidents.unenforced(connection, 1))
    return {
        "incidents_per_second": round(found / cpu, 1),
        "incidents_per_wall_second": round(found / wall, 1),
        "incidents": found,
        "policies": policies,
        "decisions": decided,
        "undecided": left,
    }


class _Stopwatch:
    """An adapter that notes when it was called for what."""

    name = "log"
    waits = True

    def __init__(self) -> None:
        self.called: dict[str, float] = {}

    def deliver(self, delivery: Delivery) -> Answer:
        self.called.setdefault(delivery.action_id, time.perf_counter())
        return Delivered("noted")


def _dispatch(rate: int, seconds: int) -> dict[str, Any]:
    with _world() as (_, record):
        stopwatch, stop = _Stopwatch(), threading.Event()
        clock, settings, nowhere = SystemClock(), Settings(), Warehouse(_NOWHERE)
        loop = Loop(nowhere, record, clock, settings, (), {"log": stopwatch}, stop=stop)

        def work() -> None:
            while not stop.is_set():
                dispatch(loop)  # the job, as the scheduler runs it
                stop.wait(settings.jobs.dispatch_every_s / 5)

        worker = threading.Thread(target=work)
        worker.start()
        committed: dict[str, float] = {}
        started = time.perf_counter()
        try:
            for number in range(rate * seconds):
                pause = started + number / rate - time.perf_counter()
                if pause > 0:
                    time.sleep(pause)
                action = _action(number)
                with record.write() as connection:
                    decisions.decide(connection, action, "log", "policy:bench")
                committed[action.action_id] = time.perf_counter()
            took = time.perf_counter() - started
            deadline = time.monotonic() + 60
            while len(stopwatch.called) < len(committed) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            stop.set()
            worker.join()
    waits = [1000 * max(0.0, stopwatch.called[name] - at) for name, at in committed.items() if name in stopwatch.called]
    return {
        "p99_dispatch_ms": round(float(np.percentile(waits, 99)), 1),
        "p50_dispatch_ms": round(float(np.percentile(waits, 50)), 1),
        "effects_per_second": round(len(committed) / took, 1),
        "not_dispatched": len(committed) - len(waits),
    }


def _undo(undone: int) -> dict[str, Any]:
    with _world() as (_, record):
        clock = SystemClock()
        for start in range(0, undone, 500):
            with record.write() as connection:
                for number in range(start, min(start + 500, undone)):
                    decisions.decide(connection, _action(number, ActionState.CONFIRMED), "log", "policy:bench")
        started = time.perf_counter()
        undo(record, clock, Selection(policy="bench", version="1"), "ana", "measured")
        took = time.perf_counter() - started
        with record.read() as connection:
            lifts = len(actions.list_actions(connection, effects=[EffectKind.LIFT], limit=None))
            verified = ledger.verify(connection).ok
    return {"undo_10k_seconds": round(took * 10_000 / undone, 2), "undone": lifts, "ledger_verifies": verified}


@contextmanager
def _world() -> Iterator[tuple[Path, Record]]:
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder:
        record = connect(sqlite_url(Path(folder) / "record.sqlite"))
        try:
            yield Path(folder), record
        finally:
            record.close()


def _enforcer(record: Record, rules: list[Policy]) -> Enforcer:
    return Enforcer(record, SystemClock(), Settings(), rules, StaticAccounts({}), PermittedPrincipals())


def _policies(folder: Path, number: int) -> list[Policy]:
    """Policies over all kinds of incidents, each with thresholds of its own; together they act on what scores high."""
    kinds, rules = [kind.value for kind in IncidentKind], []
    for index in range(number):
        file = folder / f"policy-{index}.yaml"
        file.write_text(
            f"policy: rule-{index:03}\nowner: bench\nmode: live\n"
            f'when: incident.kind == "{kinds[index % len(kinds)]}" && incident.severity >= MEDIUM '
            f"&& incident.facts.score >= {0.5 + 0.5 * index / number:.4f} && size(incident.families) >= 1\n"
            "targets: {members: member.score >= 0.5}\n"
            f"ladder: [throttle: {{rpm: {10 + index}, for: 24h}}, suspend: {{for: 7d}}]\n"
        )
        rules.append(read_policy(file))
    return rules


def _open(record: Record, number: int, acted_on: int) -> None:
    now = SystemClock().now()
    kinds = list(IncidentKind)
    for start in range(0, number, 500):
        with record.write() as connection:
            for index in range(start, min(start + 500, number)):
                score = 0.75 if index % acted_on == 0 else _NOT_ACTED_ON
                incidents.add(connection, _incident(index, kinds[index % len(kinds)], score, now))


def _incident(index: int, kind: IncidentKind, score: float, now: datetime) -> Incident:
    return Incident(
        incident_id=f"inc_{index:06}",
        tenant_id=_TENANT,
        kind=kind,
        severity=Severity.HIGH,
        state=IncidentState.OPEN,
        fingerprint=f"{index}",
        title="something was found",
        summary="It looks like this.",
        opened_at=now,
        updated_at=now,
        window=Window(now - timedelta(hours=1), now),
        subjects=(Subject(SubjectType.ACCOUNT, f"u-{index}", 0.9, SubjectRole.OFFENDER),),
        detectors=(DetectorSupport("bench", "1", "coordination", 0.9, p_value=1e-6),),
        evidence=Evidence((), {"score": score}),
    )


def _action(number: int, state: ActionState = ActionState.DISPATCHED) -> Action:
    now = datetime.now(UTC)
    return Action(
        action_id=f"act_{number:08}",
        at=now,
        effect=EffectKind.THROTTLE,
        parameters={"rpm": 10},
        target=Target(SubjectType.ACCOUNT, f"u-{number}", _TENANT),
        policy="bench",
        policy_version="1",
        incident_id=None,
        state=state,
        reason="dispatch: every stage passed",
        expires_at=now + timedelta(days=1),
        confirmed_at=now if state is ActionState.CONFIRMED else None,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
