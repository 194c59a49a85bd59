"""Scores of one replay of simulated traffic: what `vigil replay` said and did, against the truth of `vigil simulate`.

For your own policies, scenarios and scales:

    vigil simulate --scenario distillation_ring --out events.jsonl.zst --truth truth.json
    vigil replay events.jsonl.zst --out found/ --policies mine/
    vigil evaluate replayed --set events=events.jsonl.zst --set truth=truth.json --set found=found
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.files import read_lines
from jobs.evaluation.observations import Event, Observations
from jobs.evaluation.scoreboard import scoreboard
from jobs.evaluation.scoring import score_run
from jobs.evaluation.verdicts import read_restrictions, read_verdicts
from jobs.replay.report import ACTIONS, INCIDENTS
from simulator.truth import Truth
from vigil.errors import UsageError


def run(
    *, data: Path, events: Path | None = None, truth: Path | None = None, found: Path | None = None
) -> dict[str, Any]:
    """Score the files of `found` (the `--out` of a replay of `events`) against `truth`. `data` is not read.

    Raises UsageError when one of the three is missing or is something else.
    """
    if events is None or truth is None or found is None:
        raise UsageError(
            "say what to score: --set events=FILE --set truth=FILE (both of `vigil simulate`) --set found=DIR (the --out"
            " of `vigil replay`)"
        )
    seen = Observations()
    for event in _events(events):
        seen.add(event)
    score = score_run(
        found.name,
        Truth.read(truth),
        read_verdicts(found / INCIDENTS),
        read_restrictions(found / ACTIONS),
        account_days=seen.account_days(),
        owners=seen.owners(),
    )
    return {**scoreboard([score]), "events": seen.events}


def _events(path: Path) -> Iterator[Event]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    for number, line in read_lines(path):
        try:
            event = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise UsageError(f"{path}, line {number}: {error}; give the file of `vigil simulate --out`") from error
        if not {"event_time", "tenant_id", "account_id"} <= set(event):
            raise UsageError(f"{path}, line {number} is no event of `vigil simulate`; give the file of its --out")
        yield event
