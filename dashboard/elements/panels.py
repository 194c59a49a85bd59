"""Charts on a page."""

from __future__ import annotations

from typing import Any

import streamlit as st


def chart(drawn: Any, key: str) -> None:
    """Show an Altair chart.

    Not through `st.altair_chart`: that checks every specification against the schema of Vega-Lite, which takes longer
    than all queries of a page. tests/dashboard/test_charts.py does it once for all.
    """
    st.vega_lite_chart(drawn.to_dict(validate=False), theme=None, key=key)
