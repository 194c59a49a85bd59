"""The real console in a process of its own, over the story, and a browser that watches what it does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.dashboard.conftest import NOW, Told, told_record_file, told_warehouse
from tests.dashboard.story import Story
from vigil.record import connect, sqlite_url
from vigil.warehouse import Warehouse

# Fixtures of tests/dashboard, used here as they are.
__all__ = ["told_record_file", "told_warehouse"]

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        reason = "no Chromium: install Debian's `chromium` package"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=20_000)  # a busy machine is slow, not broken
    # Closed after each module: while it is open, this thread has a running event loop, and other tests need their own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def running_console(told: Told, workspace: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`vigil dashboard` on a free port over these stores; yields the process and its address."""
    environment = {
        **os.environ,
        "VIGIL_WORKSPACE": str(workspace),
        "VIGIL_RECORD__URL": f"sqlite:///{told.record_file}",
        "VIGIL_CLICKHOUSE__URL": told.warehouse_url,
        "VIGIL_DASHBOARD__ANALYST": "r.okafor",
        "VIGIL_CLOCK__ORIGIN": NOW.isoformat(),
        "VIGIL_CLOCK__STARTED": "2026-11-24T00:00:00Z",
        "VIGIL_CLOCK__SPEED": "0.000001",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "vigil.cli", "dashboard", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"vigil dashboard ended with {process.wait(5)}"
        yield process, json.loads(line)["url"]
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def stage(
    told_warehouse: tuple[Warehouse, str],
    told_record_file: tuple[Path, Story],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Told, str]]:
    """The story and the address of a console over it, shared: starting one takes seconds."""
    folder = tmp_path_factory.mktemp("console")
    source, story = told_record_file
    file = folder / "record.sqlite"
    shutil.copy(source, file)
    record = connect(sqlite_url(file))
    told = Told(record, file, *told_warehouse, story)
    with running_console(told, folder / "workspace") as (_, url):
        yield told, url
    record.close()


class Watched(msgspec.Struct):
    """A page of the browser, and everything it did that it should not."""

    page: Page
    base: str
    complaints: list[str]

    def open(self, path: str) -> Page:
        """Go there and wait until the script has run."""
        self.page.goto(self.base + path)
        return self.settled()

    def settled(self) -> Page:
        """Wait until the script has run; tables and charts may still be drawn."""
        self.page.wait_for_selector(_READY)
        return self.page

    def quiet(self) -> Page:
        """Wait until nothing is loaded any more, so that every complaint has been made."""
        self.page.wait_for_load_state("networkidle")
        return self.settled()


Opener = Callable[..., Watched]


@pytest.fixture
def watch(chromium: Browser, stage: tuple[Told, str]) -> Iterator[Opener]:
    """Opens a watched page: `watch(dark=True)`."""
    contexts: list[BrowserContext] = []

    def opener(*, dark: bool = False) -> Watched:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme="dark" if dark else "light", timezone_id="Asia/Tokyo"
        )
        contexts.append(context)
        watched = Watched(context.new_page(), stage[1], [])
        listen(watched)
        return watched

    yield opener
    for context in contexts:
        context.close()


def listen(watched: Watched) -> None:
    """Note requests to other hosts, errors and warnings on the console, and dialogs that hostile text opened."""
    host = urlsplit(watched.base).netloc

    def on_request(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != host:
            watched.complaints.append(f"request to {request.url}")

    def on_console(message: ConsoleMessage) -> None:
        # Opened at /incident, Streamlit first looks for its server below that path and then at the root.
        probing = "/_stcore/" in message.location.get("url", "") and "404" in message.text
        if message.type in ("error", "warning") and not probing:
            watched.complaints.append(f"{message.type} on the console: {message.text}")

    watched.page.on("request", on_request)
    watched.page.on("console", on_console)
    watched.page.on("pageerror", lambda error: watched.complaints.append(f"exception: {error}"))
    watched.page.on("dialog", lambda dialog: watched.complaints.append(f"dialog: {dialog.message}"))
