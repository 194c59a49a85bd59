"""Times as analysts read them: UTC, and how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def utc(moment: datetime | None, *, date: bool = True) -> str:
    """`2026-11-24 11:02:14`, or only the time of day; `–` for none. The page says once that times are in UTC."""
    if moment is None:
        return "–"
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


def span(length: timedelta) -> str:
    """The two largest units of a duration: `26 min`, `3 h 10 min`, `2 d`.

    >>> span(timedelta(hours=3, minutes=10, seconds=5))
    '3 h 10 min'
    """
    rest = max(0, round(length.total_seconds()))
    for position, (size, unit) in enumerate(_STEPS):
        if rest >= size or size == 1:
            whole, rest = divmod(rest, size)
            text = f"{whole} {unit}"
            # Seconds beside minutes and minutes beside days are noise; an hour without its minutes is too coarse.
            if unit == "h" or (unit == "d" and whole < 3):
                smaller_size, smaller_unit = _STEPS[position + 1]
                if smaller := rest // smaller_size:
                    text += f" {smaller} {smaller_unit}"
            return text
    raise AssertionError("unreachable: the last step is one second")


def ago(moment: datetime | None, now: datetime) -> str:
    """`26 min ago`; `–` for none. What cannot lie ahead but does (clocks differ) is `just now`."""
    if moment is None:
        return "–"
    if now - moment < timedelta(seconds=2):
        return "just now"
    return f"{span(now - moment)} ago"


def until(moment: datetime, now: datetime) -> str:
    """`in 3 h`, or how long ago it was."""
    return f"in {span(moment - now)}" if moment > now else ago(moment, now)


def epoch_ms(moment: datetime | None) -> int:
    """Milliseconds since 1970, to sort by; 0 for none."""
    return 0 if moment is None else int(moment.timestamp() * 1000)
