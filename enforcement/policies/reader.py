"""From the YAML of a policy to a `Policy`: every field checked, every mistake named with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from enforcement.policies import facts
from enforcement.policies.cel_syntax import CelError
from enforcement.policies.cel_types import Type
from enforcement.policies.condition import Condition, compile_condition
from enforcement.policies.nearest import nearest
from enforcement.policies.policy import (
    SEVERITY_ORDER,
    Agreement,
    Approval,
    Budget,
    Delay,
    Exemption,
    Mode,
    Policy,
    Rung,
)
from enforcement.policies.yaml_lines import Value, read
from vigil.effect import EffectKind
from vigil.ids import digest
from vigil.signal import SubjectType

FIELDS = (
    "policy",
    "owner",
    "mode",
    "tenants",
    "when",
    "targets",
    "ladder",
    "decay",
    "grace",
    "page",
    "budget",
    "approval",
    "agreement",
    "delay",
    "except",
    "notice",
)
DEFAULT_DECAY = timedelta(days=90)
DEFAULT_GRACE = timedelta(hours=6)
DEFAULT_WIDEN_AFTER = 2

PRINCIPALS = (SubjectType.END_USER, SubjectType.API_KEY, SubjectType.ACCOUNT, SubjectType.ORG)
"""What an effect can be aimed at, narrowest first."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")

PARAMETERS: Mapping[EffectKind, Mapping[str, Callable[[Value], Any]]] = {
    EffectKind.LOG: {},
    EffectKind.NOTIFY_OWNER: {},
    EffectKind.THROTTLE: {"rpm": Value.whole, "tpm": Value.whole},
    EffectKind.CAP_TOKENS: {"max_tokens": Value.whole},
    EffectKind.SAFER_MODEL: {"model": Value.text},
    EffectKind.STEP_UP: {},
    EffectKind.SUSPEND: {},
    EffectKind.BAN: {},
}
NEEDS_ONE_OF: Mapping[EffectKind, tuple[str, ...]] = {
    EffectKind.THROTTLE: ("rpm", "tpm"),
    EffectKind.CAP_TOKENS: ("max_tokens",),
    EffectKind.SAFER_MODEL: ("model",),
}


def read_policy(file: Path, shown: str | None = None) -> Policy:
    """The policy in a file, called `shown` in messages. Raises ConfigError: file, line, what was expected."""
    source, top = read(file, shown)
    fields = top.mapping(FIELDS, required=("policy", "owner", "when"))
    if "ladder" not in fields and "page" not in fields:
        top.fail("a policy needs a `ladder` (what to do), a `page` (whom to wake) or both")
    mode, percent = _mode(fields.get("mode"))
    members, principals, widen_after = _targets(fields.get("targets"))
    if "targets" in fields and "ladder" not in fields:
        fields["targets"].fail("targets without a ladder do nothing; add a ladder or leave them out")
    values: dict[str, Any] = {
        "name": _name(fields["policy"], "a name such as ring-containment"),
        "owner": fields["owner"].text("who answers for this policy"),
        "mode": mode,
        "canary_percent": percent,
        "tenants": _tenants(fields.get("tenants")),
        "when": _condition(fields["when"], facts.WHEN),
        "members": members,
        "principals": principals,
        "widen_after": widen_after,
        "ladder": _ladder(fields.get("ladder")),
        "decay": fields["decay"].duration() if "decay" in fields else DEFAULT_DECAY,
        "grace": fields["grace"].duration() if "grace" in fields else DEFAULT_GRACE,
        "page": _name(fields["page"], "whom to page, e.g. trust-oncall") if "page" in fields else None,
        "budget": _budget(fields.get("budget")),
        "approval": _approval(fields.get("approval")),
        "agreement": _agreement(fields.get("agreement")),
        "delay": _delay(fields.get("delay")),
        "exemptions": _exemptions(fields.get("except")),
        "notice": _name(fields["notice"], "the name of a notice") if "notice" in fields else None,
    }
    return Policy(
        **values,
        version=_version(values),
        source=source,
        file=shown or str(file),
        kinds=values["when"].kinds(),
        least_severity=values["when"].least_severity(),
    )


def _version(values: Mapping[str, Any]) -> str:
    """Hash of what the policy says, not of how it is written."""
    plain = {name: value.text if isinstance(value, Condition) else value for name, value in values.items()}
    return digest(msgspec.json.encode(plain, order="sorted").decode(), length=16)


