"""What people see: a live display while it plays, a report at the end."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.demo.performance import Outcome
from jobs.demo.play import Played
from jobs.demo.verdict import AttackVerdict, LookalikeVerdict, Verdict
from vigil.effect import EffectKind

_WIDTH = 46


class LiveView:
    """The display while it plays: on a terminal one that moves, elsewhere one line a step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said: set[str] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside, the display is up."""
        if not self._console.is_terminal:
            yield
            return
        with Live(Text(""), console=self._console, refresh_per_second=8, transient=True) as self._live:
            yield
        self._live = None

    def step(self, text: str) -> None:
        """A line that stays."""
        self._console.print(f"[dim]{escape(text)} …[/dim]")
        if self._live is not None:
            self._live.update(Text(""))

    def past(self, share: float) -> None:
        """A bar of the import."""
        if self._live is not None:
            self._live.update(_bar(share))

    def playing(self, played: Played, share: float, verdict: Verdict, restricted: int) -> None:
        """Time, counts and incidents so far."""
        if self._live is not None:
            self._live.update(_display(played, share, verdict, restricted))
            return
        for attack in verdict.attacks:
            for incident in attack.incidents[:1]:
                self._once(incident.incident_id, f"{incident.opened_at:%H:%M}  found: {incident.title}")
            if attack.contained_at is not None:
                name = attack.instance.scenario
                self._once(name, f"{attack.contained_at:%H:%M}  contained: {name}")

    def _once(self, about: str, line: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self._console.print(escape(line))


def _display(played: Played, share: float, verdict: Verdict, restricted: int) -> RenderableType:
    head = Text.assemble(
        (f"{played.at:%a %H:%M} ", "bold"),
        f"  {played.sent:,} events sent   {restricted} principals restricted   {sum(played.refused.values()):,} calls refused",
    )
    lines: list[RenderableType] = [head, _bar(share)]
    for attack in verdict.attacks:
        for incident in attack.incidents[:1]:
            state = "contained" if attack.contained else f"{len(attack.restricted)} restricted"
            lines.append(
                Text.assemble(
                    (f"{incident.opened_at:%H:%M} {incident.severity.label:8} ", "red"), f"{incident.title}  ({state})"
                )
            )
    lines += [
        Text(f"{incident.opened_at:%H:%M} {incident.severity.label:8} {incident.title}", style="yellow")
        for incident in verdict.other_incidents
    ]
    return Group(*lines)


def _bar(share: float) -> RenderableType:
    # In a grid, because a bar by itself does not end its line.
    grid = Table.grid()
    grid.add_row(ProgressBar(total=1.0, completed=min(1.0, max(0.0, share)), width=_WIDTH))
    return grid


def report(outcome: Outcome, console: Console) -> None:
    """What was played, what became of each attack and look-alike, and the figures."""
    verdict, scene = outcome.verdict, outcome.scene
    console.print(
        f"\nPlayed {outcome.origin:%A %H:%M} to {outcome.origin + scene.length:%H:%M} UTC in"
        f" {scene.length.total_seconds() / scene.speed:.0f} s, after {scene.history.total_seconds() / 3600:.0f} quiet hours"
        f" ({outcome.imported:,} events): {outcome.played:,} events through Kafka, {outcome.through_kafka:,} of them in"
        f" ClickHouse, {outcome.dead_letters} dead letters.\n"
    )
    for attack in verdict.attacks:
        _report_attack(attack, console)
    for lookalike in verdict.lookalikes:
        _report_lookalike(lookalike, console)
    for incident in verdict.other_incidents:
        console.print(f"[yellow]also in the queue[/yellow]  {escape(incident.title)} ({incident.severity.label})")
    delays = [
        (action.confirmed_at - action.at).total_seconds() / scene.speed
        for action in outcome.actions
        if action.confirmed_at is not None and action.effect.restricts
    ]
    if delays:
        console.print(
            f"\n{len(delays)} effects were delivered by signed webhook and confirmed, half of them within"
            f" {statistics.median(delays):.1f} s of the decision, all within {max(delays):.1f} s. From then on the gateway"
            f" refused {sum(outcome.refused.values()):,} calls. {len(outcome.pages)} pages went to the pager:"
        )
    for title in outcome.pages:
        console.print(f"  {escape(title)}")
    console.print()


def _report_attack(attack: AttackVerdict, console: Console) -> None:
    instance = attack.instance
    console.print(f"[bold]{escape(instance.scenario)}[/bold]  {escape(instance.summary)}")
    seen = instance.detectable_from
    console.print(f"  {instance.start:%H:%M}  began" + ("" if seen is None else f", could be seen from {seen:%H:%M}"))
    for incident in attack.incidents:
        console.print(
            f"  {incident.opened_at:%H:%M}  [red]found[/red] {_after(instance.start, incident.opened_at)}:"
            f" {escape(incident.title)} ({incident.kind.value}, {incident.severity.label})"
        )
    if not attack.incidents:
        console.print("         [red]not found[/red]")
    for (policy, effect), accounts in _effects(attack).items():
        console.print(
            f"         {escape(policy)} decided: {effect.value} for {accounts} of {len(instance.offenders)} accounts"
        )
    if attack.contained_at is not None:
        console.print(
            f"  {attack.contained_at:%H:%M}  [green]contained[/green] {_after(instance.start, attack.contained_at)}:"
            f" {len(attack.restricted)} of {len(instance.offenders)} accounts confirmed"
        )
    console.print()


def _effects(attack: AttackVerdict) -> dict[tuple[str, EffectKind], int]:
    """Number of accounts by policy and effect."""
    reached: dict[tuple[str, EffectKind], set[str]] = {}
    for action in attack.actions:
        reached.setdefault((action.policy, action.effect), set()).add(action.target.id)
    return {which: len(targets) for which, targets in reached.items()}


def _report_lookalike(lookalike: LookalikeVerdict, console: Console) -> None:
    what = f"[bold]{escape(lookalike.instance.scenario)}[/bold] (harmless)  {escape(lookalike.instance.summary)}"
    if lookalike.untouched:
        console.print(f"{what}: [green]untouched[/green]")
        return
    accused = ", ".join(incident.title for incident in lookalike.incidents) or "nothing"
    touched = ", ".join(sorted({action.policy for action in lookalike.actions})) or "nothing"
    console.print(f"{what}: [red]accused by {escape(accused)}, touched by {escape(touched)}[/red]")


def _after(start: datetime, moment: datetime) -> str:
    return f"{(moment - start).total_seconds() / 60:.1f} minutes after the first call"
