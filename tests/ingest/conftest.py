"""Fixtures of the ingest tests."""

from __future__ import annotations

import pytest
import structlog


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """Logs of a simulated crash are not news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20), cache_logger_on_first_use=False)
