"""A day in the life of the console: incidents of every kind of end, actions in every state, and traffic to match.

`python -m tests.dashboard.story` fills the stores that the settings name; `--events 1000000` makes it large,
`--hostile` adds an incident whose every name is an attack on whoever displays it.
"""

from __future__ import annotations

import argparse
from datetime import datetime

import msgspec
from sqlalchemy import insert

from tests.dashboard.story_actions import all_actions
from tests.dashboard.story_incidents import all_incidents, settle
from tests.dashboard.story_runs import all_detector_runs, all_job_runs
from tests.dashboard.story_traffic import ring_calls, send_everything
from vigil.effect import ActionState
from vigil.incident import IncidentState
from vigil.record import Record, approvals, decisions, incidents
from vigil.record.schema import detector_runs, job_runs
from vigil.warehouse import Warehouse


class Story(msgspec.Struct, frozen=True):
    """What was told: incident ids by name, and one action id by state."""

    now: datetime
    incidents: dict[str, str]
    actions: dict[ActionState, str]


def tell_record(record: Record, now: datetime, *, hostile: bool = False) -> Story:
    """Fill the record with a day that ends at `now`."""
    ring_events = [str(row[0]) for row in ring_calls(now)[::29]]
    told = all_incidents(now, ring_events, hostile=hostile)
    ids = {name: incident.incident_id for name, incident in told}
    decided = list(all_actions(now, ids, hostile=hostile))
    with record.write() as connection:
        for name, incident in told:
            assert incidents.add(connection, msgspec.structs.replace(incident, state=IncidentState.OPEN)), name
            settle(connection, name, incident)
        for action in decided:
            assert decisions.decide(connection, action, "log", "vigil"), action
            if action.state is ActionState.HELD:
                approvals.note_proposer(connection, action.action_id, f"policy {action.policy}", action.at)
        connection.execute(insert(detector_runs), list(all_detector_runs(now)))
        connection.execute(insert(job_runs), list(all_job_runs(now)))
    return Story(now=now, incidents=ids, actions={action.state: action.action_id for action in reversed(decided)})


def tell_warehouse(warehouse: Warehouse, now: datetime, *, events: int = 3_000, hostile: bool = False) -> None:
    """Fill ClickHouse with three days of traffic that end at `now`."""
    send_everything(warehouse, now, events=events, hostile=hostile)


def main() -> None:
    """Fill the stores of the settings."""
    from vigil.record import open_record
    from vigil.settings import load
    from vigil.warehouse import migrate, open_warehouse

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--hostile", action="store_true")
    given = parser.parse_args()
    settings = load()
    warehouse = open_warehouse(settings)
    migrate(warehouse)
    now = settings.make_clock().now()
    tell_warehouse(warehouse, now, events=given.events, hostile=given.hostile)
    tell_record(open_record(settings), now, hostile=given.hostile)


if __name__ == "__main__":
    main()
