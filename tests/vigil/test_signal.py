"""A signal can always be stored and read again."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from vigil.signal import IncidentKind, Severity, Signal, Window

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SIGNAL = Signal(
    detector="d",
    version="1",
    family="metrics",
    kind=IncidentKind.METRIC_ANOMALY,
    severity=Severity.LOW,
    tenant_id="acme",
    key="k",
    window=Window(NOON - timedelta(hours=1), NOON),
    subjects=(),
    title="t",
    summary="s",
    score=0.5,
    effect_size=2.0,
    p_value=1e-300,
)


def test_it_comes_back_as_it_was() -> None:
    assert msgspec.json.decode(msgspec.json.encode(SIGNAL), type=Signal) == SIGNAL


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("field", ["score", "effect_size", "p_value", "e_value"])
def test_a_number_that_json_does_not_know_is_refused_where_it_arises(field: str, number: float) -> None:
    with pytest.raises(ValueError, match="d says numbers that are not finite"):
        msgspec.structs.replace(SIGNAL, **{field: number})
