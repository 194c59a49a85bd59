"""Every setting once: name, type, default, unit and help. Environment, TOML file, help and docs read it here.

`VIGIL_KAFKA__TOPICS` in the environment is `topics` under `[kafka]` in the TOML file; the environment wins.
"""

from __future__ import annotations

import os
import tomllib
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from vigil.clock import Clock, ScaledClock, SystemClock
from vigil.errors import ConfigError


class Section(BaseModel):
    """One TOML table. A misspelt key is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Section):
    """Where telemetry comes from."""

    bootstrap_servers: str | None = Field(
        None, description="Comma-separated brokers; unset = the embedded broker of `vigil up`"
    )
    topics: str = Field(
        "vigil.events",
        description="Comma-separated topics to consume; a topic may name its dialect after a colon: `otlp_spans:otlp`",
    )
    group: str = Field("vigil-ingest", description="Consumer group")
    session_timeout_s: float = Field(
        45.0,
        gt=0,
        description="Seconds after which the group gives a silent consumer's partitions away (the embedded broker always uses 6)",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers"
    )
    sasl_mechanism: str | None = Field(None, description="SASL mechanism, e.g. SCRAM-SHA-512")
    sasl_username: str | None = Field(None, description="SASL user")
    sasl_password: SecretStr | None = Field(None, description="SASL password")
    ssl_cafile: Path | None = Field(None, description="Certificate authority file")


class ClickHouseSettings(Section):
    """Where telemetry is kept."""

    url: SecretStr | None = Field(
        None, description="`clickhouse://user:password@host:9000/database`; unset = the embedded server of `vigil up`"
    )
    cluster: str | None = Field(
        None, description="Name of a ClickHouse cluster; every table then exists as local + Distributed"
    )


class RecordSettings(Section):
    """Where incidents, decisions, the ledger and the outbox are kept."""

    url: SecretStr | None = Field(
        None, description="SQLAlchemy URL (PostgreSQL in production); unset = SQLite in the workspace"
    )


class IngestSettings(Section):
    """What is accepted and how it is batched."""

    max_age_days: float = Field(30.0, gt=0, description="Days in the past an event may lie")
    max_future_minutes: float = Field(60.0, ge=0, description="Minutes in the future an event may lie")
    max_event_bytes: int = Field(4 * 2**20, gt=0, description="Bytes of one event; larger ones are dead letters")
    batch_rows: int = Field(20_000, gt=0, description="Rows at which a batch is inserted")
    batch_bytes: int = Field(16 * 2**20, gt=0, description="Bytes at which a batch is inserted")
    batch_age_s: float = Field(0.5, gt=0, description="Seconds after which a batch is inserted")
    trust_payload_tenant: bool = Field(
        False, description="Let events on Kafka topics name their own tenant; files may always"
    )
    default_tenant: str = Field("default", description="Tenant of events that name none or may not name one")
    default_source: str | None = Field(
        None, description="Source of events that name none; unset = the topic or file name"
    )
    bad_share_limit: float = Field(
        0.05,
        gt=0,
        le=1,
        description="Share of bad events (of the last 10,000 on a partition) at which the partition stops",
    )
    bad_run_limit: int = Field(1_000, gt=0, description="Consecutive bad events at which the partition stops")
    tenant_body_mib_per_minute: float | None = Field(
        None,
        gt=0,
        description="MiB of text a tenant may store a minute (in each consumer); beyond it a sample of its bodies is kept, and every event without its text. Unset = no limit",
    )
    dead_letter_days: int = Field(90, gt=0, description="Days a dead letter is kept; a consumer sets it at its start")
    address_hash_key: SecretStr | None = Field(
        None, description="Key of the address hashes; unset = made once and kept in the workspace"
    )
    metrics_port: int | None = Field(None, description="Port of the Prometheus metrics on 127.0.0.1; unset = none")


class ReceiveSettings(Section):
    """The HTTP receiver in front of Kafka. It runs only where tokens are configured."""

    tokens: SecretStr | None = Field(
        None,
        description="Comma-separated `tenant:token`; a tenant may have several at once, for rotation. At least 24 characters each",
    )
    tokens_file: Path | None = Field(
        None, description="File of tokens, one a line: `tenant token [source]`; lines that begin with # are comments"
    )
    address: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(4318, ge=0, le=65535, description="Port; 0 = any free one")
    topic: str = Field(
        "vigil.received", description="Kafka topic it writes to; nobody else may, because ingest trusts its tenants"
    )
    max_body_bytes: int = Field(8 * 2**20, gt=0, description="Bytes of one request as sent")
    max_decompressed_bytes: int = Field(32 * 2**20, gt=0, description="Bytes of one request after decompression")
    max_requests: int = Field(64, gt=0, description="Requests worked on at once; more are answered 429")
    body_timeout_s: float = Field(30.0, gt=0, description="Seconds in which a request's body must have arrived")
    delivery_timeout_s: float = Field(
        10.0, gt=0, description="Seconds in which Kafka must have acknowledged; else the answer is 503"
    )
    tls_certificate: Path | None = Field(None, description="Certificate chain (PEM); unset = plain HTTP")
    tls_key: Path | None = Field(None, description="Private key of the certificate (PEM)")

    @property
    def configured(self) -> bool:
        """Whether there are tokens, without which nobody may send anything."""
        return self.tokens is not None or self.tokens_file is not None


class DetectSettings(Section):
    """The budget of false alarms, in what people feel, and how windows close."""

    settle_s: float = Field(
        30.0, ge=0, description="Seconds a window waits for late events before detectors that need completeness read it"
    )
    false_incidents_per_10k_accounts_day: float = Field(
        0.1,
        gt=0,
        description="Budget: false incidents per 10,000 active accounts and day, for each detector of accounts",
    )
    false_pages_per_week: float = Field(
        0.1, gt=0, description="Budget: false alarms a week, for each detector of streams"
    )
    replay_tick_s: float = Field(60.0, gt=0, description="Seconds of event time between two looks in `vigil replay`")


class EmbedSettings(Section):
    """The embedding worker."""

    encoder: str = Field(
        "static",
        description="`static` (CPU) or `transformer` (GPU, needs the extra `transformer`); `transformer:FOLDER` for a model of your own",
    )
    device: str | None = Field(None, description="`cpu`, `cuda` or `cuda:1`; unset = a GPU when there is one")
    batch_texts: int = Field(4_096, gt=0, le=65_536, description="Texts embedded and stored at a time")
    every_s: float = Field(2.0, gt=0, description="Seconds between two looks for new texts")
    lookback_hours: float = Field(
        24.0,
        gt=0,
        description="Hours in which texts that came late or were missed are looked for, every 10 minutes; `--since` for older ones",
    )
    metrics_port: int | None = Field(None, description="Port of the Prometheus metrics on 127.0.0.1; unset = none")


class EnforcementSettings(Section):
    """Where effects and pages go."""

    mode: Literal["as-configured", "live", "shadow"] = Field(
        "as-configured", description="Overrides the mode of every policy: `live`, `shadow`, or as each policy says"
    )
    adapter: Literal["log", "webhook", "litellm", "kafka"] = Field("log", description="Where effects on accounts go")
    webhook_url: str | None = Field(None, description="Where the webhook adapter posts effects")
    webhook_state_url: str | None = Field(
        None, description="Where the webhook's receiver says what is in force; unset = a 2xx is believed"
    )
    webhook_secret: SecretStr | None = Field(None, description="Key of the webhook's HMAC signature")
    litellm_url: str | None = Field(None, description="Address of a LiteLLM proxy whose management API sets limits")
    litellm_key: SecretStr | None = Field(None, description="Admin key of the LiteLLM proxy")
    litellm_account: Literal["user", "team", "end_user"] = Field(
        "user", description="What an account of vigil is in LiteLLM"
    )
    decisions_topic: str = Field(
        "vigil.decisions", description="Compacted Kafka topic with the effects in force, for the adapter `kafka`"
    )
    page_url: str | None = Field(
        None, description="Where pages are posted (signed like effects); unset = pages go to the log"
    )
    pagerduty_keys: dict[str, SecretStr] = Field(
        {}, description="Routing key of PagerDuty's Events API by receiver of pages; `*` for all others"
    )
    pagerduty_url: str = Field(
        "https://events.pagerduty.com/v2/enqueue", description="Address of PagerDuty's Events API"
    )
    channels: dict[str, SecretStr] = Field(
        {},
        description="Apprise addresses (e-mail, Slack and 100 more; several separated by blanks) by receiver; `*` for all others",
    )
    group_wait_s: float = Field(30.0, ge=0, description="Seconds the first page of an incident waits for others")
    group_interval_s: float = Field(
        300.0, ge=0, description="Seconds between two pages about one incident to one receiver"
    )
    repeat_interval_s: float = Field(
        14_400.0, gt=0, description="Seconds after which a page that nobody acknowledged is repeated"
    )
    escalate_after_s: float = Field(
        900.0, gt=0, description="Seconds after which a page that nobody acknowledged goes to the next of `escalation`"
    )
    escalation: tuple[str, ...] = Field((), description="Receivers of pages that nobody acknowledged, in order")
    console_url: str | None = Field(
        None, description="Address of the dashboard, for links in pages; unset = the local one"
    )
    protected: tuple[str, ...] = Field(
        (),
        description='Principals no policy may restrict, as `type:id`; in the environment a JSON array: `["account:health-check"]`',
    )
    exceptions_file: Path | None = Field(
        None,
        description="JSON array of `{tenant_id, org_id | account_id, until?, reason}`: principals that may do what others may not",
    )
    checkpoint_key: SecretStr | None = Field(
        None,
        description="Ed25519 seed (64 hex digits) that signs the ledger's daily checkpoint; unset = `ledger.key` in the workspace, made on first use",
    )
    checkpoint_file: Path | None = Field(
        None,
        description="Where checkpoints are appended, best on another machine's disk; unset = `ledger-checkpoints.jsonl` in the workspace",
    )
    delivery_timeout_s: float = Field(10.0, gt=0, description="Seconds one delivery may take")

    @field_validator("protected")
    @classmethod
    def _principals(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # A misspelt one would protect nobody, silently.
        for principal in value:
            kind, _, name = principal.partition(":")
            if kind not in ("end_user", "api_key", "account", "org") or not name:
                raise ValueError(f"{principal!r} is not of the form end_user:ID, api_key:ID, account:ID or org:ID")
        return value


class JobsSettings(Section):
    """The scheduler."""

    detect_every_s: float = Field(2.0, gt=0, description="Seconds between two looks for due detectors")
    dispatch_every_s: float = Field(1.0, gt=0, description="Seconds between two looks into the outbox")
    lift_every_s: float = Field(15.0, gt=0, description="Seconds between two looks for effects whose time is over")
    reconcile_every_s: float = Field(
        300.0, gt=0, description="Seconds between two comparisons of the gateway with the record"
    )
    alerts_every_s: float = Field(
        15.0, gt=0, description="Seconds between two looks for pages to repeat and for what is wrong with vigil itself"
    )
    leadership: Literal["auto", "kafka", "record"] = Field(
        "auto",
        description="What decides which scheduler is active: ownership of a Kafka topic, a lease in the record; auto = Kafka where `kafka.bootstrap_servers` is set",
    )
    leadership_topic: str = Field("vigil.jobs.leader", description="Topic of one partition whose owner is active")
    deadman_url: SecretStr | None = Field(
        None, description="Address called each minute while all jobs are well; whoever waits there alarms when it stops"
    )
    metrics_port: int | None = Field(None, description="Port of the Prometheus metrics on 127.0.0.1; unset = none")


class DashboardSettings(Section):
    """The console."""

    port: int = Field(8501, ge=0, le=65535, description="Port; 0 = any free one")
    address: str = Field(
        "127.0.0.1",
        description="Address to listen on; the console has no login of its own: anything but this machine belongs behind a proxy that has one",
    )
    analyst: str | None = Field(
        None, description="Name written to the record for what is done in the console; unset = the system user"
    )


class LocalSettings(Section):
    """The embedded stack of `vigil up`."""

    kafka_port: int = Field(0, ge=0, le=65535, description="Port of the embedded broker on 127.0.0.1; 0 = any free one")
    clickhouse_port: int = Field(
        0, ge=0, le=65535, description="Port of the embedded ClickHouse server on 127.0.0.1; 0 = any free one"
    )


class ClockSettings(Section):
    """Only for demonstrations: a clock that runs faster than the machine's."""

    speed: float = Field(1.0, gt=0, description="Seconds of vigil's time per real second")
    origin: datetime | None = Field(None, description="vigil's time at the moment `started`")
    started: datetime | None = Field(None, description="Real time at which the clock showed `origin`")


