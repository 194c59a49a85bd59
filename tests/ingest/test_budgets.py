"""A noisy tenant costs nobody else anything: texts beyond its budget are sampled, events never."""

from __future__ import annotations

import json
from datetime import timedelta

from ingest.budgets import BodyBudgets, body_bytes
from ingest.outcome import Accepted
from ingest.writer import EventWriter
from tests.ingest.events import NOW, ORIGIN, event, pipeline
from vigil.warehouse import Warehouse

TEXT = "x y " * 250
BUDGET = 100_000.0


def sent(tenant: str, count: int, *, minutes: float = 0.0) -> list[Accepted]:
    """Events of one tenant with 1,000 characters each, received in one batch."""
    known = pipeline(trust_tenant=True)
    payload = event(tenant_id=tenant, input=TEXT, output=..., event_id=...)
    outcomes = [
        known.accept(json.dumps({**payload, "response_id": f"{tenant}-{number}"}).encode(), ORIGIN, now=NOW + timedelta(minutes=minutes))
        for number in range(count)
    ]  # fmt: skip
    return [item for (item,) in outcomes if isinstance(item, Accepted)]


def test_a_tenant_within_its_budget_keeps_every_text_beside_one_far_beyond_it() -> None:
    quiet, noisy = sent("quiet", 90), sent("noisy", 2_000)
    kept, shed, shares = BodyBudgets(BUDGET).divide([*noisy, *quiet])
    assert len(kept) + len(shed) == 2_090
    assert all(item in kept for item in quiet)
    kept_bytes = sum(body_bytes(item.event) for item in kept if item.event.tenant_id == "noisy")
    assert 0.5 * BUDGET < kept_bytes < 1.5 * BUDGET
    by_tenant = {share.tenant_id: share for share in shares}
    assert by_tenant["quiet"].kept_bodies == by_tenant["quiet"].bodies == 90
    assert by_tenant["noisy"].bodies == 2_000
    assert by_tenant["noisy"].kept_bytes == kept_bytes


def test_the_budget_comes_back_with_time_and_never_exceeds_a_minute() -> None:
    budgets = BodyBudgets(BUDGET)
    assert len(budgets.divide(sent("a", 100))[0]) == 100
    assert len(budgets.divide(sent("a", 100))[0]) == 0
    half = len(budgets.divide(sent("a", 100, minutes=0.5))[0])
    assert 30 <= half <= 70
    assert len(budgets.divide(sent("a", 400, minutes=60))[0]) < 200


def test_the_same_batch_sheds_the_same_bodies_whoever_divides_it() -> None:
    batch = sent("noisy", 500)
    first, second = (BodyBudgets(BUDGET).divide(batch) for _ in range(2))
    assert first == second


def test_shed_events_are_stored_without_their_text_and_the_share_is_recorded(warehouse: Warehouse) -> None:
    writer = EventWriter(warehouse, BodyBudgets(BUDGET))
    batch = [*sent("noisy", 1_000), *sent("quiet", 50)]
    for _ in range(2):
        # The second time the tenant's bucket is empty: what stands is what was decided first.
        writer.write(batch, [], token="t")
    rows = warehouse.query(
        "SELECT tenant_id, count(), countIf(text_fingerprint != 0) FROM events GROUP BY 1 ORDER BY 1"
    )
    assert rows == [("noisy", 1_000, 1_000), ("quiet", 50, 50)]
    bodies = dict(warehouse.query("SELECT tenant_id, count() FROM bodies GROUP BY tenant_id"))
    assert bodies["quiet"] == 50
    assert 50 < bodies["noisy"] < 150
    minutes = dict(warehouse.query("SELECT tenant_id, (sum(bodies), sum(kept_bodies)) FROM tenant_minutes GROUP BY 1"))
    assert minutes == {"noisy": (1_000, bodies["noisy"]), "quiet": (50, 50)}