def _name(value: Value, expected: str) -> str:
    text = value.text(expected)
    if not _NAME.fullmatch(text):
        value.fail(f"expected {expected} (small letters, digits and hyphens), found {text!r}")
    return text


def _mode(value: Value | None) -> tuple[Mode, float]:
    """Mode and, for a canary, its percentage. Without the field: shadow."""
    if value is None:
        return Mode.SHADOW, 0.0
    if value.is_mapping:
        canary = value.mapping(["canary"], required=["canary"])["canary"]
        percent = canary.mapping(["percent"], required=["percent"])["percent"]
        return Mode.CANARY, float(percent.whole(1, 100))
    text = value.text("live, shadow, manual or {canary: {percent: 10}}")
    if text == "canary":
        value.fail("a canary needs its share: {canary: {percent: 10}}")
    return Mode(value.one_of([mode.value for mode in Mode])), 0.0


def _tenants(value: Value | None) -> frozenset[str] | None:
    if value is None:
        return None
    names = [item.text("the name of a tenant") for item in value.items()]
    if not names:
        value.fail("an empty list of tenants would never match; leave `tenants` out to mean all")
    return frozenset(names)


def _condition(value: Value, known: Mapping[str, Type]) -> Condition:
    text = value.text("a condition")
    try:
        return compile_condition(text, known)
    except CelError as error:
        message = error.message
        if known is facts.WHEN and any(f"{name!r}" in message for name in ("account", "member", "history")):
            message += "\n    account, member and history are facts of each offender: ask them in targets.members"
        line, column = _place(text, error.position)
        value.fail(f"{message}\n    {line}\n    {' ' * column}^")


def _place(text: str, position: int) -> tuple[str, int]:
    """The line of a condition that holds `position`, and the column in it."""
    before = text[:position]
    start = before.rfind("\n") + 1
    end = text.find("\n", position)
    return text[start : end if end >= 0 else len(text)], position - start


def _targets(value: Value | None) -> tuple[Condition | None, tuple[SubjectType, ...], int]:
    if value is None:
        return None, (), DEFAULT_WIDEN_AFTER
    fields = value.mapping(("members", "principal", "widen_after"))
    members = _condition(fields["members"], facts.MEMBERS) if "members" in fields else None
    principals = _principals(fields["principal"]) if "principal" in fields else ()
    if "widen_after" in fields and len(principals) < 2:
        fields["widen_after"].fail("widen_after goes with several principals, e.g. principal: [api_key, account]")
    return members, principals, fields["widen_after"].whole(1, 100) if "widen_after" in fields else DEFAULT_WIDEN_AFTER


def _principals(value: Value) -> tuple[SubjectType, ...]:
    known = [kind.value for kind in PRINCIPALS]
    if not value.is_list:
        return (SubjectType(value.one_of(known)),)
    chosen = [item.one_of(known) for item in value.items()]
    if not chosen or chosen != sorted(set(chosen), key=known.index):
        value.fail(f"expected different principals, narrowest first, of {', '.join(known)}")
    return tuple(map(SubjectType, chosen))


def _ladder(value: Value | None) -> tuple[Rung, ...]:
    if value is None:
        return ()
    rungs = tuple(_rung(item) for item in value.items())
    if not rungs:
        value.fail("an empty ladder does nothing; add a rung such as `- throttle: {rpm: 10, for: 24h}`")
    return rungs


def _rung(value: Value) -> Rung:
    names = [effect.value for effect in SEVERITY_ORDER]
    if not value.is_mapping:
        effect = _effect(value, value.text("an effect"))
        return _finish_rung(value, effect, {})
    pairs = value.mapping([*names, *(kind.value for kind in EffectKind if kind.value not in names)])
    if len(pairs) != 1:
        value.fail(f"a rung is one effect, this one has {len(pairs)}: {', '.join(pairs)}")
    [(name, inner)] = pairs.items()
    effect = _effect(inner, name)
    return _finish_rung(inner, effect, inner.mapping([*PARAMETERS[effect], "for", "until_lifted"]))


def _effect(value: Value, name: str) -> EffectKind:
    names = [effect.value for effect in SEVERITY_ORDER]
    if name == EffectKind.PAGE.value:
        value.fail("a page is no rung: write `page: NAME` beside the ladder")
    if name == EffectKind.LIFT.value:
        value.fail("effects lift by themselves after `for`; a ladder only climbs")
    if name not in names:
        value.fail(f"there is no effect {name!r}{nearest(name, names)}")
    return EffectKind(name)


