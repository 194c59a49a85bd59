"""What every page works with: settings, clock, record, warehouse and who is sitting in front of it."""

from __future__ import annotations

import getpass
from datetime import datetime

import streamlit as st

from dashboard.look.palette import Theme, theme
from dashboard.pooled import PooledWarehouse
from vigil.clock import Clock
from vigil.record import Record, open_record
from vigil.record.incidents import SERVICE
from vigil.settings import Settings, load
from vigil.warehouse.connection import clickhouse_url


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings of this process: `vigil dashboard --config` passes its file on as VIGIL_CONFIG."""
    return load()


@st.cache_resource(show_spinner=False)
def clock() -> Clock:
    """The clock that the settings ask for."""
    return settings().make_clock()


@st.cache_resource(show_spinner=False, on_release=Record.close)
def record() -> Record:
    """The record. Raises RecordUnavailable; a later call tries again."""
    return open_record(settings())


def warehouse() -> PooledWarehouse:
    """ClickHouse. Raises WorkspaceError when no stack runs in the workspace; a later call tries again."""
    # Looked up each time: a stack that was started again listens elsewhere.
    return _warehouse_at(clickhouse_url(settings()))


@st.cache_resource(show_spinner=False, max_entries=1, on_release=PooledWarehouse.release)
def _warehouse_at(url: str) -> PooledWarehouse:
    return PooledWarehouse(url)


def now() -> datetime:
    """The present by the configured clock."""
    return clock().now()


def analyst() -> str:
    """The name written to the record for what is done here: the service's own, which decides nothing, when nobody's is known."""
    try:
        return settings().dashboard.analyst or getpass.getuser()
    except (KeyError, OSError):
        return SERVICE  # a container under a user without a name


def colours() -> Theme:
    """The palette of the theme that the browser shows."""
    return theme(st.context.theme.type)