class LogSettings(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level written")


class Settings(BaseSettings):
    """All settings. Load with `load()`, which turns every mistake into one readable `ConfigError`."""

    model_config = SettingsConfigDict(env_prefix="VIGIL_", env_nested_delimiter="__", extra="forbid", frozen=True)

    workspace: Path = Field(Path(".vigil"), description="Folder for data, logs and locks of the embedded stack")
    policies: Path | None = Field(None, description="Folder of policy files; unset = the starter pack")
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    clickhouse: ClickHouseSettings = Field(default_factory=ClickHouseSettings)
    record: RecordSettings = Field(default_factory=RecordSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    receive: ReceiveSettings = Field(default_factory=ReceiveSettings)
    detect: DetectSettings = Field(default_factory=DetectSettings)
    embed: EmbedSettings = Field(default_factory=EmbedSettings)
    enforcement: EnforcementSettings = Field(default_factory=EnforcementSettings)
    jobs: JobsSettings = Field(default_factory=JobsSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    local: LocalSettings = Field(default_factory=LocalSettings)
    clock: ClockSettings = Field(default_factory=ClockSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment outranks the file, whose values arrive as init arguments."""
        return env_settings, init_settings

    def make_clock(self) -> Clock:
        """The clock these settings ask for."""
        if self.clock.speed == 1.0 and self.clock.origin is None:
            return SystemClock()
        if self.clock.origin is None or self.clock.started is None:
            raise ConfigError("clock.speed needs clock.origin and clock.started as well: set all three or none")
        return ScaledClock(_utc(self.clock.origin), _utc(self.clock.started), self.clock.speed)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from `config` (else the file named by `VIGIL_CONFIG`, else none), the environment and `overrides`.

    `overrides` are top-level names or sections and outrank the file, not the environment.
    Raises ConfigError naming each wrong key and where it came from.
    """
    if config is None and (named := os.environ.get("VIGIL_CONFIG")):
        config = Path(named)
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values = tomllib.loads(config.read_text())
        except OSError as error:
            raise ConfigError(
                f"cannot read the configuration file {config}: {error.strerror}; check --config"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{config} is not valid TOML: {error}") from error
    for name, value in overrides.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            values[name] = {**values[name], **value}
        else:
            values[name] = value
    _refuse_misspelt_variables()
    try:
        return Settings(**values)
    except SettingsError as error:
        # The library's own text names a section only, and its cause may quote a value.
        raise ConfigError(f"{_unreadable_variable()}: write it as JSON, a list as an array of quoted texts") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        where = f"{config} or VIGIL_* variables" if config else "VIGIL_* variables"
        raise ConfigError("wrong settings in " + where + ":\n" + "\n".join(lines)) from error


def _refuse_misspelt_variables() -> None:
    known = set(Settings.model_fields)
    names = {name.replace("__", "_"): name for name, _, _, _ in describe()}
    for name, value in os.environ.items():
        if not name.startswith("VIGIL_"):
            continue
        if "__" in name:
            if name[6:].split("__")[0].lower() not in known:
                raise ConfigError(f"{name}: no such section; sections are {', '.join(sorted(known))}")
        elif names.get(name, name) != name and not value.startswith("tcp://"):
            # Kubernetes sets VIGIL_DASHBOARD_PORT=tcp://… for a service of the name vigil-dashboard.
            raise ConfigError(f"{name} is no setting; did you mean {names[name]}, with two underscores?")


def _unreadable_variable() -> str:
    """The first variable that should be JSON and is not."""
    for name, _, _, _ in describe():
        section, _, key = name.removeprefix("VIGIL_").lower().partition("__")
        annotation = Settings.model_fields[section].annotation
        if key and isinstance(annotation, type) and issubclass(annotation, Section):
            annotation = annotation.model_fields[key].annotation
        if typing.get_origin(annotation) is tuple and name in os.environ:
            return name
    return "a VIGIL_* variable that names a whole section"


def describe() -> list[tuple[str, str, str, str]]:
    """(environment variable, type, default, help) of every setting, for docs and help."""
    rows = []
    for name, field in Settings.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            for inner, spec in annotation.model_fields.items():
                rows.append(
                    (
                        f"VIGIL_{name}__{inner}".upper(),
                        _type_name(spec.annotation),
                        str(spec.default),
                        spec.description or "",
                    )
                )
        else:
            rows.append((f"VIGIL_{name}".upper(), _type_name(annotation), str(field.default), field.description or ""))
    return rows


def _type_name(annotation: Any) -> str:
    return (
        annotation.__name__
        if isinstance(annotation, type)
        else str(annotation).replace("pathlib._local.", "").replace("typing.", "")
    )
