"""Settings come from one declaration, and a mistake is one readable sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vigil.clock import SystemClock
from vigil.errors import ConfigError
from vigil.settings import Section, Settings, describe, load


def test_the_environment_outranks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vigil.toml"
    file.write_text('[kafka]\ntopics = "from-file"\ngroup = "file-group"\n')
    monkeypatch.setenv("VIGIL_KAFKA__TOPICS", "from-environment")
    loaded = load(file)
    assert (loaded.kafka.topics, loaded.kafka.group) == ("from-environment", "file-group")


def test_the_file_named_by_the_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vigil.toml"
    file.write_text('[log]\nlevel = "debug"\n')
    monkeypatch.setenv("VIGIL_CONFIG", str(file))
    assert load().log.level == "debug"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[kafka]\ntopic = 'x'\n", "kafka.topic"),
        ("[ingest]\nbatch_rows = 'many'\n", "ingest.batch_rows"),
        ("[kafka\n", "not valid TOML"),
        ("nonsense = 1\n", "nonsense"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "vigil.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=named) as raised:
        load(file)
    assert str(file) in str(raised.value)


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="check --config"):
        load(tmp_path / "absent.toml")


def test_a_misspelt_section_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_KAFFKA__TOPICS", "x")
    with pytest.raises(ConfigError, match="VIGIL_KAFFKA__TOPICS"):
        load()


def test_one_underscore_instead_of_two_is_an_error_not_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_KAFKA_TOPICS", "x")
    with pytest.raises(ConfigError, match="did you mean VIGIL_KAFKA__TOPICS"):
        load()


def test_variables_that_kubernetes_makes_for_a_service_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_DASHBOARD_PORT", "tcp://10.0.0.1:8501")
    monkeypatch.setenv("VIGIL_DASHBOARD_SERVICE_HOST", "10.0.0.1")
    assert load().dashboard.port == 8501


@pytest.mark.parametrize(
    ("variable", "value"), [("VIGIL_ENFORCEMENT__PROTECTED", "account:health-check"), ("VIGIL_KAFKA", "{secret")]
)
def test_a_variable_that_is_no_json_is_one_sentence_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=r"VIGIL_.* write it as JSON") as raised:
        load()
    assert value not in str(raised.value)


def test_a_list_is_written_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_ENFORCEMENT__PROTECTED", '["account:health-check"]')
    assert load().enforcement.protected == ("account:health-check",)


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CLICKHOUSE__URL", "clickhouse://u:hunter2@127.0.0.1/v")
    assert "hunter2" not in repr(load())


def test_every_setting_has_a_help_text() -> None:
    rows = describe()
    assert all(text for _, _, _, text in rows)
    sections = [field.annotation for field in Settings.model_fields.values()]
    inner = sum(len(s.model_fields) for s in sections if isinstance(s, type) and issubclass(s, Section))
    plain = sum(1 for s in sections if not (isinstance(s, type) and issubclass(s, Section)))
    assert len(rows) == inner + plain


def test_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(load().make_clock(), SystemClock)
    monkeypatch.setenv("VIGIL_CLOCK__SPEED", "60")
    with pytest.raises(ConfigError, match="all three"):
        load().make_clock()
    monkeypatch.setenv("VIGIL_CLOCK__ORIGIN", "2026-01-01T00:00:00Z")
    monkeypatch.setenv("VIGIL_CLOCK__STARTED", datetime.now(UTC).isoformat())
    clock = load().make_clock()
    assert clock.real_seconds(timedelta(hours=1)) == 60
    assert timedelta(0) <= clock.now() - datetime(2026, 1, 1, tzinfo=UTC) < timedelta(hours=2)
