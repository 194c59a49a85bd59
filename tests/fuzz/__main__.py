"""`make fuzz`: every dialect and the receiver over a million inputs; INPUTS, SEED and PROCESSES change how.

Exit status 1 when an input crashed, hung or lost something; it is kept under `.fuzz/`. With JSON=1 the last line is one
JSON object.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.fuzz.run import fuzz_in_processes
from vigil.options import print_json, print_table

KEEP = Path(".fuzz")


def main() -> int:
    inputs = int(os.environ.get("INPUTS", "1000000").replace("_", ""))
    seed = int(os.environ.get("SEED", "1"))
    processes = int(os.environ.get("PROCESSES", str(os.cpu_count() or 1)))
    started_s = time.monotonic()
    report = fuzz_in_processes(inputs, seed, KEEP, processes)
    figures = {**report.figures(), "seed": seed, "seconds": round(time.monotonic() - started_s, 1)}
    if os.environ.get("JSON") == "1":
        print_json(figures)
    else:
        columns = ("target", "inputs", "events", "dead letters", "refused", "crashes", "hangs", "slowest ms")
        rows = [
            (name, t.inputs, t.accepted, t.dead_lettered, t.refused, t.crashes, t.hangs, f"{t.slowest_ms:.1f}")
            for name, t in report.tallies.items()
        ]
        print_table(f"{inputs:,} inputs, seed {seed}, {figures['seconds']} s", columns, rows)
    for failure in report.failures:
        print(failure, file=sys.stderr)  # noqa: T201 - what a person looks at next
    return 1 if figures["crashes"] or figures["hangs"] else 0


if __name__ == "__main__":
    sys.exit(main())
