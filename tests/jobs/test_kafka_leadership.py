"""Ownership of a one-partition topic decides who is active; the record fences whoever does not know yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from jobs.kafka_leadership import KafkaLeadership
from tests.kafka.apache import ApacheKafka
from tests.kafka.broker import Broker
from vigil.clock import SystemClock
from vigil.errors import BrokerUnavailable
from vigil.local.process import free_port
from vigil.record import Record
from vigil.settings import JobsSettings, KafkaSettings, Settings

PATIENCE_S = 60.0

Member = Callable[[str], KafkaLeadership]


@pytest.fixture
def member(apache_kafka: ApacheKafka, local_record: Record) -> Iterator[Member]:
    """A cluster's group: the embedded broker is never asked who leads."""
    servers = apache_kafka.bootstrap_servers
    topic = Broker("apache", servers).create_topic()
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=servers), jobs=JobsSettings(leadership_topic=topic))
    made: list[KafkaLeadership] = []

    def make(holder: str) -> KafkaLeadership:
        made.append(KafkaLeadership(local_record, SystemClock(), settings, holder))
        return made[-1]

    yield make
    for one in made:
        one.close()


def campaign_until(leads: KafkaLeadership, *others: KafkaLeadership) -> None:
    """Everybody campaigns until that one leads and nobody else does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for other in others:
            other.campaign()
        if leads.campaign() and all(other.fence is None for other in others):
            return
    pytest.fail(f"{leads.holder} does not lead")


@pytest.mark.kafka
def test_one_member_leads_the_other_waits_and_takes_over_when_it_leaves(member: Member, local_record: Record) -> None:
    first, second = member("first"), member("second")
    campaign_until(first)
    fence = first.fence
    assert fence is not None
    for _ in range(3):
        leads = [first.campaign(), second.campaign()]
        assert sum(leads) <= 1 or first.fence != second.fence
    leader, waiting = (first, second) if first.fence is not None else (second, first)
    campaign_until(leader, waiting)
    leader.resign()
    leader.close()
    campaign_until(waiting)
    assert waiting.fence is not None
    assert waiting.fence > fence
    with local_record.write() as connection:
        assert waiting.holds(connection)
        assert not leader.holds(connection)


@pytest.mark.kafka
def test_one_that_slept_while_its_partition_was_given_away_starts_nothing(member: Member, local_record: Record) -> None:
    sleeper = member("sleeper")
    campaign_until(sleeper)
    # It still believes that it leads: another owner has taken a greater number meanwhile.
    other = member("other")
    other.take_over()
    with local_record.write() as connection:
        assert sleeper.fence is not None
        assert not sleeper.holds(connection)
        assert other.holds(connection)


def test_without_kafka_nobody_is_told_to_lead(local_record: Record) -> None:
    nowhere = Settings(kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    alone = KafkaLeadership(local_record, SystemClock(), nowhere)
    with pytest.raises(BrokerUnavailable):
        alone.campaign()
    assert alone.fence is None
