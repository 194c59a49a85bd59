"""Charts in the console's palette. Axes are in UTC; names from telemetry are data, never parts of a specification."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import altair as alt
import pandas as pd

from dashboard.look.palette import Theme
from dashboard.views.literal import literal
from dashboard.views.moments import span, utc
from dashboard.views.reading import buckets
from dashboard.views.traffic import Mark, Traffic

VALUE_WIDTH, LANE_WIDTH = 46, 118
"""Pixels of a value axis and of an axis of names. Charts under each other share their time axis only if theirs are
equally wide."""

_MARK_TONE = {"found": "critical", "acted": "accent", "person": "plan"}
_FONT = "Source Sans, sans-serif"
# No domain: the columns cover [since, until), and everything else lies within. A stated domain makes Vega-Lite
# compare it with itself in two spellings and warn.
_UTC = alt.Scale(type="utc", nice=False, padding=0)


def styled(chart: alt.TopLevelMixin, colours: Theme) -> Any:
    """The chart with the console's fonts and lines."""
    # Padding stands in the specification itself: without it Streamlit adds 20 pixels below.
    return chart.properties(padding={"left": 0, "right": 8, "top": 4, "bottom": 2}).configure(
        background="transparent",
        font=_FONT,
        axis=alt.AxisConfig(
            labelColor=colours["muted"],
            titleColor=colours["muted"],
            gridColor=colours["line"],
            domainColor=colours["line"],
            tickColor=colours["line"],
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            gridOpacity=0.7,
        ),
        legend=alt.LegendConfig(
            labelColor=colours["text"],
            titleColor=colours["muted"],
            labelFontSize=12,
            symbolType="square",
            symbolSize=90,
        ),
        view=alt.ViewConfig(stroke=None),
    )


def columns(
    traffic: Traffic,
    colours: Theme,
    palette: dict[str, str],
    *,
    height: int,
    title: str | None,
    marks: Sequence[Mark] = (),
    window: tuple[datetime, datetime] | None = None,
    legend: bool = False,
    time_axis: bool = True,
    labels: bool = True,
    axis_width: int = VALUE_WIDTH,
) -> Any:
    """Calls a column of time, series stacked in the colours that `palette` gives them (names of the palette).

    `marks` are lines across; `window` shades a span.
    """
    width = timedelta(seconds=traffic.width_s)
    frame = pd.DataFrame(
        {
            "start": [point.start for point in traffic.points],
            "end": [point.start + width for point in traffic.points],
            "series": [literal(point.series, 60) for point in traffic.points],
            "calls": [point.calls for point in traffic.points],
            "when": [f"{utc(point.start)} UTC, {span(width)}" for point in traffic.points],
        }
    )
    names = [literal(name, 60) for name in palette]
    highest = frame.groupby("start")["calls"].sum().max() if len(frame) else 0
    lanes = _lanes(marks, traffic) if labels else []
    ceiling = max(1.0, float(highest)) * (1.06 + 0.16 * (max(lanes, default=-1) + 1))
    x = alt.X("start:T", title=None, scale=_UTC, axis=_time_axis(traffic) if time_axis else None)
    bars = (
        alt.Chart(frame)
        .mark_bar(binSpacing=0, orient="vertical")
        .encode(
            x=x,
            x2="end:T",
            y=alt.Y(
                "calls:Q",
                title=title,
                stack="zero",
                scale=alt.Scale(domain=[0, ceiling], nice=False),
                axis=alt.Axis(tickCount=4, minExtent=axis_width, maxExtent=axis_width, format="~s", tickMinStep=1),
            ),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=names, range=[colours[tone] for tone in palette.values()]),
                legend=alt.Legend(title=None, orient="top", direction="horizontal", offset=2) if legend else None,
            ),
            tooltip=[
                alt.Tooltip("when:N", title="from"),
                alt.Tooltip("series:N", title="who"),
                alt.Tooltip("calls:Q", title="calls", format=","),
            ],
        )
    )
    layers: list[Any] = [bars]
    if window is not None:
        layers.insert(0, _shade(window, traffic, x, colours))
    layers += _lines(marks, lanes, traffic, x, colours)
    return styled(alt.layer(*layers).properties(height=height), colours)


