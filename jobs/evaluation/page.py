"""The scoreboard as one HTML page that needs nothing else: no scripts, no network. Pure: figures in, markup out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from jobs.evaluation.charts import Point, bar_chart, step_chart

Figures = Mapping[str, Any]

_FALSE = "false_incidents_per_1000_account_days"
_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.bad { color: #a00; }
"""


def render(figures: Figures) -> str:
    """The page of one result of `vigil evaluate suite`."""
    sections = [
        f"<h1>Detection scoreboard: {escape(str(figures['plan']))}</h1>",
        _headline(figures),
        _regressions(figures["regressions"]),
        "<h2>Recall against false incidents</h2>",
        "<p>As the evidence that is asked for falls from left to right. Rules are tuned on each run's quiet beginning"
        " to one false alarm in 1,000 account-days there, and any alarm of theirs that speaks of an attack counts.</p>",
        step_chart(
            {name: _points(board["curve"]) for name, board in {"vigil": figures, **figures["baselines"]}.items()},
            "false incidents per 1,000 account-days",
            "share of attacks found",
        ),
        "<h2>Attacks</h2>",
        _scenarios(figures["scenarios"]),
        "<h2>Time to detect</h2>",
        "<p>Median from the first moment at which somebody who sees all traffic could have noticed.</p>",
        _delays(figures["scenarios"]),
        "<h2>What each detector contributes</h2>",
        _detectors(figures["detectors"]),
        "<h2>Harmless look-alikes</h2>",
        _lookalikes(figures["lookalikes"]),
        "<h2>Beside simple rules</h2>",
        _baselines(figures),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Detection scoreboard</title>'
        f"<style>{_STYLE}</style><body>{''.join(sections)}</body></html>\n"
    )


def _headline(figures: Figures) -> str:
    low, high = figures["found_share_interval"]
    rate_low, rate_high = figures["false_incidents_interval"]
    return (
        f"<p>{figures['found']} of {figures['instances']} attacks found (95 % interval {low:.0%} to {high:.0%});"
        f" {_number(figures[_FALSE])} false incidents per 1,000 account-days ({rate_low:.2g} to {rate_high:.2g});"
        f" {figures['lookalike_violations']} incidents about harmless look-alikes;"
        f" {figures['wrongly_acted_accounts']} accounts acted upon wrongly. {figures['seeds']} seeds,"
        f" {figures['account_days']:,} account-days, {figures['events']:,} events.</p>"
    )


def _regressions(found: Sequence[str]) -> str:
    if not found:
        return ""
    items = "".join(f"<li>{escape(one)}</li>" for one in found)
    return f'<div class="bad"><h2>Worse than the last result</h2><ul>{items}</ul></div>'


def _points(curve: Sequence[Figures]) -> list[Point]:
    return [Point(one[_FALSE], one["recall"]) for one in curve]


def _scenarios(scenarios: Mapping[str, Figures]) -> str:
    columns = ("scenario", "found", "interval", "subject precision", "subject recall", "median delay", "p90 delay")
    rows = [
        (
            name,
            f"{one['found']} of {one['instances']}",
            "{:.0%} to {:.0%}".format(*one["found_share_interval"]),
            _number(one["subject_precision"]),
            _number(one["subject_recall"]),
            _span(one["median_delay_s"]),
            _span(one["p90_delay_s"]),
        )
        for name, one in scenarios.items()
    ]
    return _table(columns, rows)


def _delays(scenarios: Mapping[str, Figures]) -> str:
    timed = [(name, one["median_delay_s"]) for name, one in scenarios.items() if one["median_delay_s"] is not None]
    return bar_chart([(name, delay, _span(delay)) for name, delay in timed], "Median time to detect")


def _detectors(detectors: Mapping[str, Figures]) -> str:
    columns = ("detector", "instances found with it", "lost without it", "false incidents", "gone without it")
    rows = [
        (name, one["found"], one["lost_without"], one["false_incidents"], one["false_without_others"])
        for name, one in detectors.items()
    ]
    bars = [(name, float(one["lost_without"]), str(one["lost_without"])) for name, one in detectors.items()]
    return _table(columns, rows) + bar_chart(bars, "Instances lost without the detector")


def _lookalikes(lookalikes: Mapping[str, Figures]) -> str:
    rows = [(name, one["instances"], one["violations"]) for name, one in lookalikes.items()]
    return _table(("look-alike", "instances", "incidents in the queue"), rows)


def _baselines(figures: Figures) -> str:
    columns = ("", "found", "false per 1,000 account-days", "about look-alikes", "subject precision", "subject recall")
    rows = [
        (
            name,
            f"{one['found']} of {one['instances']}",
            _number(one[_FALSE]),
            one["lookalike_violations"],
            _number(one["subject_precision"]),
            _number(one["subject_recall"]),
        )
        for name, one in {"vigil": figures, **figures["baselines"]}.items()
    ]
    return _table(columns, rows)


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
