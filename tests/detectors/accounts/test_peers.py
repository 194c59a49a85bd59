"""The tail of broken records: valid under the null, and silent while too little is known."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np

from detectors.accounts.peers import QUANTILES, Measure, Record, measure, refresh_after


def fitted(
    rng: np.random.Generator, accounts: int, hours: int
) -> tuple[Measure, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """A population of heavy-tailed accounts, and the measure fitted on it."""
    level = np.exp(rng.normal(1.0, 1.2, (accounts, 1)))
    counts = rng.poisson(rng.gamma(2.0, level / 2.0, (accounts, hours))).astype(float)
    ordered = np.sort(counts, axis=1)[:, ::-1]
    flat = np.sort(counts.ravel())[::-1]
    records = [Record(hours, row[0], row[1], float(np.median(row))) for row in ordered]
    return measure(list(np.quantile(flat, QUANTILES)), list(flat[:1_000]), flat.size, records, 1.0), counts


def test_an_hour_like_all_others_is_hardly_ever_surprising() -> None:
    rng = np.random.default_rng(1)
    found, counts = fitted(rng, accounts=2_000, hours=40)
    past, now = counts[:, :-1], counts[:, -1]
    p_values = np.array(
        [found.p_value(value, Record(39, row.max(), np.sort(row)[-2])) for value, row in zip(now, past, strict=True)]
    )
    for alpha in (0.01, 0.003, 0.001):
        assert np.mean(p_values <= alpha) <= alpha + 4 * math.sqrt(alpha / len(p_values))


def test_both_the_own_record_and_the_peers_must_be_left_behind() -> None:
    found, _ = fitted(np.random.default_rng(2), accounts=500, hours=60)
    assert found.p_value(found.base * 0.9, Record(50, 1.0, 1.0)) == 1.0
    assert found.p_value(found.base * 9, Record(50, found.base * 9, found.base)) == 1.0
    assert found.p_value(found.base * 9, Record(50, found.base / 2, found.base / 3)) < 1e-4


def test_a_quiet_account_that_is_as_busy_as_others_for_once_is_no_surprise() -> None:
    found, _ = fitted(np.random.default_rng(3), accounts=500, hours=60)
    assert found.p_value(found.base * 1.2, Record(50, 1.0, 1.0)) > 1e-4
    assert found.p_value(found.base * 9, Record(50, 1.0, 1.0)) < 1e-6


def test_without_records_to_learn_from_nothing_is_surprising() -> None:
    found = measure([1.0] * len(QUANTILES), [5.0] * 10, 10, [Record(5, 5.0, 1.0)], 0.0)
    assert found.p_value(1e6, Record(50, 1.0, 1.0)) == 1.0
    assert found.p_value(1e6, Record(0, 0.0, 0.0)) == 1.0


def test_a_fit_is_renewed_more_often_while_little_is_known() -> None:
    assert refresh_after(timedelta(hours=1)) == timedelta(minutes=15)
    assert refresh_after(timedelta(days=28)) == timedelta(hours=6)
