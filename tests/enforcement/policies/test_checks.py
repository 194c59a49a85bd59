"""Before a policy acts: its schema for editors, its tests beside it, and why it matches an incident or not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from enforcement.explain import explain
from enforcement.policies.cel_syntax import parse
from enforcement.policies.cel_text import text_of
from enforcement.policies.loader import load_policies, policy_folder
from enforcement.policies.reader import FIELDS, read_policy
from enforcement.policies.schema import policy_schema
from enforcement.policies.testing import read_cases
from enforcement.rehearse import rehearse
from tests.enforcement.console import Console
from tests.enforcement.sample import NOW, RING_THROTTLE, member, policy, ring
from vigil.errors import ConfigError
from vigil.signal import IncidentKind, Severity
from vigil.warehouse.accounts import AccountFacts

EVERYTHING = """
policy: everything
owner: trust
mode: {canary: {percent: 10}}
tenants: [acme]
when: incident.severity >= LOW
targets: {members: member.score > 0.5, principal: [api_key, account], widen_after: 3}
ladder: [log, {throttle: {rpm: 1, tpm: 2, for: 1h}}, {cap_tokens: {max_tokens: 5, until_lifted: why}}, {ban: {for: 7d}}]
decay: 30d
grace: 1h
page: oncall
budget: {per_hour: 5, share_of_active_accounts: 0.5%, at_least: 3}
approval: {from: suspend, by: 2, bulk: 10}
agreement: {from: ban, families: 2}
delay: {after: 1h, at: "06:00", within: 30m}
except: [{org: red, until: 2027-01-01, reason: contract}]
notice: something
"""


def plain(text: str) -> Any:
    """The file as an editor's YAML server sees it: days are texts."""
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (strings only)


def numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value


