"""What each of several deciding processes does. Imports little: it is loaded once for all of them."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier
from pathlib import Path

from enforcement.policies.policy import Policy
from tests.enforcement.sample import RING_THROTTLE, World, policy
from vigil.record import connect, incidents

BUDGET = 7


def shared_policies(folder: Path) -> list[Policy]:
    """Two policies that want the same effect and one with a budget by share."""
    folder.mkdir(exist_ok=True)
    return [
        policy(folder, RING_THROTTLE, policy="hourly", budget=f"{{per_hour: {BUDGET}}}"),
        policy(
            folder,
            RING_THROTTLE,
            policy="share",
            ladder="[step_up: {for: 1d}]",
            budget="{share_of_active_accounts: 1%, at_least: 5}",
        ),
        policy(folder, RING_THROTTLE, policy="twin", budget=f"{{per_hour: {BUDGET}}}"),
    ]


def decide_again(url: str, folder: str, ready: Barrier, number: int) -> None:
    """Decide in three rounds together with the others, and bring new evidence in between."""
    record = connect(url)
    world = World(record, shared_policies(Path(folder) / str(number)))
    for turn in range(3):
        ready.wait(90)
        world.enforce()
        # Every process brings new evidence to some of the incidents that the others are deciding on.
        with record.write() as connection:
            before = incidents.get(connection, f"inc_{(number + turn) % 10}")
            incidents.save(connection, before, incidents.Verb.UPDATE)
        world.enforce()
    record.close()