def _finish_rung(value: Value, effect: EffectKind, fields: Mapping[str, Value]) -> Rung:
    readers = PARAMETERS[effect]
    parameters = {name: readers[name](field) for name, field in fields.items() if name in readers}
    needed = NEEDS_ONE_OF.get(effect, ())
    if needed and not any(name in parameters for name in needed):
        value.fail(f"{effect.value} needs {' or '.join(needed)}: - {effect.value}: {{{needed[0]}: …, for: 24h}}")
    ends = [name for name in ("for", "until_lifted") if name in fields]
    if not effect.restricts:
        if ends:
            fields[ends[0]].fail(f"{effect.value} happens once and does not last, so it has no `{ends[0]}`")
        return Rung(effect, parameters, None)
    if len(ends) == 2:
        fields["until_lifted"].fail("say `for` or `until_lifted`, not both")
    if "until_lifted" in fields:
        parameters["until_lifted"] = fields["until_lifted"].text("why it has no end")
    elif not ends and effect is not EffectKind.BAN:
        value.fail(f"{effect.value} needs `for: 24h`, or `until_lifted: the reason why it has no end`")
    return Rung(effect, parameters, fields["for"].duration() if "for" in fields else None)


def _budget(value: Value | None) -> Budget:
    if value is None:
        return Budget()
    fields = value.mapping(("per_hour", "share_of_active_accounts", "at_least"))
    if "at_least" in fields and "share_of_active_accounts" not in fields:
        fields["at_least"].fail("at_least goes with share_of_active_accounts")
    share = fields.get("share_of_active_accounts")
    return Budget(
        per_hour=fields["per_hour"].whole() if "per_hour" in fields else None,
        share_of_active_accounts=share.share() if share is not None else None,
        at_least=fields["at_least"].whole() if "at_least" in fields else Budget.at_least,
    )


def _approval(value: Value | None) -> Approval:
    if value is None:
        return Approval()
    fields = value.mapping(("from", "by", "bulk", "because"), required=("from",))
    name = fields["from"].one_of([*(effect.value for effect in SEVERITY_ORDER if effect.restricts), "never"])
    because = _because(fields, "approval that is never asked for", wanted=name == "never")
    return Approval(
        None if name == "never" else EffectKind(name),
        fields["by"].whole(1, 5) if "by" in fields else 1,
        fields["bulk"].whole() if "bulk" in fields else Approval.bulk,
        because,
    )


def _agreement(value: Value | None) -> Agreement:
    if value is None:
        return Agreement()
    fields = value.mapping(("from", "families", "because"))
    severe = [effect.value for effect in SEVERITY_ORDER if effect.restricts]
    threshold = EffectKind(fields["from"].one_of(severe)) if "from" in fields else Agreement.threshold
    families = fields["families"].whole(1, 3) if "families" in fields else Agreement.families
    because = _because(fields, "agreement of one family", wanted=families == 1)
    return Agreement(threshold, families, because)


def _because(fields: Mapping[str, Value], what: str, *, wanted: bool) -> str | None:
    """The reason for doing without a safeguard: there exactly when one is done without."""
    if "because" in fields and not wanted:
        fields["because"].fail("nothing is done without here, so there is nothing to explain")
    if not wanted:
        return None
    if "because" not in fields:
        next(iter(fields.values())).fail(f"{what} needs a reason: because: …")
    return fields["because"].text("why")


def _delay(value: Value | None) -> Delay | None:
    if value is None:
        return None
    fields = value.mapping(("after", "at", "within"))
    if not fields:
        value.fail("a delay says `after: 1h`, `at: 06:00` (UTC), `within: 30m`, or several of them")
    return Delay(
        fields["after"].duration() if "after" in fields else Delay.after,
        fields["at"].time_of_day() if "at" in fields else None,
        fields["within"].duration() if "within" in fields else Delay.within,
    )


def _exemptions(value: Value | None) -> tuple[Exemption, ...]:
    return () if value is None else tuple(_exemption(item) for item in value.items())


def _exemption(value: Value) -> Exemption:
    types = [kind.value for kind in PRINCIPALS]
    fields = value.mapping([*types, "until", "reason"], required=["reason"])
    named = [name for name in types if name in fields]
    if len(named) != 1:
        value.fail(f"an exception names exactly one of {', '.join(types)}")
    return Exemption(
        type=SubjectType(named[0]),
        id=fields[named[0]].text("an id"),
        reason=fields["reason"].text("why"),
        until=fields["until"].moment() if "until" in fields else None,
    )