class TestSchema:
    def test_it_is_a_schema_and_knows_every_field(self) -> None:
        schema = policy_schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        assert set(schema["properties"]) == set(FIELDS)

    def test_what_loads_is_valid(self, tmp_path: Path) -> None:
        validator = jsonschema.Draft202012Validator(policy_schema())
        (tmp_path / "everything.yaml").write_text(EVERYTHING)
        assert read_policy(tmp_path / "everything.yaml").name == "everything"
        validator.validate(numbers(plain(EVERYTHING)))
        for one in load_policies(None):
            validator.validate(numbers(plain(one.source)))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("mode", "canary"),
            ("policy", "Has Spaces"),
            ("ladder", "[suspend]"),
            ("ladder", "[throttle: {for: 1h}]"),
            ("ladder", "[suspend: {for: 1h, until_lifted: x}]"),
            ("ladder", "[page]"),
            ("targets", "{principal: model}"),
            ("decay", "soon"),
            ("approval", "{by: 2}"),
            ("except", "[{reason: x}]"),
            ("unknown", "x"),
        ],
    )
    def test_what_the_schema_refuses_does_not_load(self, tmp_path: Path, field: str, value: str) -> None:
        lines = [line for line in EVERYTHING.strip().splitlines() if line.split(":")[0] != field]
        text = "\n".join([*lines, f"{field}: {value}"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(policy_schema()).validate(numbers(plain(text)))
        (tmp_path / "wrong.yaml").write_text(text)
        with pytest.raises(ConfigError):
            read_policy(tmp_path / "wrong.yaml")


class TestTestsBesidePolicies:
    def test_every_starter_policy_has_tests_and_they_pass(self) -> None:
        loaded = load_policies(None)
        with policy_folder(None) as folder:
            done = [rehearse(case) for case in read_cases(folder, loaded)]
        assert {one.case.name: one.problems for one in done if one.problems} == {}
        assert {one.case.policy.name for one in done} == {one.name for one in loaded}

    def test_the_starter_pack_covers_every_kind_and_is_shadow_but_for_paging(self) -> None:
        loaded = load_policies(None)
        covered = {kind for one in loaded if one.kinds is not None for kind in one.kinds}
        assert covered == {kind.value for kind in IncidentKind}
        assert {one.name for one in loaded if one.mode.value != "shadow"} == {"page-high-severity"}

    def test_a_wrong_expectation_is_named(self, console: Console, tmp_path: Path) -> None:
        folder = tmp_path / "policies"
        folder.mkdir()
        (folder / "ring.yaml").write_text(RING_THROTTLE)
        cases = """
policy: ring-throttle
cases:
  - name: first offence
    incident: {kind: coordinated_ring, severity: high, facts: {share: 0.5}}
    members: [{id: a, account: {age_days: 3, org: o, calls: 5}}, {id: b, score: 0.1}, {id: c, strikes: 1}]
    expect: {a: throttle, b: none, c: suspend}
  - name: a mistake
    incident: {kind: coordinated_ring, severity: low}
    members: [{id: a}]
    expect: {a: ban}
    page: true
"""
        (folder / "ring.test.yaml").write_text(cases)
        result = console.run("policies", "test", "--policies", str(folder))
        assert result.exit_code == 1
        assert "ring.test.yaml, case 2 (ring-throttle): a mistake" in result.output
        assert "a: expected ban, found none" in result.output
        assert "page: expected true, found false" in result.output
        assert "1 of 2 case(s) come out as expected" in result.output
        (folder / "ring.test.yaml").write_text(cases.replace("a: ban", "a: bann"))
        assert "did you mean 'ban'?" in console.fails("policies", "test", "--policies", str(folder))
        (folder / "ring.test.yaml").unlink()
        assert "there is no test" in console.fails("policies", "test", "--policies", str(folder))
        assert "come out as expected" in console.text("policies", "test")


class TestExplain:
    @pytest.mark.parametrize(
        ("fields", "matched", "why"),
        [
            ({}, True, "it aims at 1 of 2 offender(s)"),
            (
                {"severity": Severity.LOW},
                False,
                "`incident.severity >= MEDIUM` does not hold (incident.severity is LOW)",
            ),
            (
                {"kind": IncidentKind.JAILBREAK},
                False,
                '`incident.kind == "coordinated_ring"` does not hold (incident.kind is "jailbreak")',
            ),
        ],
    )
    def test_it_names_the_condition(self, tmp_path: Path, fields: dict[str, Any], matched: bool, why: str) -> None:
        found = explain(policy(tmp_path, RING_THROTTLE), ring("a", member("b", 0.5), **fields), {}, NOW)
        assert (found.matched, found.why) == (matched, why)

    def test_unknown_facts_tenants_and_offenders(self, tmp_path: Path) -> None:
        young = policy(tmp_path, RING_THROTTLE, targets='{members: "member.score >= 0.8 && account.age_days < 7.0"}')
        known = {"a": AccountFacts(account_id="a", first_seen=NOW - timedelta(days=1))}
        found = explain(young, ring("a", "b"), known, NOW)
        assert [(aim.subject.id, aim.meant) for aim in found.aims] == [("a", True), ("b", False)]
        assert [(part.text, part.holds, part.saw) for part in found.aims[1].parts] == [
            ("member.score >= 0.8", True, "member.score is 0.95"),
            ("account.age_days < 7.0", None, "account.age_days is unknown"),
        ]
        other = policy(tmp_path, RING_THROTTLE, tenants="[globex]")
        assert explain(other, ring("a"), {}, NOW).why == "it is for the tenants globex, not for acme"
        fact = policy(tmp_path, RING_THROTTLE, when="incident.severity >= LOW && incident.facts.nothing > 1")
        assert "cannot be evaluated" in explain(fact, ring("a"), {}, NOW).why
        silent = policy(tmp_path, RING_THROTTLE, when="incident.size > 0")
        assert "begins at MEDIUM" in explain(silent, ring("a", severity=Severity.LOW), {}, NOW).why

    def test_the_command(self, console: Console) -> None:
        console.world.open(ring("a", severity=Severity.MEDIUM))
        text = console.text("policies", "explain", "inc_1")
        assert "does not hold" in text
        [one] = console.json("policies", "explain", "inc_1", "--policy", "ring-throttle")
        assert (one["matched"], one["members"][0]["meant"]) == (True, True)
        assert "member.score >= 0.8" in console.text("policies", "explain", "inc_1", "--policy", "ring-throttle")
        assert "there is no policy" in console.fails("policies", "explain", "inc_1", "--policy", "x")
        assert "there is no incident" in console.fails("policies", "explain", "inc_0")
        assert '"title":"vigil policy"' in console.text("policies", "schema")


@pytest.mark.parametrize(
    "text",
    [
        'incident.kind == "a" && (incident.severity >= HIGH || incident.size > 3)',
        "!(a.b in [1, 2]) && size(c) > -1",
        'incident.facts["x"].startsWith("y") ? true : false',
        "incident.families.exists(f, f == 'x')",
        "a.b - (c.d - 1.5) > 2.0",
    ],
)
def test_a_condition_written_again_is_the_same_condition(text: str) -> None:
    def shape(node: Any) -> Any:
        return (
            repr(node).replace(" ", "")
            if not hasattr(node, "__struct_fields__")
            else (
                type(node).__name__,
                *(
                    tuple(map(shape, value)) if isinstance(value, tuple) else shape(value)
                    for name in node.__struct_fields__
                    if name != "position"
                    for value in [getattr(node, name)]
                ),
            )
        )

    assert shape(parse(text_of(parse(text)))) == shape(parse(text))
