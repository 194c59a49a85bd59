"""A condition: CEL text that was checked when it was loaded and is evaluated over typed facts, never `eval`ed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cel

from enforcement.policies import facts
from enforcement.policies.cel_syntax import (
    Binary,
    CelError,
    Field,
    Items,
    Literal,
    Name,
    Node,
    children,
    conjuncts,
    parse,
)
from enforcement.policies.cel_types import Type, check
from vigil.signal import Severity


class EvaluationError(Exception):
    """A condition could not be evaluated on the facts of an incident: a type differs from what it needs."""


@dataclass(frozen=True)
class Condition:
    """A checked condition."""

    text: str
    tree: Node
    program: cel.Program

    def holds(self, context: cel.Context) -> bool:
        """Whether it is true of the facts; a fact that is not known makes it false.

        Raises EvaluationError when what stands in `incident.facts` is of another type than the condition needs.
        """
        try:
            found = self.program.execute(context)
        except LookupError:
            return False
        except (TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as error:
            raise EvaluationError(f"`{self.text}`: {str(error).split(':')[0]}") from error
        if not isinstance(found, bool):
            raise EvaluationError(f"`{self.text}` gave {type(found).__name__}, not true or false")
        return found

    def mentions(self, fact: str, field: str) -> bool:
        """Whether it asks for `fact.field`."""
        return _mentions(self.tree, fact, field)

    @cached_property
    def names(self) -> frozenset[str]:
        """The facts it asks for."""
        return frozenset(_names(self.tree))

    def least_severity(self) -> int:
        """The lowest severity of an incident of which it can be true. Only for skipping what cannot match.

        LOW has to be asked for: a condition that says nothing about severity begins at MEDIUM.
        """
        if not self.mentions("incident", "severity"):
            return int(Severity.MEDIUM)
        return _least_severity(self.tree)

    def kinds(self) -> frozenset[str] | None:
        """The incident kinds of which it can be true; None: any. Only for skipping what cannot match."""
        return _kinds(self.tree)


def compile_condition(text: str, known: Mapping[str, Type]) -> Condition:
    """Check and compile. Raises CelError with the position of the mistake and the nearest valid name."""
    tree = parse(text)
    check(tree, known)
    try:
        condition = Condition(text, tree, cel.compile(text))
        condition.holds(make_context({name: facts.EXAMPLE[name] for name in known}))
    except ValueError as error:
        raise CelError(f"not a valid condition: {str(error).splitlines()[0]}", 0) from error
    except EvaluationError as error:
        raise CelError(str(error), 0) from error
    return condition


def make_context(values: Mapping[str, Any]) -> cel.Context:
    """Facts ready for any number of conditions (converting them costs ten times one evaluation)."""
    return cel.Context(dict(values))


def _least_severity(node: Node) -> int:
    match node:
        case Binary(operator="&&", left=left, right=right):
            return max(_least_severity(left), _least_severity(right))
        case Binary(operator="||", left=left, right=right):
            return min(_least_severity(left), _least_severity(right))
        case Binary(operator=operator, left=Field(of=Name(name="incident"), name="severity"), right=Name(name=name)):
            level = int(Severity[name]) if name in facts.SEVERITIES else int(Severity.LOW)
            return {">=": level, "==": level, ">": level + 1}.get(operator, int(Severity.LOW))
    return int(Severity.LOW)


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    for child in children(node):
        yield from _names(child)


def _mentions(node: Node, fact: str, field: str) -> bool:
    if isinstance(node, Field) and isinstance(node.of, Name) and (node.of.name, node.name) == (fact, field):
        return True
    return any(_mentions(child, fact, field) for child in children(node))


def _kinds(node: Node) -> frozenset[str] | None:
    match node:
        case Binary(operator="==", left=Field(of=Name(name="incident"), name="kind"), right=Literal(value=str(kind))):
            return frozenset({kind})
        case Binary(operator="in", left=Field(of=Name(name="incident"), name="kind"), right=Items(items=items)):
            values = [item.value for item in items if isinstance(item, Literal)]
            return frozenset(map(str, values)) if len(values) == len(items) else None
        case Binary(operator="&&"):
            found = [kinds for part in conjuncts(node) if (kinds := _kinds(part)) is not None]
            return frozenset.intersection(*found) if found else None
        case Binary(operator="||", left=left, right=right):
            one, other = _kinds(left), _kinds(right)
            return None if one is None or other is None else one | other
    return None
