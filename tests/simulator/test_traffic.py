"""What every simulation must keep: the same bytes for a seed, order, allowed addresses, and a truth that fits."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from simulator.calls import Event
from simulator.scenarios.base import all_scenarios
from simulator.traffic import Simulation, simulate
from simulator.truth import Truth
from vigil.errors import UsageError
from vigil.signal import SubjectType

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
ALLOWED = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "100.64.0.0/10",
        "2001:db8::/32",
    )
]
SCENARIOS = tuple(all_scenarios())


def small(*scenarios: str, seed: int = 3, hours: float = 8.0) -> Simulation:
    return simulate(
        scenarios,
        seed=seed,
        start=START,
        duration=timedelta(hours=hours),
        scale="small",
        quiet=timedelta(hours=hours / 3),
    )


@pytest.fixture(scope="module")
def everything() -> tuple[Simulation, list[Event]]:
    """All scenarios at once."""
    simulation = small(*SCENARIOS)
    return simulation, list(simulation.events())


def as_bytes(simulation: Simulation) -> bytes:
    return msgspec.json.Encoder().encode_lines(list(simulation.events()))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert as_bytes(small(*SCENARIOS, hours=5)) == as_bytes(small(*SCENARIOS, hours=5))


def test_a_week_later_the_traffic_is_the_same() -> None:
    def shifted(weeks: int) -> list[tuple[object, object, object]]:
        start = START + timedelta(weeks=weeks)
        simulation = simulate(
            ["template_campaign"], seed=3, start=start, duration=timedelta(hours=2), quiet=timedelta(hours=1)
        )
        return [
            (
                event["event_id"],
                event.get("input"),
                datetime.fromisoformat(event["event_time"]) - timedelta(weeks=weeks),
            )
            for event in simulation.events()
        ]

    assert shifted(0) == shifted(5)


def test_events_can_be_read_twice() -> None:
    simulation = small("template_campaign", hours=2.5)
    assert as_bytes(simulation) == as_bytes(simulation)


def test_another_seed_gives_another_world() -> None:
    first, second = ({event["account_id"] for event in small(seed=seed, hours=1).events()} for seed in (1, 2))
    assert first
    assert not first & second


def test_a_scenario_adds_to_the_background_and_changes_nothing_in_it() -> None:
    plain = {event["event_id"]: event for event in small(hours=3).events()}
    busy = {event["event_id"]: event for event in small("template_campaign", "bulk_account", hours=3).events()}
    assert len(busy) > len(plain)
    assert all(busy[event_id] == event for event_id, event in plain.items())


def test_events_are_in_time_order_and_inside_the_period(everything: tuple[Simulation, list[Event]]) -> None:
    simulation, events = everything
    times = [datetime.fromisoformat(event["event_time"]) for event in events]
    assert times == sorted(times)
    assert simulation.truth.start <= times[0]
    assert times[-1] < simulation.truth.end


def test_event_ids_are_unique(everything: tuple[Simulation, list[Event]]) -> None:
    events = everything[1]
    assert len({event["event_id"] for event in events}) == len(events)


def test_addresses_and_domains_are_ones_set_aside_for_examples(everything: tuple[Simulation, list[Event]]) -> None:
    for event in everything[1]:
        address = ipaddress.ip_address(event["client_ip"])
        assert any(address in network for network in ALLOWED), address
        assert re.fullmatch(r"([a-z]+\.)?example\.(com|org|net)", event["email_domain"]), event["email_domain"]


def test_a_fifth_to_a_third_of_the_accounts_send_no_content() -> None:
    accounts = simulate([], seed=11, start=START, duration=timedelta(hours=1), scale="medium").world.accounts
    share = sum(not account.org.sends_content for account in accounts) / len(accounts)
    assert 0.2 <= share <= 0.33


def test_activity_is_heavy_tailed() -> None:
    calls = sorted(Counter(event["account_id"] for event in small(hours=8).events()).values(), reverse=True)
    assert sum(calls[: len(calls) // 10]) > 0.35 * sum(calls)


def test_the_truth_names_accounts_that_take_part_and_when(everything: tuple[Simulation, list[Event]]) -> None:
    simulation, events = everything
    seen = {event["account_id"] for event in events}
    sources = {event["source"] for event in events}
    assert [instance.scenario for instance in simulation.truth.instances] == list(SCENARIOS)
    for instance in simulation.truth.instances:
        assert simulation.truth.start <= instance.start < instance.end <= simulation.truth.end
        assert instance.subjects
        for subject in instance.subjects:
            if subject.type is SubjectType.SOURCE:
                assert subject.id in sources
        if not instance.lookalike:
            assert instance.offenders <= seen


def test_lookalikes_expect_nothing_and_attacks_say_from_when_they_show(
    everything: tuple[Simulation, list[Event]],
) -> None:
    for instance in everything[0].truth.instances:
        scenario = all_scenarios()[instance.scenario]
        assert instance.lookalike is scenario.lookalike
        if instance.lookalike:
            assert not instance.kinds
            assert not instance.offenders
            assert instance.detectable_from is None
        else:
            assert set(instance.kinds) <= set(scenario.kinds)
            assert instance.kinds
            assert instance.detectable_from is not None
            assert instance.start <= instance.detectable_from <= instance.end


def test_two_instances_of_a_scenario_differ() -> None:
    one, two = small("bulk_account", "bulk_account").truth.instances
    assert one.instance_id != two.instance_id
    assert one.start != two.start


def test_a_part_of_the_period_can_be_read_alone() -> None:
    simulation = small("template_campaign")
    since = START + timedelta(hours=4)
    whole = {event["event_id"] for event in simulation.events() if event["event_time"] >= "2026-11-20T13"}
    part = {event["event_id"] for event in simulation.events(since=since)}
    # Sessions that began long before the part may be missing from it.
    assert len(whole ^ part) < 0.02 * len(whole)


def test_the_truth_survives_its_file(tmp_path: Path) -> None:
    truth = small("template_campaign", "viral_prompt").truth
    truth.write(tmp_path / "truth.json")
    assert Truth.read(tmp_path / "truth.json") == truth


def test_every_scenario_explains_itself() -> None:
    for name, scenario in all_scenarios().items():
        described = scenario.description
        first = "what happens" if scenario.lookalike else "attacker"
        assert list(described) == ["summary", first, "reported as", "should notice"], name
        assert all(len(text) > 20 for text in described.values()), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenarios": ["template_campain"]}, "did you mean 'template_campaign'"),
        ({"scale": "huge"}, "small, medium, large"),
        ({"start": datetime(2026, 1, 1)}, "UTC offset"),  # noqa: DTZ001 - the mistake under test
        ({"duration": timedelta(0)}, "must be positive"),
        ({"scenarios": ["template_campaign"], "duration": timedelta(minutes=20)}, "lengthen --duration"),
    ],
)
def test_wrong_use_is_said_in_words(arguments: dict[str, object], message: str) -> None:
    defaults: dict[str, object] = {
        "scenarios": [],
        "seed": 1,
        "start": START,
        "duration": timedelta(hours=2),
        "scale": "small",
    }
    with pytest.raises(UsageError, match=message):
        simulate(**(defaults | arguments))  # type: ignore[arg-type]


def test_memory_stays_that_of_an_hour() -> None:
    """The first events of a long period come at once: nothing is generated ahead."""
    simulation = simulate([], seed=1, start=START, duration=timedelta(days=3650), scale="small")
    assert len(list(itertools.islice(simulation.events(), 1000))) == 1000


def test_the_documentation_lists_every_scenario() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    for name, scenario in all_scenarios().items():
        assert f"`{name}`" in page
        row = next(line for line in page.splitlines() if f"`{name}`" in line)
        assert all(f"`{kind.value}`" in row for kind in scenario.kinds), name
