"""docker-compose.yml is valid and keeps its promises: loopback only, limits, health checks, no default password."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from vigil.broker import topics
from vigil.settings import Settings, load
from vigil.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SECRETS = {"CLICKHOUSE_PASSWORD": "c1", "POSTGRES_PASSWORD": "p1", "VIGIL_ADDRESS_HASH_KEY": "h1"}


def services() -> dict[str, dict[str, Any]]:
    composed: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return composed


LASTING = sorted(name for name, service in services().items() if service["restart"] != "no")
OWN = ("migrate", "ingest", "receive", "embed", "jobs", "dashboard")


def substituted(text: str) -> str:
    """Variables replaced as compose does: the given secrets, else the default."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":-")
        return SECRETS.get(name.split(":?")[0], default)

    return re.sub(r"\$\{([^}]+)\}", value, text)


def test_it_follows_the_compose_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_docker_itself_accepts_it() -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        pytest.skip("no `docker compose` on this machine")
    done = subprocess.run(
        ["docker", "compose", "-f", FILE, "config", "--quiet"], env=SECRETS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_it_runs_the_servers_and_every_process() -> None:
    assert set(services()) == {"kafka", "clickhouse", "postgres", *OWN}
    assert services()["kafka"]["image"] == "apache/kafka:4.1.0"
    assert services()["clickhouse"]["image"] == "clickhouse/clickhouse-server:25.8"
    assert services()["postgres"]["image"] == "postgres:17"


@pytest.mark.parametrize("name", sorted(services()))
def test_images_are_pinned_to_a_version(name: str) -> None:
    image = services()[name]["image"]
    assert re.fullmatch(r"[\w./-]+:\d+(\.\d+)*", image), image
    if name in OWN:
        name_of_image = "vigil-embed" if name == "embed" else "vigil"
        assert image == f"{name_of_image}:{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"


@pytest.mark.parametrize("name", sorted(services()))
def test_published_ports_are_on_the_loopback_only(name: str) -> None:
    for port in services()[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), f"{name} publishes {port}"


def test_stores_have_no_way_out() -> None:
    assert yaml.safe_load(FILE.read_text())["networks"]["stores"] == {"internal": True}
    for name in ("clickhouse", "postgres", "ingest", "migrate"):
        assert services()[name]["networks"] == ["stores"]


@pytest.mark.parametrize("name", LASTING)
def test_each_service_has_a_health_check_that_can_fail(name: str) -> None:
    check = services()[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("name", sorted(services()))
def test_each_service_is_limited_and_hardened(name: str) -> None:
    service = services()[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"] == {"max-size": "20m", "max-file": "3"}
    assert not {"privileged", "cap_add", "pid", "network_mode"} & set(service)


@pytest.mark.parametrize("name", [*OWN, "postgres"])
def test_root_file_systems_are_read_only_where_the_image_allows_it(name: str) -> None:
    assert services()[name]["read_only"] is True
    assert services()[name]["tmpfs"]


def test_only_the_migration_ends_and_the_others_wait_for_it() -> None:
    assert set(services()) - set(LASTING) == {"migrate"}
    for name in ("ingest", "jobs", "dashboard"):
        assert services()[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in OWN:
        for store in ("kafka", "clickhouse", "postgres"):
            assert services()[name]["depends_on"][store] == {"condition": "service_healthy"}


def test_every_secret_is_required_and_says_how_to_make_one() -> None:
    text = FILE.read_text()
    used = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    assert {name for name, _ in used} == {*SECRETS, "VIGIL_CONSOLE_URL"}
    for name, rest in used:
        if name in SECRETS:
            assert rest.startswith(f":?put {name} into .env, for example from openssl rand -hex")


def test_no_password_stands_in_the_file() -> None:
    literal = re.sub(r"\$\{[^}]+\}", "", FILE.read_text())
    for line in literal.splitlines():
        if re.search(r"(?i)(password|secret|hash_key)\s*:", line):
            assert line.split(":", 1)[1].strip() == "", f"a literal secret: {line}"
    assert not re.search(r"://\w+:\w+@", literal)


@pytest.mark.parametrize("name", OWN)
def test_the_settings_of_each_process_are_ones_that_vigil_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = services()[name]
    for variable, text in service["environment"].items():
        monkeypatch.setenv(variable, substituted(text))
    settings: Settings = load()
    assert settings.kafka.bootstrap_servers == "kafka:19092"
    assert topics(settings)[0].name == "vigil.events"
    assert settings.clickhouse.url is not None
    assert Warehouse(settings.clickhouse.url.get_secret_value()).address == "clickhouse:9000"
    assert settings.record.url is not None
    assert settings.record.url.get_secret_value() == "postgresql://vigil:p1@postgres:5432/vigil"
    key = settings.ingest.address_hash_key
    assert key is not None
    assert key.get_secret_value() == "h1"
    port = {"ingest": settings.ingest.metrics_port, "jobs": settings.jobs.metrics_port}.get(name)
    if port is not None:
        assert f"http://127.0.0.1:{port}/metrics" in service["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", OWN)
def test_the_command_of_each_process_exists(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vigil.cli", services()[name]["command"][0], "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for option in services()[name]["command"][1:]:
        assert option.isdigit() or option in done.stdout
