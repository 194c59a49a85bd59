"""Charts are valid Vega-Lite, in UTC, and carry names of the telemetry as data only."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from dashboard.look import charts, palette
from dashboard.views.literal import literal
from dashboard.views.reading import buckets
from dashboard.views.traffic import Mark, Point, Traffic
from tests.dashboard.conftest import NOW
from tests.dashboard.story_cast import HOSTILE

SINCE = NOW - timedelta(hours=1)
TRAFFIC = Traffic(
    SINCE, NOW, 60, tuple(Point(start, name, 3) for name in (HOSTILE, "b") for start in buckets(SINCE, NOW, 60))
)
MARKS = [
    Mark(NOW - timedelta(minutes=30), "found", "opened"),
    Mark(NOW - timedelta(minutes=29), "acted", "throttle ×12"),
    Mark(NOW - timedelta(minutes=5), "person", "acknowledged"),
    Mark(NOW - timedelta(days=3), "acted", "outside"),
]


def columns(**wanted: Any) -> Any:
    tones = {HOSTILE: "critical", "b": "others"}
    return charts.columns(TRAFFIC, palette.LIGHT, tones, height=100, title="calls", **wanted)


def lanes(*, spans: bool) -> Any:
    frame = pd.DataFrame(
        {
            "start": [SINCE],
            "end": [NOW],
            "point": [NOW],
            "lane": ["Jailbreak"],
            "tone": ["high"],
            "label": [HOSTILE],
            "when": ["now"],
            "number": [3],
        }
    )
    return charts.lanes_of_time(frame, TRAFFIC, palette.DARK, lanes=["Jailbreak"], tones={"high": "high"}, spans=spans)


@pytest.mark.parametrize(
    "drawn",
    [
        columns(),
        columns(marks=MARKS, window=(SINCE, NOW), legend=True),
        columns(marks=MARKS, window=(SINCE, NOW), labels=False, time_axis=False),
        columns(axis_width=charts.LANE_WIDTH),
        lanes(spans=True),
        lanes(spans=False),
    ],
    ids=["plain", "full", "quiet", "wide axis", "spans", "points"],
)
def test_the_specification_is_valid_and_names_are_data(drawn: Any) -> None:
    specification = drawn.to_dict()  # checks it against the schema of Vega-Lite
    data = specification.pop("datasets")
    # The colour scale lists its names; apart from that they stand in the data.
    scales = json.dumps(specification)
    assert scales.count("onerror") == scales.count(json.dumps(literal(HOSTILE, 60)))
    assert "onerror" in json.dumps(data)
    assert "\u202e" not in json.dumps(data, ensure_ascii=False)
    assert '"type": "utc"' in scales


def test_labels_near_each_other_stand_under_each_other_and_those_outside_are_left_out() -> None:
    drawn = columns(marks=MARKS).to_dict(validate=False)
    rows = next(rows for rows in drawn["datasets"].values() if "lane" in rows[0])
    assert [(row["label"], row["lane"]) for row in rows] == [("opened", 0), ("throttle ×12", 1), ("acknowledged", 0)]
