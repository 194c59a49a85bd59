"""A condition's tree as text again, so that an explanation can name the part that did not hold."""

from __future__ import annotations

import json

from enforcement.policies.cel_syntax import (
    Binary,
    Call,
    Conditional,
    Field,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Unary,
)


def text_of(node: Node) -> str:
    """CEL that means the same.

    >>> from enforcement.policies.cel_syntax import parse
    >>> text_of(parse('a.b  in ["x"] && !(c || d) && size(e) > 1'))
    'a.b in ["x"] && !(c || d) && size(e) > 1'
    """
    match node:
        case Literal(value=value):
            return json.dumps(value, ensure_ascii=False)
        case Name(name=name):
            return name
        case Field(of=of, name=name):
            return f"{_inner(of)}.{name}"
        case Index(of=of, key=key):
            return f"{_inner(of)}[{text_of(key)}]"
        case Items(items=items):
            return f"[{_listed(items)}]"
        case Call(function=function, of=of, arguments=arguments):
            called = function if of is None else f"{_inner(of)}.{function}"
            return f"{called}({_listed(arguments)})"
        case Unary(operator=operator, operand=operand):
            return f"{operator}{_inner(operand)}"
        case Binary(operator=operator, left=left, right=right):
            sides = (_side(left, operator), _side(right, operator))
            return f" {operator} ".join(sides)
        case Conditional(condition=condition, yes=yes, no=no):
            return f"{_inner(condition)} ? {_inner(yes)} : {_inner(no)}"
    raise AssertionError(f"no text for {node!r}")


def _inner(node: Node) -> str:
    return f"({text_of(node)})" if isinstance(node, Binary | Conditional | Unary) else text_of(node)


def _side(node: Node, operator: str) -> str:
    """Operands are bracketed where it could matter; chains of one logical operator are not."""
    if isinstance(node, Binary) and (node.operator == operator in ("&&", "||") or operator in ("&&", "||")):
        mixed = node.operator in ("&&", "||") and node.operator != operator
        return f"({text_of(node)})" if mixed else text_of(node)
    return f"({text_of(node)})" if isinstance(node, Binary | Conditional) else text_of(node)


def _listed(nodes: tuple[Node, ...]) -> str:
    return ", ".join(map(text_of, nodes))
