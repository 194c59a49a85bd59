"""`vigil embed`: the embedding worker."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING

import click

from vigil.errors import UsageError, WorkspaceError
from vigil.options import common, print_json
from vigil.settings import Settings

if TYPE_CHECKING:
    from detectors.embed.worker import EmbeddingWorker


@click.command()
@click.option("--once", is_flag=True, help="Embed what is missing of the last embed.lookback_hours, then end.")
@click.option("--since", metavar="TIME", help="Embed history from this time (RFC 3339) on, then end.")
@click.option("--until", metavar="TIME", help="Where that history ends; default: now.")
@click.option("--encoder", help="Instead of embed.encoder: static, transformer, or transformer:FOLDER.")
@click.option("--device", help="Instead of embed.device: cpu, cuda, cuda:1.")
@click.option("--share", "share_text", default="1/1", metavar="N/M", show_default=True, help="Copy N of M copies.")
@common
def embed(
    once: bool,
    since: str | None,
    until: str | None,
    encoder: str | None,
    device: str | None,
    share_text: str,
    settings: Settings,
    as_json: bool,
) -> None:
    """Give every distinct text that users wrote a vector, for detectors that compare meanings.

    Without --once or --since it runs until it is told to stop (SIGTERM or Ctrl-C). It keeps no position: what has no
    vector of this encoder is what it does next, so that starting it again, late or with another encoder is safe.
    Copies divide the texts: --share 1/2 on one machine, --share 2/2 on another.
    """
    from detectors.embed.share import Share
    from detectors.embed.worker import EmbeddingWorker
    from detectors.encoders import make_encoder
    from vigil.warehouse import migrate, open_warehouse

    share = Share.parse(share_text)
    if until and not since:
        raise UsageError("--until says where history ends; say with --since where it starts")
    start, end = (_moment(name, text) for name, text in (("--since", since), ("--until", until)))
    clock = settings.make_clock()
    now = clock.now()
    ahead = timedelta(minutes=settings.ingest.max_future_minutes)
    lookback = timedelta(hours=settings.embed.lookback_hours)
    start, end = start or now - lookback, end or now + ahead
    if start >= end:
        raise UsageError(f"--since {start.isoformat()} is not before --until {end.isoformat()}")
    chosen = make_encoder(encoder or settings.embed.encoder, device or settings.embed.device)
    with closing(open_warehouse(settings)) as warehouse:
        worker = EmbeddingWorker(warehouse, chosen, clock, batch_texts=settings.embed.batch_texts, share=share)
        if once or since:
            migrate(warehouse)
            _embed_range(worker, start, end, as_json)
            return
        _serve_metrics(settings)
        every = timedelta(seconds=settings.embed.every_s)
        worker.run(_stop_on_signals(), every=every, lookback=lookback, ahead=ahead)


def _embed_range(worker: EmbeddingWorker, since: datetime, until: datetime, as_json: bool) -> None:
    started = time.perf_counter()
    embedded = without_text = 0
    for batch in worker.embed(since, until):
        embedded += batch.embedded
        without_text += batch.without_text
    seconds = time.perf_counter() - started
    if as_json:
        print_json(
            {
                "encoder": worker.encoder,
                "device": worker.device,
                "since": since,
                "until": until,
                "embedded": embedded,
                "without_text": without_text,
                "seconds": round(seconds, 3),
            }
        )
        return
    click.echo(
        f"{embedded:,} texts embedded with {worker.encoder} on {worker.device} in {seconds:.1f} s"
        f" ({since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC)"
        + (f"; {without_text:,} got no vector because their text is no longer kept" if without_text else "")
    )


def _moment(option: str, text: str | None) -> datetime | None:
    """Raises UsageError unless `text` is a time; without an offset it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a time; write it like 2026-11-24T09:30:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _serve_metrics(settings: Settings) -> None:
    from vigil import metrics

    if (port := settings.embed.metrics_port) is None:
        return
    try:
        metrics.serve(port)
    except OSError as error:
        raise WorkspaceError(
            f"cannot serve metrics on 127.0.0.1:{port}: {error.strerror}; choose another embed.metrics_port"
        ) from error


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop
