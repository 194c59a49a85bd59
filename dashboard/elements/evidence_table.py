"""The events behind an incident: metadata at once, redacted text behind an audited reveal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import streamlit as st

from dashboard import routes, session
from dashboard.elements.flash import attempt
from dashboard.elements.notices import empty
from dashboard.elements.records_table import Badge, Cell, Column, Detail, Row, records_table
from dashboard.look.markup import element
from dashboard.views.evidence import Body, EventRow, reveal
from dashboard.views.moments import epoch_ms, span, utc
from dashboard.views.words import count
from vigil.errors import UsageError

REVEALED_FOR = timedelta(minutes=15)
"""Then the text is hidden again; a further look is a further reveal, with its own reason."""

_KEY = "revealed"
_PREVIEW = 160

_COLUMNS = (
    Column("time", "Time (UTC)", "time"),
    Column("account", "Account", "mono"),
    Column("model", "Model"),
    Column("status", "Status", "badges"),
    Column("tokens", "Tokens in / out", "number"),
    Column("duration", "Duration", "number"),
    Column("network", "Network", "clip"),
    Column("agent", "Client", "clip"),
)

_REVEALED_COLUMNS = (*_COLUMNS[:2], Column("turn", "Last turn (redacted)"), Column("status", "Status", "badges"))


class Revealed(msgspec.Struct, frozen=True):
    """Text that this session may show until then."""

    until: datetime
    bodies: Mapping[str, Body]


def evidence_table(tenant_id: str, incident_id: str, events: Sequence[EventRow]) -> None:
    """The events, and the button that reveals their text."""
    if not events:
        empty(
            "No events are kept for this incident.",
            "It speaks of something else than calls (a silent source), or its events are older than the telemetry kept.",
        )
        return
    shown = _shown(incident_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if shown is None:
            with_text = sum(event.has_content for event in events)
            if st.button("Reveal text…", key="reveal", icon=":material/visibility:", disabled=with_text == 0):
                _ask(tenant_id, incident_id, [event.event_id for event in events])
            st.html(
                element(
                    "span",
                    f"{count(with_text, 'call')} of {len(events)} came with text. Revealing it needs a reason and is written to the ledger."
                    if with_text
                    else "The sender gave no text with these calls.",
                    classes="v-muted",
                )
            )
        else:
            left = shown.until - session.now()
            st.button("Hide text", key="hide", icon=":material/visibility_off:", on_click=_hide, args=(incident_id,))
            st.html(
                element(
                    "span",
                    f"Redacted text of {count(len(shown.bodies), 'call')}, for {span(left)} more. The reveal is on the ledger.",
                    classes="v-muted",
                )
            )
    bodies = shown.bodies if shown else {}
    columns = _COLUMNS if shown is None else _REVEALED_COLUMNS
    records_table(
        "evidence", columns, [_row(tenant_id, event, bodies) for event in events], caption="Evidence", height=620
    )


def events_table(key: str, tenant_id: str, events: Sequence[EventRow]) -> None:
    """Calls without any text."""
    columns = [column for column in _COLUMNS if column.key != "account"]
    records_table(key, columns, [_row(tenant_id, event, {}) for event in events], caption="Calls", height=620)


def _row(tenant_id: str, event: EventRow, bodies: Mapping[str, Body]) -> Row:
    body = bodies.get(event.event_id)
    usual = event.status in ("ok", "")
    flags = [] if usual else [Badge(event.status, "high")]
    if event.refused:
        flags.append(Badge("refused", "plan"))
    network = " · ".join(part for part in (f"AS{event.asn}" if event.asn else "", event.country) if part)
    text = (
        (Detail("Last turn", body.last_turn, block=True), Detail("Answer", body.output, block=True))
        if body
        else (Detail("Text", "hidden" if event.has_content else "the sender gave none"),)
    )
    return Row(
        id=event.event_id,
        cells={
            "time": Cell(text=utc(event.event_time), sort=epoch_ms(event.event_time)),
            "turn": Cell(text=body.last_turn[:_PREVIEW] if body else "–"),
            "account": Cell(text=event.account_id, href=routes.account(tenant_id, event.account_id)),
            "model": Cell(text=event.model or "–"),
            "status": Cell(text=(event.status or "–") if usual else "", badges=tuple(flags), sort=event.status),
            "tokens": Cell(
                text=f"{_number(event.input_tokens)} / {_number(event.output_tokens)}", sort=event.input_tokens or 0
            ),
            "duration": Cell(
                text=f"{event.duration_ms:,} ms" if event.duration_ms is not None else "–", sort=event.duration_ms or 0
            ),
            "network": Cell(text=network or "–"),
            "agent": Cell(text=event.user_agent[:200] or "–", title=event.user_agent[:200]),
        },
        detail=(*text, Detail("Source", event.source), Detail("Event", event.event_id)),
    )


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _shown(incident_id: str) -> Revealed | None:
    kept: Revealed | None = st.session_state.get(_KEY, {}).get(incident_id)
    if kept is None or kept.until <= session.now():
        return None
    return kept


def _ask(tenant_id: str, incident_id: str, event_ids: Sequence[str]) -> None:
    @st.dialog("Reveal the redacted text")
    def dialog() -> None:
        st.html(
            element(
                "p",
                f"People wrote it. Say why you need to read it: the ledger keeps your name, the reason and the {len(event_ids)} calls.",
                classes="v-muted",
            )
        )
        st.text_input(
            "Reason", key="reveal_reason", placeholder="e.g. decide whether the template is a customer's own campaign"
        )
        if st.button(
            "Reveal", key="reveal_confirmed", type="primary", on_click=_reveal, args=(tenant_id, incident_id, event_ids)
        ):
            st.rerun()

    dialog()


def _reveal(tenant_id: str, incident_id: str, event_ids: Sequence[str]) -> None:
    reason = str(st.session_state.get("reveal_reason") or "")

    def work() -> None:
        if not reason.strip():
            raise UsageError("Give a reason: it is what the ledger keeps beside your name.")
        bodies = reveal(
            session.record(),
            session.warehouse(),
            session.clock(),
            tenant_id=tenant_id,
            event_ids=event_ids,
            incident_id=incident_id,
            actor=session.analyst(),
            reason=reason,
        )
        kept = st.session_state.setdefault(_KEY, {})
        kept[incident_id] = Revealed(session.now() + REVEALED_FOR, bodies)

    attempt("The text was not revealed.", "Revealed; the ledger has your name and reason.", work)


def _hide(incident_id: str) -> None:
    st.session_state.get(_KEY, {}).pop(incident_id, None)
