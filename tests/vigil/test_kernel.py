"""Small promises of the kernel: time does not go back, ids are stable, every field is classified."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.clock import SimulatedClock
from vigil.errors import ConfigError
from vigil.event import CONTENT_FIELDS, METADATA_FIELDS, REDACTED_METADATA_FIELDS, InferenceEvent, Message
from vigil.ids import digest, event_uuid
from vigil.permitted import PermittedPrincipals
from vigil.signal import IncidentKind, Severity, Signal, Subject, SubjectType, Window

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_a_simulated_clock_never_goes_back() -> None:
    clock = SimulatedClock(NOON)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(NOON)
    assert clock.now() == NOON + timedelta(seconds=1)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_different_parts_give_different_ids(left: list[str], right: list[str]) -> None:
    assert (event_uuid(*left) == event_uuid(*right)) == (left == right)
    assert (digest(*left) == digest(*right)) == (left == right)


def test_every_field_is_declared_content_or_metadata_exactly_once() -> None:
    groups = [CONTENT_FIELDS, REDACTED_METADATA_FIELDS, METADATA_FIELDS]
    assert frozenset().union(*groups) == frozenset(InferenceEvent.__struct_fields__)
    assert sum(map(len, groups)) == len(InferenceEvent.__struct_fields__)


def event(**fields: object) -> InferenceEvent:
    return InferenceEvent(
        event_id=event_uuid("x"),
        event_time=NOON,
        tenant_id="t",
        source="s",
        account_id="a",
        **fields,  # type: ignore[arg-type]
    )


def test_the_last_user_turn_is_what_detectors_read() -> None:
    turns = (Message("user", "first"), Message("assistant", "answer"), Message("user", "second"), Message("tool", "x"))
    assert event(input=turns).last_user_text() == "second"
    assert event(input="plain").last_user_text() == "plain"
    assert event(input=(Message("tool", "x"), Message("user", None))).last_user_text() == ""
    assert event().last_user_text() == ""


def signal(**changes: object) -> Signal:
    fields: dict[str, object] = {
        "detector": "d",
        "version": "1",
        "family": "f",
        "kind": IncidentKind.ACCOUNT_ANOMALY,
        "severity": Severity.MEDIUM,
        "tenant_id": "t",
        "key": "a",
        "window": Window(NOON, NOON + timedelta(hours=1)),
        "subjects": (Subject(SubjectType.ACCOUNT, "a"),),
        "title": "",
        "summary": "",
        "score": 0.5,
        "effect_size": 2.0,
        **changes,
    }
    return Signal(**fields)  # type: ignore[arg-type]


def test_a_signal_is_identified_by_who_says_it_and_of_what() -> None:
    assert signal().signal_id == signal(score=0.9, title="other words").signal_id
    for change in ({"version": "2"}, {"tenant_id": "u"}, {"key": "b"}, {"window": Window(NOON, NOON)}):
        assert signal(**change).signal_id != signal().signal_id


def test_permissions_cover_whom_they_name_until_they_end(tmp_path: Path) -> None:
    file = tmp_path / "exceptions.json"
    file.write_text(
        json.dumps(
            [
                {"tenant_id": "acme", "org_id": "red", "reason": "r1", "until": "2026-11-02T00:00:00Z"},
                {"tenant_id": "acme", "account_id": "probe", "reason": "r2"},
            ]
        )
    )
    permitted = PermittedPrincipals.load(file)
    assert permitted.reason("acme", "anyone", "red", NOON) == "r1"
    assert permitted.reason("acme", "anyone", "red", NOON + timedelta(days=1)) is None
    assert permitted.reason("acme", "probe", None, NOON) == "r2"
    assert permitted.reason("other", "probe", "red", NOON) is None
    assert permitted.reason("acme", "someone", None, NOON) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "expected an array"),
        ('[{"tenant_id": "a", "reason": "r"}]', "exactly one of"),
        ('[{"tenant_id": "a", "reason": "r", "org_id": "o", "account_id": "b"}]', "exactly one of"),
        ('[{"tenant_id": "a", "reason": "r", "org_id": "o", "until": "2026-01-01T00:00:00"}]', "UTC offset"),
        ('[{"tenant_id": "a", "reason": "r", "org": "o"}]', "unknown field"),
    ],
)
def test_a_wrong_exceptions_file_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "exceptions.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        PermittedPrincipals.load(file)
