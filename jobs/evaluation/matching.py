"""Which verdicts speak of which instance of the truth. Pure."""

from __future__ import annotations

from datetime import timedelta

from jobs.evaluation.verdicts import Key, Verdict
from simulator.truth import Instance
from vigil.signal import SubjectRole

AFTERWARDS = timedelta(hours=24)
"""So long after its end an instance may still be noticed: a slow detector looks at whole days."""

_GUILTY = (SubjectRole.OFFENDER, SubjectRole.AFFECTED)


def wanted(instance: Instance) -> frozenset[Key]:
    """The subjects that an incident about the instance should name: those who did it or that are affected, and where
    the truth has only victims, the victims."""
    victims = frozenset((one.type, one.id) for one in instance.subjects if one.role is SubjectRole.VICTIM)
    return guilty(instance) or victims


def guilty(instance: Instance) -> frozenset[Key]:
    """The subjects that did it or, of a model or a source, that it happens to."""
    return frozenset((one.type, one.id) for one in instance.subjects if one.role in _GUILTY)


def named(verdict: Verdict, instance: Instance) -> frozenset[Key]:
    """The subjects that the verdict names in the roles, and of the types, that the truth knows of.

    Keys of an account that is named, say, are neither right nor wrong where the truth does not speak of keys.
    """
    target = wanted(instance)
    types = {kind for kind, _ in target}
    roles = _GUILTY if guilty(instance) else (SubjectRole.VICTIM,)
    return frozenset(one.key for one in verdict.subjects if one.type in types and one.role in roles)


def speaks_of(verdict: Verdict, instance: Instance) -> bool:
    """Whether verdict and instance share somebody and their times meet.

    What was said before it began was said of something else. A verdict's context, and the context of an attack, are
    not what they are about; a look-alike consists of nothing but context.
    """
    if verdict.tenant_id != instance.tenant_id or not instance.start <= verdict.at <= instance.end + AFTERWARDS:
        return False
    if verdict.end <= instance.start or verdict.start > instance.end:
        return False
    involved = {
        (one.type, one.id) for one in instance.subjects if instance.lookalike or one.role is not SubjectRole.CONTEXT
    }
    return any(one.role is not SubjectRole.CONTEXT and one.key in involved for one in verdict.subjects)


def names_rightly(verdict: Verdict, instance: Instance) -> bool:
    """Whether the verdict's kind is one of those that describe the instance; one without a kind is not held to it."""
    return verdict.kind is None or verdict.kind in instance.kinds
