"""What docs/embeddings.md shows works, and what it says of the weights is so."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from detectors.encoders import Encoder, identity
from detectors.encoders.static import SHIPPED_WEIGHTS, VECTORS_FILE
from tests.embed.traffic import NOON, event, worker, write
from vigil.clock import SimulatedClock
from vigil.warehouse import Warehouse

PAGE = (Path(__file__).parents[2] / "docs" / "embeddings.md").read_text()


def test_the_query_of_the_page_gives_each_event_its_vector(
    warehouse: Warehouse, static: Encoder, clock: SimulatedClock
) -> None:
    found = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    events = [event("one text"), event("one text", at=NOON + timedelta(minutes=1)), event("another"), event("🙂🙃")]
    write(warehouse, [*events, event("one text", tenant="other"), event("one text", at=NOON + timedelta(hours=2))])
    list(worker(warehouse, static, clock).embed(NOON - timedelta(hours=1), NOON + timedelta(hours=3)))
    parameters = {
        "tenant": "acme",
        "encoder": identity(static),
        "since": NOON,
        "until": NOON + timedelta(hours=1),
        "first_day": NOON.date().isoformat(),
        "last_day": NOON.date().isoformat(),
    }
    rows = warehouse.query(found[1], parameters)
    # The one of unknown characters only has no direction.
    assert {event_id for event_id, _ in rows} == {one.event_id for one in events[:3]}
    assert all(len(vector) == static.dimensions for _, vector in rows)


def test_the_model_card_speaks_of_the_weights_that_are_shipped(static: Encoder) -> None:
    assert f"`{identity(static)}`" in PAGE
    assert (SHIPPED_WEIGHTS / VECTORS_FILE).stat().st_size < 10 * 2**20