def lanes_of_time(
    frame: pd.DataFrame, traffic: Traffic, colours: Theme, *, lanes: Sequence[str], tones: dict[str, str], spans: bool
) -> Any:
    """Things on the time axis of `traffic`, one lane a kind.

    `frame` has the columns start, end, point, lane, tone, label, when and number; `spans` draws bars from start to end
    and points at `point`, otherwise there are points at `start`, the larger the greater `number`.
    """
    columns_ = buckets(traffic.since, traffic.until, traffic.width_s)
    ends = [columns_[0], columns_[-1] + timedelta(seconds=traffic.width_s)]
    edges = pd.DataFrame({"start": ends, "lane": [lanes[0]] * 2})
    x = alt.X("start:T", title=None, scale=_UTC, axis=_time_axis(traffic))
    lane = alt.Y(
        "lane:N",
        title=None,
        scale=alt.Scale(domain=list(lanes)),
        axis=alt.Axis(
            minExtent=LANE_WIDTH, maxExtent=LANE_WIDTH, labelLimit=LANE_WIDTH, ticks=False, domain=False, grid=True
        ),
    )
    colour = alt.Color(
        "tone:N", scale=alt.Scale(domain=list(tones), range=[colours[tone] for tone in tones.values()]), legend=None
    )
    tooltip = [alt.Tooltip("label:N", title="what"), alt.Tooltip("when:N", title="when")]
    shown = frame.assign(label=[literal(label, 120) for label in frame["label"]])
    base = alt.Chart(shown).encode(y=lane, color=colour, tooltip=tooltip)
    # Invisible, so that the axis spans what the traffic's does.
    layers: list[Any] = [alt.Chart(edges).mark_point(opacity=0).encode(x=x, y=lane)]
    if spans:
        layers.append(base.mark_bar(height=9, cornerRadius=4, opacity=0.5, orient="horizontal").encode(x=x, x2="end:T"))
        layers.append(
            base.mark_point(filled=True, size=75, opacity=1).encode(x=alt.X("point:T", title=None, scale=_UTC))
        )
    else:
        size = alt.Size("number:Q", scale=alt.Scale(domain=[1, 50], range=[50, 420], clamp=True), legend=None)
        layers.append(base.mark_point(filled=True, opacity=0.9).encode(x=x, size=size))
    return styled(alt.layer(*layers).properties(height=26 * len(lanes) + 8), colours)


def _time_axis(traffic: Traffic) -> alt.Axis:
    length = traffic.until - traffic.since
    ticks: Any = 10
    if length <= timedelta(days=1, hours=1):
        spelling = "%H:%M"
    elif length <= timedelta(days=4):
        spelling = "%d %b %H:%M"
    else:
        # Whole days, else a day would be named twice.
        spelling = "%d %b"
        ticks = alt.TimeIntervalStep(interval="day", step=1 if length <= timedelta(days=12) else 3)
    return alt.Axis(format=spelling, tickCount=ticks, grid=False, labelFlush=False, labelBound=True, labelOverlap=True)


def _shade(window: tuple[datetime, datetime], traffic: Traffic, x: alt.X, colours: Theme) -> Any:
    frame = pd.DataFrame({"start": [max(window[0], traffic.since)], "end": [min(window[1], traffic.until)]})
    return alt.Chart(frame).mark_rect(color=colours["accent"], opacity=0.07).encode(x=x, x2="end:T")


def _lanes(marks: Sequence[Mark], traffic: Traffic) -> list[int]:
    """A lane for the label of each mark, so that labels near each other stand under each other."""
    length = (traffic.until - traffic.since).total_seconds() or 1.0
    ends: list[float] = []
    lanes = []
    for mark in marks:
        position = (mark.at - traffic.since).total_seconds() / length
        reach = position + 0.02 + 0.011 * len(mark.label)
        lane = next((place for place, end in enumerate(ends) if end <= position), len(ends))
        if lane == len(ends):
            ends.append(reach)
        else:
            ends[lane] = reach
        lanes.append(lane)
    return lanes


def _lines(marks: Sequence[Mark], lanes: Sequence[int], traffic: Traffic, x: alt.X, colours: Theme) -> list[Any]:
    shown = [place for place, mark in enumerate(marks) if traffic.since <= mark.at <= traffic.until]
    if not shown:
        return []
    frame = pd.DataFrame(
        {
            "start": [marks[place].at for place in shown],
            "label": [marks[place].label for place in shown],
            "when": [f"{utc(marks[place].at)} UTC" for place in shown],
            "colour": [colours[_MARK_TONE[marks[place].kind]] for place in shown],
            "lane": [lanes[place] if lanes else 0 for place in shown],
        }
    )
    base = alt.Chart(frame).encode(
        x=x,
        # The colour itself stands in the data: these lines share no scale with the series.
        color=alt.Color("colour:N", scale=None),
        tooltip=[alt.Tooltip("label:N", title="what"), alt.Tooltip("when:N", title="when")],
    )
    drawn: list[Any] = [base.mark_rule(size=1.5, strokeDash=[4, 3])]
    for lane in sorted(set(lanes)):
        here = base.transform_filter(alt.datum.lane == lane)
        place: dict[str, Any] = {"align": "left", "baseline": "top", "dx": 5, "fontSize": 11.5, "fontWeight": 600}
        spelled: dict[str, Any] = {"text": "label:N", "y": alt.value(2 + 14 * lane)}
        # A halo in the colour of the surface keeps a label readable where a line crosses it.
        halo = here.mark_text(stroke=colours["surface"], strokeWidth=5, strokeJoin="round", **place)
        drawn += [
            halo.encode(color=alt.value(colours["surface"]), **spelled),
            here.mark_text(**place).encode(**spelled),
        ]
    return drawn
