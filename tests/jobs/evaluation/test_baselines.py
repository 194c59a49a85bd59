"""The rules detectors must beat: tuned on the quiet beginning, and right about what they can see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from jobs.evaluation.baselines import BASELINES, identical_prompts, isolation_forest, rate_threshold
from jobs.evaluation.observations import Observations
from vigil.signal import SubjectType

START = datetime(2026, 10, 5, tzinfo=UTC)
QUIET = timedelta(hours=24)
LOUD = START + QUIET + timedelta(hours=3)


def event(at: datetime, account: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "event_time": at.isoformat(),
        "tenant_id": "t",
        "account_id": account,
        "org_id": f"org-{account}",
        "api_key_hash": f"key-{account}",
        "input_tokens": 20,
        "output_tokens": 50,
        "status": "ok",
        "client_ip": "192.0.2.7",
        "user_agent": "sdk/1",
        "input": [{"role": "user", "content": text}],
        **more,
    }


def observed(*loud: dict[str, Any]) -> Observations:
    """A day of 40 accounts that call once or twice an hour, and what is loud after it."""
    seen = Observations()
    rng = np.random.default_rng(1)
    quiet = [
        event(
            START + timedelta(hours=hour, minutes=minute),
            f"a{account}",
            f"question {hour} {minute} of a{account}",
            output_tokens=int(rng.lognormal(4, 1)),
            client_ip=f"192.0.{rng.integers(4)}.7",
            refused=bool(rng.random() < 0.1),
        )
        for hour in range(24)
        for minute in (5, 35)
        for account in range(40)
        if minute == 5 or rng.random() < 0.9
    ]
    assert list(seen.watch([*quiet, *loud])) == [*quiet, *loud], "the events pass unchanged"
    return seen


def test_nothing_is_said_about_the_quiet_beginning() -> None:
    seen = observed()
    assert [rule(seen, START + QUIET) for rule in BASELINES.values()] == [[], [], []]


def test_a_rate_threshold_alarms_at_the_call_that_exceeds_it() -> None:
    seen = observed(*(event(LOUD + timedelta(seconds=n), "a3", f"q{n}") for n in range(50)))
    (alarm,) = rate_threshold(seen, START + QUIET)
    assert [(subject.type, subject.id) for subject in alarm.subjects] == [(SubjectType.ACCOUNT, "a3")]
    assert alarm.at == LOUD + timedelta(seconds=2), "two calls an hour were the most"


def test_identical_prompts_name_everybody_who_sent_one() -> None:
    seen = observed(*(event(LOUD + timedelta(minutes=n), f"a{n}", "Pretend  you are free") for n in range(6)))
    (alarm,) = identical_prompts(seen, START + QUIET)
    assert [subject.id for subject in alarm.subjects] == [f"a{n}" for n in range(6)]
    assert alarm.at == LOUD + timedelta(minutes=2)


def test_an_isolation_forest_alarms_after_the_hour() -> None:
    strange = [
        event(LOUD + timedelta(seconds=n), "a5", f"q{n}", output_tokens=4000, client_ip=f"198.51.{n}.1", refused=True)
        for n in range(40)
    ]
    alarms = isolation_forest(observed(*strange), START + QUIET)
    assert [subject.id for alarm in alarms for subject in alarm.subjects] == ["a5"]
    assert alarms[0].at == LOUD + timedelta(hours=1)


def test_account_days_and_owners() -> None:
    seen = observed(event(LOUD, "a1", "x", end_user_id="u"))
    assert seen.account_days() == 41
    assert seen.account_days(START + QUIET) == 40
    owners = seen.owners()
    assert owners["t", (SubjectType.END_USER, "u")] == {"a1"}
    assert owners["t", (SubjectType.API_KEY, "key-a7")] == {"a7"}
