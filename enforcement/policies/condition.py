"""A condition: CEL text that was checked when it was loaded and is evaluated over typed facts, never `eval`ed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cel

from enforcement.policies import facts
from enforcement.policies.cel_syntax import (
    Binary,
    Call,
    CelError,
    Conditional,
    Field,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Unary,
    conjuncts,
    parse,
)
from enforcement.policies.cel_types import Type, check


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


def _mentions(node: Node, fact: str, field: str) -> bool:
    match node:
        case Field(of=Name(name=name), name=found) if name == fact and found == field:
            return True
        case Field(of=of) | Unary(operand=of):
            return _mentions(of, fact, field)
        case Binary(left=a, right=b) | Index(of=a, key=b):
            return _mentions(a, fact, field) or _mentions(b, fact, field)
        case Conditional(condition=condition, yes=yes, no=no):
            return any(_mentions(part, fact, field) for part in (condition, yes, no))
        case Items(items=items):
            return any(_mentions(item, fact, field) for item in items)
        case Call(of=target, arguments=arguments):
            parts = arguments if target is None else (target, *arguments)
            return any(_mentions(part, fact, field) for part in parts)
    return False


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
