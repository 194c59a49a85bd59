"""Policy files: what they mean, and what is said about a wrong one."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enforcement.policies import load_policies
from enforcement.policies.policy import Agreement, Approval, Budget, Exemption, Mode, Policy
from enforcement.policies.reader import read_policy
from vigil.effect import EffectKind
from vigil.errors import ConfigError
from vigil.signal import IncidentKind, SubjectType

FULL = """\
# A comment does not change the version.
policy: ring-containment
owner: trust-and-safety
mode: {canary: {percent: 10}}
tenants: [acme, globex]
when: >-
  incident.kind == "coordinated_ring" && incident.severity >= HIGH
  && size(incident.families) >= 2
targets: {members: "member.score >= 0.9", principal: api_key}
ladder:
  - throttle: {rpm: 10, for: 24h}
  - suspend: {for: 7d}
  - ban
decay: 30d
grace: 2h
page: trust-oncall
budget: {per_hour: 50, share_of_active_accounts: 0.5%, at_least: 10}
approval: {from: suspend, by: 2}
except:
  - {org: red-team, until: 2027-01-01, reason: contract 1182}
notice: ring-template
"""
SMALL = 'policy: p\nowner: o\nwhen: incident.severity >= HIGH\nladder: ["ban"]\n'


def read(folder: Path, text: str) -> Policy:
    file = folder / "p.yaml"
    file.write_text(text)
    return read_policy(file, "p.yaml")


def message(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value)


def test_every_field_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, FULL)
    assert (found.name, found.owner, found.mode, found.canary_percent) == (
        "ring-containment",
        "trust-and-safety",
        Mode.CANARY,
        10.0,
    )
    assert found.tenants == frozenset({"acme", "globex"})
    assert found.covers("acme")
    assert not found.covers("other")
    assert found.kinds == frozenset({"coordinated_ring"})
    assert found.members is not None
    assert found.members.text == "member.score >= 0.9"
    assert found.principals == (SubjectType.API_KEY,)
    assert [(rung.effect, rung.parameters, rung.duration) for rung in found.ladder] == [
        (EffectKind.THROTTLE, {"rpm": 10}, timedelta(hours=24)),
        (EffectKind.SUSPEND, {}, timedelta(days=7)),
        (EffectKind.BAN, {}, None),
    ]
    assert (found.decay, found.grace) == (timedelta(days=30), timedelta(hours=2))
    assert found.budget == Budget(50, 0.005, 10)
    assert (found.approval.threshold, found.approval.by) == (EffectKind.SUSPEND, 2)
    assert found.exemptions == (
        Exemption(SubjectType.ORG, "red-team", "contract 1182", datetime(2027, 1, 1, tzinfo=UTC)),
    )
    assert (found.page, found.notice) == ("trust-oncall", "ring-template")
    assert found.source == FULL


def test_what_is_left_out_is_safe(tmp_path: Path) -> None:
    found = read(tmp_path, SMALL)
    assert found.mode is Mode.SHADOW
    assert found.covers("anybody")
    assert (found.decay, found.exemptions, found.delay) == (timedelta(days=90), (), None)
    assert found.approval == Approval(EffectKind.BAN, 1, 200), "bans, and many at once, need a person"
    assert found.agreement == Agreement(EffectKind.SUSPEND, 2), "severe effects need independent families"


def test_the_version_is_of_what_it_says_not_of_how_it_is_written(tmp_path: Path) -> None:
    reordered = "\n".join(reversed(SMALL.strip().splitlines())) + "\n# a comment\n\n"
    assert read(tmp_path, SMALL).version == read(tmp_path, reordered).version
    tenants = [SMALL + f"tenants: [{', '.join(names)}]" for names in itertools.permutations("abcde", 5)]
    assert len({read(tmp_path, text).version for text in tenants}) == 1
    changed = [
        SMALL.replace("HIGH", "MEDIUM"),
        SMALL.replace('"ban"', '"step_up": {for: 1d}'),
        SMALL + "mode: live",
        SMALL + "tenants: [a]",
        SMALL + "page: x",
        SMALL + "budget: {per_hour: 1}",
    ]
    assert len({read(tmp_path, text).version for text in [SMALL, *changed]}) == len(changed) + 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("owner: o", "ownr: o"), "p.yaml:2: unknown field 'ownr'; did you mean 'owner'?"),
        (("owner: o\n", ""), "p.yaml:1: 'owner' is missing"),
        (("owner: o", "owner: o\nowner: p"), "p.yaml:3: 'owner' stands here twice"),
        (("owner: o", "owner:"), "p.yaml:2: in owner: expected who answers for this policy, found nothing"),
        (
            ("policy: p", "policy: My Policy"),
            "p.yaml:1: in policy: expected a name such as ring-containment (small letters",
        ),
        (
            ("owner: o", "owner: o\nmode: lvie"),
            "p.yaml:3: in mode: 'lvie' is none of the values there are; did you mean 'live'?",
        ),
        (
            ("owner: o", "owner: o\nmode: canary"),
            "p.yaml:3: in mode: a canary needs its share: {canary: {percent: 10}}",
        ),
        (
            ("owner: o", "owner: o\nmode: {canary: {percent: 200}}"),
            "p.yaml:3: in mode.canary.percent: expected a whole number from 1 to 100, found '200'",
        ),
        (("owner: o", "owner: o\ntenants: []"), "p.yaml:3: in tenants: an empty list of tenants would never match"),
        (("owner: o", "owner: o\ntenants: acme"), "p.yaml:3: in tenants: expected a list, found 'acme'"),
        (
            ("incident.severity >= HIGH", "incident.sevrity >= HIGH"),
            "p.yaml:3: in when: incident has no field 'sevrity'; did you mean 'severity'?\n"
            "    incident.sevrity >= HIGH\n             ^",
        ),
        (
            ("incident.severity >= HIGH", "account.calls > 3"),
            "account, member and history are facts of each offender: ask them in targets.members",
        ),
        (('["ban"]', '["bann"]'), "p.yaml:4: in ladder[1]: there is no effect 'bann'; did you mean 'ban'?"),
        (('["ban"]', "[{bann: {}}]"), "p.yaml:4: in ladder[1]: unknown field 'bann'; did you mean 'ban'?"),
        (('["ban"]', "[]"), "p.yaml:4: in ladder: an empty ladder does nothing"),
        (('["ban"]', '["page"]'), "p.yaml:4: in ladder[1]: a page is no rung: write `page: NAME` beside the ladder"),
        (('["ban"]', "[{lift: {}}]"), "p.yaml:4: in ladder[1].lift: effects lift by themselves after `for`"),
        (
            ('["ban"]', "[{throttle: {for: 1h}}]"),
            "p.yaml:4: in ladder[1].throttle: throttle needs rpm or tpm: - throttle: {rpm: …, for: 24h}",
        ),
        (
            ('["ban"]', "[{throttle: {rmp: 3, for: 1h}}]"),
            "p.yaml:4: in ladder[1].throttle: unknown field 'rmp'; did you mean 'rpm'?",
        ),
        (
            ('["ban"]', "[{throttle: {rpm: ten, for: 1h}}]"),
            "p.yaml:4: in ladder[1].throttle.rpm: expected a whole number from 1 to 1,000,000,000, found 'ten'",
        ),
        (
            ('["ban"]', "[{suspend: {for: 1w}}]"),
            "in ladder[1].suspend.for: expected a span such as 90s, 30m, 24h or 7d (up to ten years), found '1w'",
        ),
        (('["ban"]', "[{suspend: {for: 9999d}}]"), "(up to ten years), found '9999d'"),
        (('["ban"]', '["suspend"]'), "suspend needs `for: 24h`, or `until_lifted: the reason why it has no end`"),
        (('["ban"]', "[{suspend: {for: 1d, until_lifted: x}}]"), "say `for` or `until_lifted`, not both"),
        (('["ban"]', "[{notify_owner: {for: 1d}}]"), "notify_owner happens once and does not last, so it has no `for`"),
        (('["ban"]', "[{ban: {}, suspend: {for: 1d}}]"), "a rung is one effect, this one has 2: ban, suspend"),
        (
            ('ladder: ["ban"]\n', ""),
            "p.yaml:1: a policy needs a `ladder` (what to do), a `page` (whom to wake) or both",
        ),
        (
            ('ladder: ["ban"]\n', "page: x\ntargets: {principal: account}"),
            "p.yaml:5: in targets: targets without a ladder do nothing",
        ),
        (
            ("owner: o", "owner: o\ntargets: {principal: acount}"),
            "in targets.principal: 'acount' is none of the values",
        ),
        (
            ("owner: o", "owner: o\nbudget: {share_of_active_accounts: 0.5}"),
            "in budget.share_of_active_accounts: expected a percentage above 0% and up to 100%, found '0.5'",
        ),
        (
            ("owner: o", "owner: o\nbudget: {at_least: 3}"),
            "in budget.at_least: at_least goes with share_of_active_accounts",
        ),
        (("owner: o", "owner: o\napproval: {by: 2}"), "in approval: 'from' is missing"),
        (("owner: o", "owner: o\napproval: {from: log}"), "in approval.from: 'log' is none of the values there are"),
        (("owner: o", "owner: o\nexcept: [{reason: x}]"), "in except[1]: an exception names exactly one of end_user"),
        (
            ("owner: o", "owner: o\nexcept: [{org: a, reason: x, until: soon}]"),
            "in except[1].until: expected a day such as 2027-01-01 or a time",
        ),
        (
            ("owner: o", "owner: o\nexcept: [{org: a, reason: x, until: '2027-01-01T12:00:00'}]"),
            "needs a UTC offset, e.g. 2027-01-01T12:00:00Z",
        ),
        (("owner: o", "owner: &a o\nnotice: *a"), "p.yaml:2: anchors, aliases and tags are not allowed in a policy"),
        (("owner: o", "owner: !!python/object:os.system o"), "p.yaml:2: anchors, aliases and tags are not allowed"),
        (("owner: o", "owner: [o"), "p.yaml:3: not valid YAML: "),
        (("owner: o", "owner: o\n---\nx: 1"), "not valid YAML: "),
        (("owner: o", "owner: \x01"), "p.yaml: not valid YAML: "),
    ],
)
def test_a_mistake_is_named_with_file_and_line_and_the_nearest_valid_name(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    assert change[0] in SMALL
    assert expected in message(tmp_path, SMALL.replace(*change))


@pytest.mark.parametrize(
    ("text", "expected"), [("", "is empty"), ("- a", "expected {policy, owner"), ("x", "expected {policy")]
)
def test_what_is_no_policy_at_all(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in message(tmp_path, text)


def test_files_that_cannot_be_text(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    with pytest.raises(ConfigError, match="cannot read"):
        read_policy(file)
    file.write_bytes(b"policy: \xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 8"):
        read_policy(file)
    file.write_bytes(b" " * 300_000)
    with pytest.raises(ConfigError, match="may have 262,144"):
        read_policy(file)


class TestFolders:
    def test_the_starter_pack_covers_every_kind_and_restricts_nobody_by_itself(self) -> None:
        pack = load_policies(None)
        for kind in IncidentKind:
            assert any(policy.kinds == frozenset({kind.value}) for policy in pack), kind
        live = [policy for policy in pack if policy.mode is not Mode.SHADOW]
        assert [(policy.name, policy.ladder) for policy in live] == [("page-high-severity", ())]
        assert all(policy.file.startswith("starter pack: ") for policy in pack)

    def test_every_mistake_of_a_folder_is_said_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(SMALL)
        (tmp_path / "b.yml").write_text(SMALL)
        (tmp_path / "c.yaml").write_text(SMALL.replace("owner", "ownr"))
        (tmp_path / "README.md").write_text("not a policy")
        with pytest.raises(ConfigError) as caught:
            load_policies(tmp_path)
        assert str(caught.value).splitlines() == [
            f"{tmp_path}/b.yml: policy 'p' stands in {tmp_path}/a.yaml already",
            f"{tmp_path}/c.yaml:2: unknown field 'ownr'; did you mean 'owner'?",
        ]

    def test_a_folder_without_policies_is_an_error_and_not_silence(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="holds no policy"):
            load_policies(tmp_path)
        with pytest.raises(ConfigError, match="there is no folder"):
            load_policies(tmp_path / "nowhere")
