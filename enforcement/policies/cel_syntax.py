"""The syntax of conditions: CEL text to a tree, for checking and explaining before anything runs.

The `cel` library evaluates but does not show its tree, and it finds `incident.severity == "high"` to be false instead
of wrong. This parser reads the part of CEL that conditions need (no maps, no bytes, no message construction); what it
accepts is then compiled by the library as well. Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

MAX_LENGTH = 4_096
"""Characters of one condition."""

MAX_DEPTH = 32
"""Nesting of one condition."""

MAX_TOKENS = 300
"""Names, values and operators of one condition: a chain of them is a tree as deep as the chain is long."""


class CelError(Exception):
    """A condition is wrong; `position` counts its characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Node(msgspec.Struct, frozen=True, tag=True):
    """A part of a condition and where it begins."""

    position: int


class Literal(Node, frozen=True):
    """`"high"`, `3`, `0.5`, `true`, `null`."""

    value: str | int | float | bool | None


class Name(Node, frozen=True):
    """A fact or a name bound by a macro."""

    name: str


class Field(Node, frozen=True):
    """`of.name`."""

    of: Node
    name: str


class Index(Node, frozen=True):
    """`of[key]`."""

    of: Node
    key: Node


class Call(Node, frozen=True):
    """`function(arguments)`, or `of.function(arguments)`; `of` is None for the first form."""

    function: str
    of: Node | None
    arguments: tuple[Node, ...]


class Unary(Node, frozen=True):
    """`!x` or `-x`."""

    operator: str
    operand: Node


class Binary(Node, frozen=True):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node


class Conditional(Node, frozen=True):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node


class Items(Node, frozen=True):
    """`[a, b]`."""

    items: tuple[Node, ...]


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    position: int


_TOKENS = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<number>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|0x[0-9a-fA-F]+|\d+)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]])""",
    re.VERBOSE,
)

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse(text: str) -> Node:
    """The tree of a condition. Raises CelError with the position of the first mistake."""
    if len(text) > MAX_LENGTH:
        raise CelError(f"a condition may have {MAX_LENGTH:,} characters, this one has {len(text):,}", MAX_LENGTH)
    tokens = list(_tokens(text))
    if len(tokens) > MAX_TOKENS:
        raise CelError(f"a condition may have {MAX_TOKENS} words and operators, this one has {len(tokens)}", 0)
    return _Parser(tokens, len(text)).whole()


def conjuncts(node: Node) -> list[Node]:
    """The parts that must all hold: the operands of the outermost `&&`."""
    if isinstance(node, Binary) and node.operator == "&&":
        return conjuncts(node.left) + conjuncts(node.right)
    return [node]


def children(node: Node) -> tuple[Node, ...]:
    """The parts a node is made of, in the order of the text."""
    match node:
        case Field(of=of) | Unary(operand=of):
            return (of,)
        case Binary(left=one, right=other) | Index(of=one, key=other):
            return (one, other)
        case Conditional(condition=condition, yes=yes, no=no):
            return (condition, yes, no)
        case Items(items=items):
            return items
        case Call(of=of, arguments=arguments):
            return arguments if of is None else (of, *arguments)
    return ()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None or match.lastgroup is None:
            found = text[position]
            hint = " (a text must end on the line it begins on)" if found in "\"'" else ""
            raise CelError(f"unexpected {found!r}{hint}", position)
        if match.lastgroup != "space":
            yield _Token(match.lastgroup, match.group(), position)
        position = match.end()


class _Parser:
    """Precedence climbing over the tokens."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._end = _Token("end", "the end", end)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression()
        token = self._peek()
        if token.kind != "end":
            raise CelError(f"expected an operator or the end, found {token.text!r}", token.position)
        return node

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _taken(self, text: str) -> bool:
        token = self._peek()
        if token.kind in ("symbol", "name") and token.text == text:
            self._next += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        token = self._peek()
        if not self._taken(text):
            raise CelError(f"expected {text!r}, found {_shown(token)}", token.position)

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CelError(f"a condition may be nested {MAX_DEPTH} deep", self._peek().position)
        node = self._level(0)
        if self._taken("?"):
            yes = self._expression()
            self._expect(":")
            node = Conditional(node.position, node, yes, self._expression())
        self._depth -= 1
        return node

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._level(level + 1)
        while (token := self._peek()).kind in ("symbol", "name") and token.text in _LEVELS[level]:
            self._take()
            node = Binary(token.position, token.text, node, self._level(level + 1))
        return node

    def _unary(self) -> Node:
        operators: list[_Token] = []
        while self._peek().text in ("!", "-") and self._peek().kind == "symbol":
            operators.append(self._take())
        if len(operators) > MAX_DEPTH:
            raise CelError(f"a condition may be nested {MAX_DEPTH} deep", operators[0].position)
        node = self._postfix()
        for token in reversed(operators):
            node = Unary(token.position, token.text, node)
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        for _ in range(MAX_DEPTH):
            if self._taken("."):
                token = self._take()
                if token.kind != "name":
                    raise CelError(f"expected a name after '.', found {_shown(token)}", token.position)
                if self._taken("("):
                    node = Call(token.position, token.text, node, self._list_until(")"))
                else:
                    node = Field(token.position, node, token.text)
            elif self._taken("["):
                key = self._expression()
                self._expect("]")
                node = Index(key.position, node, key)
            else:
                return node
        raise CelError(f"a condition may be nested {MAX_DEPTH} deep", self._peek().position)

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return Literal(token.position, _number(token))
        if token.kind == "string":
            return Literal(token.position, _string(token))
        if token.kind == "name":
            if token.text in _CONSTANTS:
                return Literal(token.position, _CONSTANTS[token.text])
            if self._taken("("):
                return Call(token.position, token.text, None, self._list_until(")"))
            if token.text != "in":
                return Name(token.position, token.text)
        if token.kind == "symbol" and token.text == "(":
            node = self._expression()
            self._expect(")")
            return node
        if token.kind == "symbol" and token.text == "[":
            return Items(token.position, self._list_until("]"))
        raise CelError(f"expected a value, found {_shown(token)}", token.position)

    def _list_until(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._taken(closing):
            return ()
        items.append(self._expression())
        while self._taken(","):
            items.append(self._expression())
        self._expect(closing)
        return tuple(items)


def _shown(token: _Token) -> str:
    return token.text if token.kind == "end" else repr(token.text)


def _number(token: _Token) -> int | float:
    if token.text.startswith("0x"):
        return int(token.text, 16)
    return int(token.text) if token.text.isdigit() else float(token.text)


def _string(token: _Token) -> str:
    def unescape(match: re.Match[str]) -> str:
        if match[1] in _ESCAPES:
            return _ESCAPES[match[1]]
        if match[1] in "\\\"'":
            return match[1]
        raise CelError(f"unknown escape {match[0]!r}; known are \\n, \\t, \\r, \\\\ and quotes", token.position)

    return re.sub(r"\\(.)", unescape, token.text[1:-1])
