"""What the commands share: an open record, who acts, and how moments look."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from enforcement.policies.yaml_lines import parse_span
from vigil.effect import Target
from vigil.errors import UsageError
from vigil.record import Record, open_record
from vigil.settings import Settings
from vigil.signal import SubjectType

_PRINCIPALS = frozenset({"end_user", "api_key", "account", "org"})

F = TypeVar("F", bound=Callable[..., Any])


@contextmanager
def opened(settings: Settings) -> Iterator[Record]:
    """The configured record, closed at the end. Raises RecordUnavailable."""
    record = open_record(settings)
    try:
        yield record
    finally:
        record.close()


def acting(command: F) -> F:
    """Add `--actor`; the command receives `actor: str | None`, which `name_of` completes."""
    return click.option(
        "--actor", help="Who does it, for the ledger; default: VIGIL_DASHBOARD__ANALYST, else the system user."
    )(command)


def name_of(actor: str | None, settings: Settings) -> str:
    """The name written to the record."""
    return actor or settings.dashboard.analyst or getpass.getuser()


def moment(value: datetime | None) -> str:
    """A time as people read it."""
    return "" if value is None else value.strftime("%Y-%m-%d %H:%M:%S")


def choices(values: Any) -> click.Choice[str]:
    """A choice of the values of an enum."""
    return click.Choice([value.value for value in values])


def principal(text: str) -> Target:
    """The account that `TENANT/ACCOUNT` names, or the principal that `TENANT/api_key:ID` names. Raises UsageError."""
    tenant, slash, name = text.partition("/")
    if not slash or not tenant or not name:
        raise UsageError(f"expected TENANT/ACCOUNT, e.g. acme/{text.strip('/') or 'u-1042'}")
    kind, colon, rest = name.partition(":")
    if colon and rest and kind in _PRINCIPALS:
        return Target(SubjectType(kind), rest, tenant)
    return Target(SubjectType.ACCOUNT, name, tenant)


def span_of(text: str) -> timedelta:
    """The span that `--for 4h` names. Raises UsageError."""
    span = parse_span(text)
    if span is None:
        raise UsageError(f"--for expects a span such as 30m, 4h or 7d, not {text!r}")
    return span


def time_of(text: str | None, option: str) -> datetime | None:
    """The time an option names, UTC unless it says otherwise; None stays None. Raises UsageError."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} expects a time such as 2026-11-01T12:00:00Z, not {text!r}") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
