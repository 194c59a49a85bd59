"""What a person on call reads."""

from __future__ import annotations

import pytest

from enforcement.incidents.severity import FAMILY_INPUT, families_agree, incident_severity
from enforcement.incidents.wording import WHAT_TO_LOOK_AT, listed
from tests.enforcement.incidents.examples import HOUR, MINUTE, NOON, Desk, accounts, signal
from vigil.signal import IncidentKind, Severity, Subject, SubjectRole, SubjectType


def test_the_summary_says_what_who_how_sure_since_when_and_what_to_look_at() -> None:
    desk = Desk()
    members = accounts(*(f"acct-{number}" for number in range(8)))
    victim = Subject(SubjectType.END_USER, "visitor", 0.5, SubjectRole.VICTIM)
    desk.take(signal(subjects=(*members, victim)), now=NOON + MINUTE)
    desk.take(
        signal(
            end=NOON + HOUR,
            detector="volume",
            family="accounts",
            subjects=members,
            score=0.7,
            p_value=None,
            e_value=5000.0,
            summary="Twice as many calls!",
        )
    )
    assert desk.only.summary == (
        "Three accounts send one template."
        " Offenders: 8 accounts (acct-0, acct-1, acct-2, acct-3, acct-4 and 3 more)."
        " Victims: 1 end user (visitor)."
        " Seen by shared_template (score 0.90, p = 1e-09) and volume (score 0.70, 5e+03 to 1 against chance)."
        " Traffic from 2026-11-01 11:00 to 2026-11-01 13:00 UTC, first reported 2026-11-01 12:01 UTC."
        " Look at two members' prompts side by side, and whether they share an organisation that explains it"
        " (a batch job, a class)."
    )


def test_every_kind_has_something_to_look_at() -> None:
    assert set(WHAT_TO_LOOK_AT) == set(IncidentKind)


def test_identifiers_cannot_flood_or_style_a_pager() -> None:
    assert listed(["\x1b[31mred"]) == "\N{REPLACEMENT CHARACTER}[31mred"
    assert len(listed(["x" * 10_000])) == 48


@pytest.mark.parametrize("families", [["content", "coordination"], ["accounts"], ["accounts", "unheard-of"], []])
def test_families_that_may_be_wrong_for_one_reason_do_not_raise_the_severity(families: list[str]) -> None:
    assert not families_agree(families)
    assert incident_severity(Severity.MEDIUM, families, permitted=False) is Severity.MEDIUM


def test_permission_outranks_agreement() -> None:
    assert incident_severity(Severity.CRITICAL, FAMILY_INPUT, permitted=True) is Severity.LOW
