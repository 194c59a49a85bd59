"""LiteLLM's management API: what is blocked and limited, what comes back, and what happens when it fails midway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from enforcement.adapters import Delivered, Refused, Unreachable
from enforcement.adapters.litellm import LiteLLMAdapter
from enforcement.adapters.litellm_state import LIMITS, Mark, Note, imposed, is_effective, note_of
from tests.enforcement.adapters.litellm_server import KEY, LiteLLMServer, running_litellm
from tests.enforcement.adapters.server import answer, reset
from vigil.clock import SystemClock
from vigil.delivery import Delivery
from vigil.effect import EffectKind, Target
from vigil.signal import SubjectType

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def litellm() -> Iterator[LiteLLMServer]:
    with running_litellm() as server:
        yield server


def adapter(server: LiteLLMServer, key: str = KEY) -> LiteLLMAdapter:
    return LiteLLMAdapter(server.url, SecretStr(key), "user", SystemClock(), 10.0)


def sent(
    effect: EffectKind, kind: SubjectType = SubjectType.API_KEY, name: str = "k1", number: int = 1, **parameters: Any
) -> Delivery:
    return Delivery(
        idempotency_key=f"act_{number}",
        action_id=f"act_{number}",
        at=NOW,
        effect=effect,
        parameters=parameters,
        target=Target(kind, name, "acme"),
        policy="p",
        policy_version="v",
        incident_id=None,
        reason="",
        reverses=parameters.pop("reverses", None),
    )


def lift(number: int, **fields: Any) -> Delivery:
    return sent(EffectKind.LIFT, number=number + 100, reverses=f"act_{number}", **fields)


class TestKeys:
    def test_block_and_unblock_read_back_and_only_once(self, litellm: LiteLLMServer) -> None:
        row = litellm.add("key", "k1", metadata={"owner": "bob"}, rpm_limit=100)
        block = sent(EffectKind.SUSPEND)
        assert isinstance(adapter(litellm).deliver(block), Delivered)
        assert (row["blocked"], row["metadata"]["owner"]) == (True, "bob")
        assert adapter(litellm).holds(block) is True
        before = len(litellm.calls)
        assert isinstance(adapter(litellm).deliver(block), Delivered)
        assert litellm.calls[before:] == ["GET /key/info"], "nothing is written again"
        found = adapter(litellm).in_force()
        assert not isinstance(found, Unreachable)
        [seen] = found
        assert (seen.action_id, seen.effect, seen.target) == ("act_1", EffectKind.SUSPEND, block.target)
        assert isinstance(adapter(litellm).deliver(lift(1)), Delivered)
        assert (row["blocked"], row["rpm_limit"]) == (False, 100)
        assert adapter(litellm).holds(block) is False
        assert adapter(litellm).in_force() == ()

    def test_limits_come_back_as_they_were_whatever_the_order(self, litellm: LiteLLMServer) -> None:
        row = litellm.add("key", "k1", rpm_limit=100, tpm_limit=None)
        for number, limits in ((1, {"rpm": 10}), (2, {"rpm": 20, "tpm": 5_000}), (3, {"max_budget_usd": 2.5})):
            assert isinstance(adapter(litellm).deliver(sent(EffectKind.THROTTLE, number=number, **limits)), Delivered)
        assert [row[name] for name in LIMITS] == [10, 5_000, 2.5]
        adapter(litellm).deliver(lift(1))
        assert [row[name] for name in LIMITS] == [20, 5_000, 2.5]
        adapter(litellm).deliver(lift(3))
        adapter(litellm).deliver(lift(2))
        assert [row[name] for name in LIMITS] == [100, None, None]

    def test_what_an_admin_changes_meanwhile_is_what_it_goes_back_to(self, litellm: LiteLLMServer) -> None:
        row = litellm.add("key", "k1", rpm_limit=100)
        adapter(litellm).deliver(sent(EffectKind.THROTTLE, rpm=10))
        row["rpm_limit"] = 60
        assert adapter(litellm).holds(sent(EffectKind.THROTTLE, rpm=10)) is False
        adapter(litellm).deliver(lift(1))
        assert row["rpm_limit"] == 60

    def test_a_block_that_was_there_before_stays_after_the_lift(self, litellm: LiteLLMServer) -> None:
        row = litellm.add("key", "k1", blocked=True)
        adapter(litellm).deliver(sent(EffectKind.SUSPEND))
        adapter(litellm).deliver(lift(1))
        assert row["blocked"] is True

    def test_an_unknown_key_is_refused_and_lifting_from_it_is_done(self, litellm: LiteLLMServer) -> None:
        said = adapter(litellm).deliver(sent(EffectKind.SUSPEND, name="nobody"))
        assert isinstance(said, Refused)
        assert "404" in said.reason
        assert isinstance(adapter(litellm).deliver(lift(1, name="nobody")), Delivered)
        assert adapter(litellm).holds(sent(EffectKind.SUSPEND, name="nobody")) is False


class TestOthers:
    def test_an_organisation_is_a_team(self, litellm: LiteLLMServer) -> None:
        row = litellm.add("team", "t1")
        adapter(litellm).deliver(sent(EffectKind.BAN, SubjectType.ORG, "t1"))
        assert row["blocked"] is True
        adapter(litellm).deliver(lift(1, kind=SubjectType.ORG, name="t1"))
        assert row["blocked"] is False

    def test_a_user_cannot_be_blocked_and_is_shut_by_limits_of_nothing(self, litellm: LiteLLMServer) -> None:
        row = litellm.add("user", "u1", max_budget=20.0)
        suspend = sent(EffectKind.SUSPEND, SubjectType.ACCOUNT, "u1")
        adapter(litellm).deliver(suspend)
        assert [row[name] for name in LIMITS] == [0, 0, 0]
        assert adapter(litellm).holds(suspend) is True
        adapter(litellm).deliver(lift(1, kind=SubjectType.ACCOUNT, name="u1"))
        assert [row[name] for name in LIMITS] == [None, None, 20.0]

    def test_an_end_user_is_blocked_before_litellm_knows_it_and_unblocked_by_an_update(
        self, litellm: LiteLLMServer
    ) -> None:
        block = sent(EffectKind.SUSPEND, SubjectType.END_USER, "e1")
        assert isinstance(adapter(litellm).deliver(block), Delivered)
        assert adapter(litellm).holds(block) is True
        adapter(litellm).deliver(lift(1, kind=SubjectType.END_USER, name="e1"))
        assert litellm.rows["customer"]["e1"]["blocked"] is False
        assert litellm.calls[-1] == "POST /customer/update"
        throttle = adapter(litellm).deliver(sent(EffectKind.THROTTLE, SubjectType.END_USER, "e1", rpm=1))
        assert isinstance(throttle, Refused)

    @pytest.mark.parametrize("effect", [EffectKind.SAFER_MODEL, EffectKind.CAP_TOKENS, EffectKind.STEP_UP])
    def test_what_it_cannot_do_is_refused_with_what_does(self, litellm: LiteLLMServer, effect: EffectKind) -> None:
        litellm.add("key", "k1")
        said = adapter(litellm).deliver(sent(effect, model="small"))
        assert isinstance(said, Refused)
        assert "plug-in" in said.reason

    def test_all_pages_of_the_lists_are_read(self, litellm: LiteLLMServer) -> None:
        for number in range(230):
            litellm.add("key", f"k{number}")
        for number in (1, 120, 229):
            adapter(litellm).deliver(sent(EffectKind.SUSPEND, name=f"k{number}", number=number))
        seen = adapter(litellm).in_force()
        assert not isinstance(seen, Unreachable)
        assert sorted(one.target.id for one in seen) == ["k1", "k120", "k229"]


class TestMisbehaviour:
    def test_a_wrong_key_is_not_reachable_never_a_refusal(self, litellm: LiteLLMServer) -> None:
        litellm.add("key", "k1")
        said = adapter(litellm, "sk-old").deliver(sent(EffectKind.SUSPEND))
        assert isinstance(said, Unreachable)
        assert "401" in said.reason
        assert "sk-old" not in said.reason
        assert isinstance(adapter(litellm, "sk-old").holds(sent(EffectKind.SUSPEND)), Unreachable)
        assert isinstance(adapter(litellm, "sk-old").in_force(), Unreachable)

    @pytest.mark.parametrize("path", ["/key/info", "/key/update", "/key/block"])
    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("fault", [500, 503, 429, 403, "reset"])
    def test_whatever_fails_at_whichever_call_the_next_try_completes_it_once(
        self, litellm: LiteLLMServer, path: str, when: str, fault: int | str
    ) -> None:
        row = litellm.add("key", "k1", rpm_limit=7)
        armed = [True]

        def strike(called: str, handler: BaseHTTPRequestHandler) -> bool:
            if called != path or not armed:
                return False
            armed.clear()
            reset(handler) if fault == "reset" else answer(handler, int(fault))
            return True

        if when == "before":
            litellm.strike = strike
        else:
            litellm.strike_after = strike
        block = sent(EffectKind.SUSPEND)
        assert isinstance(adapter(litellm).deliver(block), Unreachable)
        assert isinstance(adapter(litellm).deliver(block), Delivered)
        assert adapter(litellm).holds(block) is True
        adapter(litellm).deliver(lift(1))
        assert (row["blocked"], row["rpm_limit"]) == (False, 7)

    def test_an_answer_that_is_no_object_is_not_reachable(self, litellm: LiteLLMServer) -> None:
        said = [b"[1]"]

        def strike(path: str, handler: BaseHTTPRequestHandler) -> bool:
            answer(handler, 200, said[0])
            return True

        litellm.strike = strike
        assert isinstance(adapter(litellm).deliver(sent(EffectKind.SUSPEND)), Unreachable)
        said[0] = b"<html>"
        assert isinstance(adapter(litellm).in_force(), Unreachable)


_LIMIT = st.none() | st.integers(0, 50)
_MARKS = st.dictionaries(
    st.sampled_from("abc"),
    st.builds(
        lambda shut, limits: Mark(
            EffectKind.SUSPEND if shut else EffectKind.THROTTLE,
            Target(SubjectType.API_KEY, "k", "t"),
            {} if shut else {name: float(value) for name, value in limits.items()},
        ),
        st.booleans(),
        st.dictionaries(st.sampled_from(LIMITS), st.integers(0, 50), min_size=1),
    ),
)


@given(st.fixed_dictionaries(dict.fromkeys(LIMITS, _LIMIT)), st.booleans(), st.booleans(), _MARKS)
def test_every_mark_is_effective_and_without_marks_everything_is_as_before(
    limits: dict[str, int | None], can_block: bool, blocked: bool, marks: dict[str, Mark]
) -> None:
    before: dict[str, Any] = {**limits, **({"blocked": blocked} if can_block else {})}
    fields = imposed(Note(before, marks))
    assert all(is_effective(mark, fields) for mark in marks.values())
    assert imposed(Note(before, {})) == before
    assert note_of({}, before) == Note(before, {})
