"""What people paste below a request: prose, code, JSON, logs, tables."""

from __future__ import annotations

from collections.abc import Callable

from simulator.dice import Dice
from simulator.text.grammar import Grammar, Slots
from simulator.text.words import Names


def prose(grammar: Grammar, slots: Slots, names: Names, dice: Dice) -> str:
    """A few paragraphs of statements; lengths are heavy-tailed."""
    sentences = min(160, max(3, int(dice.lognormal(9, 0.95))))
    parts = []
    for number in range(sentences):
        parts.append(grammar.expand("statement", slots, dice))
        parts.append("\n\n" if number % 6 == 5 else " ")
    return "".join(parts).strip()


def python_code(grammar: Grammar, slots: Slots, names: Names, dice: Dice) -> str:
    """A module-like piece of Python."""
    blocks = []
    for _ in range(dice.whole(1, 4)):
        function, argument, local = dice.zipf(names.terms), dice.zipf(names.terms), dice.zipf(names.terms)
        body = dice.pick(
            (
                f"    {local} = []\n    for item in {argument}:\n        if item.{dice.zipf(names.terms)} > {dice.below(500)}:\n            {local}.append(item)\n    return {local}",
                f"    with open({argument!r}) as stream:\n        {local} = stream.read().split({dice.pick((',', ';', '|'))!r})\n    return [part.strip() for part in {local}]",
                f"    {local} = {dice.zipf(names.terms)}({argument})\n    if {local} is None:\n        raise ValueError({dice.zipf(names.terms)!r})\n    return {local} * {dice.below(90)}",
                f"    return {{key: value for key, value in {argument}.items() if key.startswith({dice.zipf(names.terms)[:3]!r})}}",
            )
        )
        blocks.append(f"def {function}_{dice.zipf(names.terms)}({argument}):\n{body}\n")
    return "\n".join(blocks)


def sql_query(grammar: Grammar, slots: Slots, names: Names, dice: Dice) -> str:
    """A query over invented tables."""
    table, other, column = dice.zipf(names.terms), dice.zipf(names.terms), dice.zipf(names.terms)
    return (
        f"SELECT t.{column}, count(*) AS n, sum(o.{dice.zipf(names.terms)})\nFROM {table} t\n"
        f"JOIN {other} o ON o.{table}_id = t.id\nWHERE t.{dice.zipf(names.terms)} >= {dice.below(10_000)}\n"
        f"GROUP BY t.{column}\nORDER BY n DESC\nLIMIT {dice.whole(5, 500)};"
    )


def json_document(grammar: Grammar, slots: Slots, names: Names, dice: Dice) -> str:
    """A list of records with invented keys."""
    keys = [dice.zipf(names.terms) for _ in range(dice.whole(3, 6))]
    records = []
    for _ in range(dice.whole(2, 8)):
        values = (f'"{dice.zipf(names.places)}"', str(dice.below(100_000)), f"{dice.unit():.4f}", "true", "null")
        records.append("  {" + ", ".join(f'"{key}": {dice.pick(values)}' for key in keys) + "}")
    return "[\n" + ",\n".join(records) + "\n]"


def log_lines(grammar: Grammar, slots: Slots, names: Names, dice: Dice) -> str:
    """Lines of a service's log, sometimes with a traceback's end."""
    service = dice.zipf(names.terms)
    lines = [
        f"2026-{dice.whole(1, 11):02}-{dice.whole(1, 28):02}T{dice.below(24):02}:{dice.below(60):02}:{dice.below(60):02}Z"
        f" {dice.pick(('INFO', 'INFO', 'WARN', 'ERROR'))} {service}: {dice.zipf(names.terms)} {dice.pick(('timed out after', 'returned', 'retried', 'queued as'))} {dice.below(9000)}"
        for _ in range(dice.whole(3, 14))
    ]
    if dice.chance(0.5):
        lines.append(f"{dice.zipf(names.terms).capitalize()}Error: {grammar.expand('statement', slots, dice)}")
    return "\n".join(lines)


def table(grammar: Grammar, slots: Slots, names: Names, dice: Dice) -> str:
    """Comma-separated rows."""
    header = ",".join(dice.zipf(names.terms) for _ in range(4))
    rows = [
        f"{dice.zipf(names.places)},{dice.below(5000)},{dice.unit() * 100:.2f},{dice.zipf(names.people)}"
        for _ in range(dice.whole(4, 20))
    ]
    return "\n".join([header, *rows])


Document = Callable[[Grammar, Slots, Names, Dice], str]
TECHNICAL: tuple[Document, ...] = (python_code, json_document, log_lines, sql_query, table)
"""What software and data people paste, most of the time."""
EVERYDAY: tuple[Document, ...] = (prose, prose, prose, table)
