"""Conditions: what is accepted means what the CEL library computes, what cannot be true is refused with its place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcement.policies import facts
from enforcement.policies.cel_syntax import MAX_DEPTH, CelError, conjuncts, parse
from enforcement.policies.condition import Condition, EvaluationError, compile_condition, make_context


def holds(text: str, **incident: Any) -> bool:
    values = dict(facts.EXAMPLE)
    values["incident"] = {**values["incident"], **incident}
    return compile_condition(text, facts.MEMBERS).holds(make_context(values))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('incident.kind == "coordinated_ring" && incident.severity >= HIGH', True),
        ('incident.kind in ["jailbreak", "bulk_harm"]', False),
        ("incident.severity > MEDIUM || false", True),
        ("!(incident.size < 3)", True),
        ("incident.score * 2.0 > 1.5", True),
        ("incident.score > 0", True),
        ("size(incident.families) >= 1 && incident.families.size() == 1", True),
        ('incident.families.exists(f, f == "coordination")', True),
        ('incident.families.all(f, f.startsWith("coord"))', True),
        ('incident.families.filter(f, f != "x").size() == 1', True),
        ('incident.families.map(f, f + "!")[0] == "coordination!"', True),
        ('"shared_template" in incident.detectors', True),
        ('incident.detectors.exists_one(d, d.matches("^shared_.*"))', True),
        ("has(incident.facts.members) && incident.facts.members > 3", False),
        ('incident.facts["members"] > 3', False),
        ("incident.severity == HIGH ? member.score > 0.5 : false", True),
        ("-incident.size < 0 && incident.size % 2 == 0", True),
        ("int(member.score * 10.0) == 9", True),
        ('account.org == "o1" && account.age_days < 7 && history.strikes == 0', True),
        ('duration("1h") > duration("30m")', True),
        ('member.id.contains("all") && member.id.endsWith("ory")', True),
        ('incident.kind == "coordinated_ring" // a comment\n  && true', True),
        ("'it\\'s' == \"it's\"", True),
        ("0x10 == 16 && 1e3 == 1000.0", True),
    ],
)
def test_what_is_accepted_means_what_cel_means(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("incident.sevrity >= HIGH", "incident has no field 'sevrity'; did you mean 'severity'?", 9),
        ("incidnet.severity >= HIGH", "there is no fact 'incidnet' here; did you mean 'incident'?", 0),
        ('incident.severity == "high"', "an int is never equal to a string", 18),
        ('incident.severity >= "high"', "'>=' cannot order an int and a string", 18),
        ('incident.kind == "coordinated_rign"', "it is never 'coordinated_rign'; did you mean 'coordinated_ring'?", 17),
        ('"coordinated_rign" == incident.kind', "it is never 'coordinated_rign'; did you mean 'coordinated_ring'?", 0),
        ('incident.kind in ["jailbreak", "bulkharm"]', "it is never 'bulkharm'; did you mean 'bulk_harm'?", 31),
        ('member.role != "ofender"', "it is never 'ofender'; did you mean 'offender'?", 15),
        ("incident.severity in [1, 'x']", "a list holds one type: int, then string", 25),
        ("incident.kind in incident.severity", "'in' needs a list or a map on its right, not an int", 26),
        ("incident.size in incident.families", "an int is never in a list of string", 14),
        ("incident.severity", "a condition gives true or false, this gives an int", 9),
        ("incident.score + incident.size > 1.0", "'+' does not mix int and double; write double(…) or int(…)", 15),
        ('incident.kind * 2 == "x"', "'*' cannot take a string and an int", 14),
        ("incident.kind && true", "'&&' needs bool, not a string", 9),
        ("!incident.kind", "'!' needs bool, not a string", 10),
        ("-incident.kind == 1", "'-' needs a number, not a string", 10),
        ("incident.kind.startswith('x')", "there is no function 'startswith'; did you mean 'startsWith'?", 14),
        ("incident.size.startsWith('x')", "'startsWith' cannot be asked of an int", 14),
        ("incident.kind.startsWith(3)", "startsWith needs string, not an int", 25),
        ("len(incident.families) > 1", "there is no function 'len'; there are size, has, int, double, string", 0),
        ("size(incident.size) > 1", "an int has no size", 0),
        ("has(incident)", "has() asks for a field: has(incident.facts.members)", 4),
        ("has(incident.fact)", "incident has no field 'fact'; did you mean 'facts'?", 13),
        ("incident.families.exists(3, true)", "exists takes a name and a condition: exists(d, d == …)", 18),
        ("incident.families.exists(incident, true)", "'incident' is a fact already; bind another name", 25),
        ("incident.families.exists(f, f)", "exists needs bool, not a string", 28),
        ("f == 1 || incident.families.exists(f, true)", "there is no fact 'f' here", 0),
        ("incident.families['a'] == 'x'", "a list is indexed by int, not by string", 18),
        ("incident.severity[0] == 1", "an int cannot be indexed", 18),
        ("incident.severity.x == 1", "an int has no fields, so there is no 'x' in it", 18),
        ("true ? 1 : 'x'", "both sides of ':' must be of one type, not int and string", 0),
        ("incident.families == 'x'", "a list is never equal to a string", 18),
        ("incident.kind == ", "expected a value, found the end", 17),
        ("incident.kind == 'x", 'unexpected "\'" (a text must end on the line it begins on)', 17),
        ("incident.kind = 'x'", "unexpected '='", 14),
        ("(incident.size > 1", "expected ')', found the end", 18),
        ("incident.size > 1 2", "expected an operator or the end, found '2'", 18),
        ("incident.3 == 1", "expected a name after '.', found '3'", 9),
        ("'\\q' == 'q'", "unknown escape '\\\\q'", 0),
        ("", "expected a value, found the end", 0),
        ("(" * 40 + "true" + ")" * 40, f"a condition may be nested {MAX_DEPTH} deep", MAX_DEPTH),
        ("!" * 40 + "true", f"a condition may be nested {MAX_DEPTH} deep", 0),
        ("incident.facts" + ".a" * 40 + " == 1", f"a condition may be nested {MAX_DEPTH} deep", 76),
        ("true" + " || true" * 200, "a condition may have 300 words and operators, this one has 401", 0),
        ("'" + "x" * 5000 + "' == ''", "a condition may have 4,096 characters, this one has 5,008", 4096),
        (
            "incident.families.all(a, incident.families.all(b, incident.families.all(c, a == b && b == c)))",
            "macros may be nested 2 deep",
            68,
        ),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place_and_the_nearest_name(
    text: str, message: str, position: int
) -> None:
    with pytest.raises(CelError) as caught:
        compile_condition(text, facts.MEMBERS)
    assert message in caught.value.message
    assert caught.value.position == position


def test_when_sees_the_incident_only() -> None:
    with pytest.raises(CelError, match="there is no fact 'account' here"):
        compile_condition("account.calls > 3", facts.WHEN)


def test_a_fact_of_another_type_is_an_error_and_not_false() -> None:
    with pytest.raises(EvaluationError, match=r"`incident\.facts\.members > 3`"):
        holds("incident.facts.members > 3", facts={"members": "many"})
    with pytest.raises(EvaluationError, match="gave int"):
        holds("incident.facts.members", facts={"members": 3})
    with pytest.raises(EvaluationError):
        holds("1 / incident.facts.members == 1", facts={"members": 0})


def test_a_fact_that_is_absent_is_false() -> None:
    assert not holds("incident.facts.members > 3", facts={})


@given(st.text(max_size=60))
def test_no_text_crashes_the_parser(text: str) -> None:
    # A text of sixty random characters is hardly ever a condition; what it must not be is anything but a CelError.
    with suppress(CelError):
        compile_condition(text, facts.MEMBERS)


_NUMBERS = st.sampled_from(
    ["incident.severity", "incident.size", "LOW", "3", "-1", "(incident.size + 2)", "history.strikes"]
)
_COMPARED = st.builds(
    "{} {} {}".format, _NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _NUMBERS
) | st.sampled_from(["true", "incident.kind == 'jailbreak'", "incident.families.exists(f, f == 'content')"])
_CONDITIONS = st.recursive(
    _COMPARED,
    lambda inner: (
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["&&", "||"]), inner) | st.builds("!({})".format, inner)
    ),
    max_leaves=8,
)


@given(_CONDITIONS)
def test_every_condition_that_passes_the_check_runs(text: str) -> None:
    condition = compile_condition(text, facts.MEMBERS)
    context = make_context(facts.EXAMPLE)
    assert condition.holds(context) is bool(cel.evaluate(text, dict(facts.EXAMPLE)))


def condition(text: str) -> Condition:
    return compile_condition(text, facts.WHEN)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('incident.kind == "jailbreak"', {"jailbreak"}),
        ('incident.severity >= HIGH && incident.kind == "jailbreak"', {"jailbreak"}),
        ('incident.kind in ["jailbreak", "bulk_harm"] && incident.kind == "jailbreak"', {"jailbreak"}),
        ('incident.kind == "jailbreak" || incident.kind == "bulk_harm"', {"jailbreak", "bulk_harm"}),
        ('incident.kind == "jailbreak" || incident.severity >= HIGH', None),
        ('incident.kind != "jailbreak"', None),
        ('!(incident.kind == "jailbreak")', None),
        ("incident.severity >= HIGH", None),
    ],
)
def test_the_kinds_a_condition_can_be_true_of(text: str, kinds: set[str] | None) -> None:
    assert condition(text).kinds() == kinds


def test_what_a_condition_mentions() -> None:
    texts = [
        "incident.severity >= LOW",
        "true || [incident.severity].exists(s, s > 1)",
        "(incident.size > 1 ? incident.severity : 1) > 0",
        "!(size(string(incident.severity)) > 1)",
        "incident.families[incident.severity] == 'x'",
    ]
    assert all(condition(text).mentions("incident", "severity") for text in texts)
    assert not condition("incident.size > 1").mentions("incident", "severity")


def test_conjuncts_are_the_parts_that_must_all_hold() -> None:
    assert len(conjuncts(parse("a && b && (c || d) && !e"))) == 4
