"""Finding an account: by id or organisation, or among those that are restricted or busiest."""

from __future__ import annotations

import streamlit as st

from dashboard import routes, session
from dashboard.elements.headings import page_title, section
from dashboard.elements.notices import empty, guarded
from dashboard.elements.records_table import Badge, Cell, Column, Row, records_table
from dashboard.views import accounts as view
from dashboard.views.actions import restricted_accounts
from dashboard.views.literal import literal
from dashboard.views.moments import ago, epoch_ms, until, utc
from dashboard.views.words import effect

ROWS = 100

_COLUMNS = (
    Column("account", "Account", "mono"),
    Column("org", "Organisation"),
    Column("tenant", "Tenant"),
    Column("day", "Calls, 24 h", "number"),
    Column("month", "Calls, 30 d", "number"),
    Column("refused", "Refused", "number"),
    Column("last", "Last seen", "time"),
    Column("incidents", "Incidents", "number"),
    Column("force", "In force", "badges"),
)


def wanted() -> tuple[str, str | None]:
    """The search row, kept in the address."""
    tenants = view.tenants(session.warehouse(), session.now())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text = st.text_input(
            "Find",
            key="account_q",
            placeholder="Part of an account or organisation id",
            icon=":material/search:",
            width=360,
            bind="query-params",
            label_visibility="collapsed",
        )
        tenant = st.selectbox(
            "Tenant",
            tenants,
            index=None,
            key="account_tenant",
            format_func=literal,
            placeholder="All tenants",
            width=240,
            label_visibility="collapsed",
        )
    return text or "", tenant


def restricted() -> None:
    """Accounts with something in force now."""
    now = session.now()
    with session.record().read() as connection:
        names = restricted_accounts(connection, now)
        standings = view.standings(connection, names, now)
    section("Restricted now", f"{len(names)}")
    if not names:
        empty("No account is restricted.", "Effects in force appear here, the latest first.")
        return
    records_table(
        "restricted",
        (
            Column("account", "Account", "mono"),
            Column("tenant", "Tenant"),
            Column("incidents", "Incidents", "number"),
            Column("force", "In force", "badges"),
            Column("ends", "Ends", "time"),
        ),
        [_restricted_row(name, standings[name]) for name in names],
        caption="Restricted accounts",
        height=330,
    )


def _restricted_row(name: tuple[str, str], standing: view.Standing) -> Row:
    tenant, account = name
    now = session.now()
    href = routes.account(tenant, account)
    ends = [action.expires_at for action in standing.in_force if action.expires_at is not None]
    last = max(ends) if len(ends) == len(standing.in_force) and ends else None
    return Row(
        id=href,
        href=href,
        cells={
            "account": Cell(text=account, href=href),
            "tenant": Cell(text=tenant),
            "incidents": Cell(text=str(standing.incidents), sort=standing.incidents),
            "force": _force(standing),
            "ends": Cell(
                text=until(last, now) if last else "no end",
                title=f"{utc(last)} UTC" if last else "",
                sort=epoch_ms(last),
            ),
        },
    )


def found(text: str, tenant: str | None) -> None:
    """What the search found, or the busiest accounts."""
    now = session.now()
    rows = view.search(session.warehouse(), now, text=text, tenant=tenant, limit=ROWS)
    section(
        "Found" if text else "Busiest in 24 hours",
        f"{len(rows)}" + ("" if len(rows) < ROWS else " (the busiest; narrow the search for others)"),
    )
    if not rows:
        empty(
            "No account matches." if text or tenant else "No account has been seen in 30 days.",
            "Search for a part of its id or of its organisation's."
            if text or tenant
            else "Accounts appear with their first call: see System health for what comes in.",
        )
        return
    with session.record().read() as connection:
        standings = view.standings(connection, [(row.tenant_id, row.account_id) for row in rows], now)
    records_table(
        "accounts",
        _COLUMNS,
        [_row(row, standings[row.tenant_id, row.account_id]) for row in rows],
        caption="Accounts",
        height=640,
    )


def _row(row: view.AccountRow, standing: view.Standing) -> Row:
    now = session.now()
    href = routes.account(row.tenant_id, row.account_id)
    share = row.refusals / row.calls if row.calls else 0.0
    return Row(
        id=href,
        href=href,
        cells={
            "account": Cell(text=row.account_id, href=href),
            "org": Cell(text=row.org_id or "–"),
            "tenant": Cell(text=row.tenant_id),
            "day": Cell(text=f"{row.calls_day:,}", sort=row.calls_day),
            "month": Cell(text=f"{row.calls:,}", sort=row.calls),
            "refused": Cell(text=f"{share:.1%}", sort=share),
            "last": Cell(text=ago(row.last_seen, now), title=f"{utc(row.last_seen)} UTC", sort=epoch_ms(row.last_seen)),
            "incidents": Cell(text=str(standing.incidents) if standing.incidents else "–", sort=standing.incidents),
            "force": _force(standing),
        },
    )


def _force(standing: view.Standing) -> Cell:
    return Cell(
        badges=tuple(Badge(effect(action), "high") for action in standing.in_force),
        text="" if standing.in_force else "–",
        tone="quiet",
        sort=-len(standing.in_force),
    )


page_title("Accounts", "activity over 30 days")
with guarded("The accounts"):
    text, tenant = wanted()
    if not text and not tenant:
        restricted()
    found(text, tenant)
