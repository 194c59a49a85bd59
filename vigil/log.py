"""Structured logs: one line an event, JSON when not on a terminal. Text of telemetry is never logged."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: str = "info", *, json_lines: bool | None = None) -> None:
    """Set up logging for a process. `json_lines` defaults to: not on a terminal."""
    if json_lines is None:
        json_lines = not sys.stderr.isatty()
    numeric = getattr(logging, level.upper())
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    # Each failed call logs a traceback there, and is raised as well: the error that vigil makes of it says more.
    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger bound to the component's name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
