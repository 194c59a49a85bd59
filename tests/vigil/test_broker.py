"""The one place that turns settings into Kafka topics and client options."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError

from vigil.broker import Topic, bootstrap_servers, broker_errors, client_options, require_reachable, topics
from vigil.errors import BrokerUnavailable, ConfigError, WorkspaceError
from vigil.local.broker import EmbeddedBroker
from vigil.settings import KafkaSettings, Settings


def settings(**kafka: object) -> Settings:
    return Settings(kafka=KafkaSettings.model_validate(kafka))


def test_a_topic_may_name_its_dialect() -> None:
    assert topics(settings(topics="a, b:otlp,")) == (Topic("a"), Topic("b", "otlp"))


@pytest.mark.parametrize("text", ["", " , ", ":otlp", "a,a:otlp"])
def test_wrong_topics_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.topics"):
        topics(settings(topics=text))


def test_credentials_reach_the_client() -> None:
    options = client_options(
        settings(security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="u", sasl_password="p"), "a:1, b:2"
    )
    assert options == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


def test_without_brokers_and_without_an_embedded_one_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="vigil up"):
        bootstrap_servers(Settings(workspace=tmp_path))


@pytest.mark.parametrize("servers", ["127.0.0.1:1", "127.0.0.1:1, 127.0.0.1:2", "nowhere", "127.0.0.1:port"])
def test_a_broker_that_is_away_is_said_so(servers: str) -> None:
    with pytest.raises(BrokerUnavailable, match="Kafka does not answer"):
        require_reachable(servers)


def test_one_reachable_broker_is_enough(tansu: EmbeddedBroker) -> None:
    require_reachable(f"127.0.0.1:1, {tansu.bootstrap_servers}")


@pytest.mark.parametrize("error", [KafkaTimeoutError("late"), ConnectionRefusedError("no")])
def test_what_the_client_raises_becomes_one_error_with_the_address(error: Exception) -> None:
    with pytest.raises(BrokerUnavailable, match="Kafka at a:1 cannot be used"), broker_errors("a:1"):
        raise error
