"""Microseconds of one evaluation of a policy's condition, beside another CEL library when that is installed.

`uv run --with cel-python vigil bench conditions` installs the other one for the run.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable

import cel

from enforcement.policies import facts
from enforcement.policies.condition import compile_condition, make_context

CONDITION = 'incident.kind == "coordinated_ring" && incident.severity >= HIGH && size(incident.families) >= 1'


def run(evaluations: int = 20_000) -> dict[str, object]:
    """Time `evaluations` of one condition, with the facts converted each time and once for all conditions."""
    condition = compile_condition(CONDITION, facts.WHEN)
    values = {name: facts.EXAMPLE[name] for name in facts.WHEN}
    context = make_context(values)
    program = cel.compile(CONDITION)
    figures: dict[str, object] = {
        "evaluations": evaluations,
        "shared_facts_us": _microseconds(lambda: condition.holds(context), evaluations),
        "own_facts_us": _microseconds(lambda: program.execute(values), evaluations),
    }
    if importlib.util.find_spec("celpy") is None:
        print("cel-python is not installed: not measured", file=sys.stderr)
    else:
        figures["cel_python_us"] = _cel_python(values, max(1, evaluations // 20))
    return figures


def _cel_python(values: dict[str, object], evaluations: int) -> float:
    celpy = importlib.import_module("celpy")
    environment = celpy.Environment()
    program = environment.program(environment.compile(CONDITION))
    activation = {name: celpy.json_to_cel(value) for name, value in values.items()}
    return _microseconds(lambda: program.evaluate(activation), evaluations)


def _microseconds(work: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        work()
    return round((time.perf_counter() - started) / times * 1e6, 2)
