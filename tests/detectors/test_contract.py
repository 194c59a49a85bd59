"""Every registered detector keeps the contract of `detectors.base.Detector`."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from detectors.base import Detector, Need
from detectors.registry import all_detectors, register
from detectors.state import MAX_ENTRIES, State
from tests.detectors.looking import look, look_every
from tests.detectors.scene import END, NOON, aftermath, scene
from tests.detectors.traffic import START, Call, insert
from vigil.local.clickhouse import EmbeddedClickHouse
from vigil.signal import Signal, SubjectType
from vigil.warehouse import Warehouse, migrate

STEP = timedelta(minutes=5)
DETECTORS = all_detectors()

each_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)


@pytest.fixture(scope="module")
def scenes(clickhouse: EmbeddedClickHouse) -> Iterator[dict[str, Warehouse]]:
    """The same hour in several databases: alone, with its rows shuffled and in other batches, with what came later,
    without content, ten times as large, and nothing at all."""
    opened = {}
    traffic: dict[str, list[list[Call]]] = {
        "scene": [scene()],
        "shuffled": [scene()[half::2] for half in (1, 0)],
        "with_later_rows": [aftermath(), scene()],
        "without_content": [scene(with_content=False)],
        "large": [scene(scale=10)],
        "empty": [],
    }
    for name, batches in traffic.items():
        warehouse = opened[name] = Warehouse(f"{clickhouse.url.rsplit('/', 1)[0]}/contract_{uuid.uuid4().hex[:12]}")
        migrate(warehouse)
        for number, batch in enumerate(batches):
            insert(warehouse, batch, shuffle_seed=number if name == "shuffled" else None)
    yield opened
    for warehouse in opened.values():
        warehouse.command(f"DROP DATABASE {warehouse.database} SYNC")
        warehouse.close()


def said(detector: Detector, warehouse: Warehouse, state: State | None = None) -> list[Signal]:
    """Everything it says from half an hour before the attacks to their end."""
    return look_every(detector, warehouse, NOON - timedelta(minutes=30), END, STEP, state)


def encoded(signals: list[Signal]) -> list[bytes]:
    return [msgspec.json.encode(signal, order="deterministic") for signal in signals]


@each_detector
def test_it_finds_what_it_is_for_and_accuses_nobody_else(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    signals = said(detector, scenes["scene"])
    named = {(subject.type, subject.id) for signal in signals for subject in signal.subjects}
    guilty = {(SubjectType.ACCOUNT, f"member{number}") for number in range(12)}
    guilty |= {(SubjectType.ACCOUNT, "person7"), (SubjectType.SOURCE, "edge")}
    guilty |= {(SubjectType.API_KEY, "key3a"), (SubjectType.ACCOUNT, "person3")}  # the second is the victim
    guilty |= {(SubjectType.ACCOUNT, f"farm{number}") for number in range(12)}
    assert named
    assert named <= guilty


@each_detector
def test_what_it_says_is_complete(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    for signal in said(detector, scenes["scene"]):
        assert (signal.detector, signal.version, signal.family) == (detector.name, detector.version, detector.family)
        assert signal.kind in detector.kinds
        assert (signal.p_value is None) != (signal.e_value is None)
        assert 0 <= signal.score <= 1
        assert all(0 <= subject.score <= 1 for subject in signal.subjects)
        assert signal.window.start < signal.window.end <= END
        assert len(signal.event_ids) <= 20
        assert signal.title
        assert signal.summary
        assert signal.facts
        assert msgspec.json.decode(msgspec.json.encode(signal), type=Signal) == signal


@each_detector
def test_the_same_window_and_state_give_the_same_signals_bit_for_bit(
    detector: Detector, scenes: dict[str, Warehouse]
) -> None:
    assert encoded(said(detector, scenes["scene"])) == encoded(said(detector, scenes["scene"]))


@each_detector
def test_the_order_of_rows_changes_nothing(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    assert encoded(said(detector, scenes["shuffled"])) == encoded(said(detector, scenes["scene"]))


@each_detector
def test_events_after_the_window_change_nothing(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    assert encoded(said(detector, scenes["with_later_rows"])) == encoded(said(detector, scenes["scene"]))


@each_detector
def test_a_window_that_ends_within_a_minute_sees_nothing_of_the_rest_of_it(
    detector: Detector, scenes: dict[str, Warehouse], warehouse: Warehouse
) -> None:
    if detector.cadence >= timedelta(minutes=1):
        pytest.skip("its windows end on whole minutes")
    cut = NOON + timedelta(minutes=41, seconds=23)
    insert(warehouse, [call for call in scene() if call.at < cut])
    start = cut - timedelta(minutes=41)
    whole = look(detector, scenes["scene"], cut, State(), start=start)
    assert encoded(whole) == encoded(look(detector, warehouse, cut, State(), start=start))


@each_detector
def test_an_empty_window_is_silent(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    assert said(detector, scenes["empty"]) == []
    assert look(detector, scenes["scene"], START - timedelta(days=1), State()) == []


@each_detector
def test_without_content_it_says_what_it_can(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    signals = said(detector, scenes["without_content"])
    if Need.CONTENT in detector.needs:
        assert signals == []
    else:
        assert [signal.key for signal in signals] == [signal.key for signal in said(detector, scenes["scene"])]


@each_detector
def test_ten_times_the_rows_take_no_more_memory(detector: Detector, scenes: dict[str, Warehouse]) -> None:
    peaks = {}
    for name in ("scene", "large"):
        state = State()
        tracemalloc.start()
        look(detector, scenes[name], END, state, start=NOON)
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(state.keys()) < MAX_ENTRIES / 10
    assert peaks["large"] < peaks["scene"] + 16 * 2**20


def test_a_name_is_taken_once_and_a_detector_says_what_it_is() -> None:
    class Unnamed(Detector):
        def detect(self, window, telemetry, state):  # type: ignore[no-untyped-def]
            yield from ()

    with pytest.raises(ValueError, match="does not say its name"):
        register(Unnamed)
    Unnamed.name, Unnamed.version, Unnamed.family = DETECTORS[0].name, "1", "test"
    Unnamed.cadence = Unnamed.lookback = STEP
    Unnamed.kinds = ()
    with pytest.raises(ValueError, match="two detectors are named"):
        register(Unnamed)
