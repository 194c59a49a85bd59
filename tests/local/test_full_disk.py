"""A disk that fills up while the service runs: inserts are refused for now, watching goes on, and so does the rest."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.local.mounts import mounted
from tests.local.processes import children
from tests.local.waiting import eventually
from vigil.errors import WarehouseUnavailable
from vigil.local.service import Service
from vigil.local.status import look
from vigil.local.topics import topics_of
from vigil.local.workspace import LEAST_FREE_BYTES
from vigil.settings import Settings
from vigil.warehouse import open_warehouse


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as stream:
        for size in (2**20, 4096):
            with suppress(OSError):
                while stream.write(b"x" * size):
                    pass


def test_a_disk_that_fills_up_stops_inserts_and_nothing_else(tmp_path: Path) -> None:
    size = LEAST_FREE_BYTES + 64 * 2**20
    with mounted(tmp_path / "disk", f"size={size}") as folder:
        settings = Settings(workspace=folder / "workspace")
        said: list[str] = []
        with Service(settings, processes=(), say=said.append) as service:
            warehouse = open_warehouse(settings)
            warehouse.command("CREATE TABLE t (n String) ENGINE = MergeTree ORDER BY n")
            warehouse.insert("t", ["n"], [["before"]])
            fill(folder / "filler")
            with pytest.raises(WarehouseUnavailable, match="code 243"):
                for number in range(100):
                    warehouse.insert("t", ["n"], [[f"{number}" * 10_000]])
            assert {finding.name: finding.ok for finding in look(settings)}["disk"] is False

            # Even now a server that dies comes back.
            killed = children(settings.workspace)["Kafka broker"]
            os.kill(killed, signal.SIGKILL)
            eventually(lambda: any("Kafka broker runs again" in line for line in said), "the broker is started again")
            assert "vigil.events" in topics_of(settings, service.addresses.bootstrap_servers)
            assert any("No space left on device; free space" in line for line in said)

            (folder / "filler").unlink()
            warehouse.insert("t", ["n"], [["after"]])
            assert warehouse.query("SELECT n FROM t WHERE n IN ('before', 'after') ORDER BY n") == [
                ("after",),
                ("before",),
            ]
            warehouse.close()
