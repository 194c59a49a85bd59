"""Types of conditions, and the check that a condition fits the facts: names, types, and values that can occur."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

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
)
from enforcement.policies.nearest import nearest


class Type(msgspec.Struct, frozen=True):
    """A type. `choices`: the only values a string can have. `item`: of a list, or of a map by string keys."""

    name: str
    choices: tuple[str, ...] = ()
    item: Type | None = None
    fields: Mapping[str, Type] = {}


INT, DOUBLE, STRING, BOOL, NULL = Type("int"), Type("double"), Type("string"), Type("bool"), Type("null")
DURATION, TIMESTAMP = Type("duration"), Type("timestamp")
ANY = Type("any")
"""Known only when it runs: what stands in `incident.facts`."""


def choice(values: Iterable[str]) -> Type:
    """A string that is one of these."""
    return Type("string", choices=tuple(values))


def list_of(item: Type) -> Type:
    """A list."""
    return Type("list", item=item)


def map_of(item: Type) -> Type:
    """A map by strings whose keys are not known beforehand."""
    return Type("map", item=item)


def struct(name: str, **fields: Type) -> Type:
    """A fact with fields."""
    return Type(name, fields=fields)


_NUMBERS = ("int", "double")
_ORDERED = ("int", "double", "string", "duration", "timestamp")
_MACROS = {"exists": BOOL, "all": BOOL, "exists_one": BOOL, "filter": None, "map": None}
_STRING_METHODS = ("startsWith", "endsWith", "contains", "matches")
_FUNCTIONS = ("size", "has", "int", "double", "string", "duration", "timestamp")
_METHODS = (*_MACROS, *_STRING_METHODS, "size")
_MAX_MACRO_DEPTH = 2
"""A macro within a macro within a macro would run cubically over what a detector wrote."""


def check(node: Node, facts: Mapping[str, Type], expected: Type = BOOL) -> None:
    """Raise CelError when the condition names an unknown fact, mixes types, or does not give `expected`."""
    found = _Checker(facts).type_of(node)
    if not _is(found, expected.name):
        raise CelError(f"a condition gives true or false, this gives {_a(found)}", node.position)


class _Checker:
    def __init__(self, facts: Mapping[str, Type]) -> None:
        self._facts = dict(facts)
        self._macros = 0

    def type_of(self, node: Node) -> Type:
        match node:
            case Literal(value=value):
                return _literal(value)
            case Name(name=name):
                if name not in self._facts:
                    raise CelError(f"there is no fact {name!r} here{nearest(name, self._facts)}", node.position)
                return self._facts[name]
            case Field():
                return self._field(node)
            case Index():
                return self._index(node)
            case Items(items=items):
                return self._items(items)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Conditional():
                return self._conditional(node)
            case Call():
                return self._call(node)
        raise AssertionError(f"no rule for {node!r}")

    def _field(self, node: Field) -> Type:
        of = self.type_of(node.of)
        if of.name == "any":
            return ANY
        if of.name == "map" and of.item is not None:
            return of.item
        if not of.fields:
            raise CelError(f"{_a(of)} has no fields, so there is no {node.name!r} in it", node.position)
        if node.name not in of.fields:
            raise CelError(f"{of.name} has no field {node.name!r}{nearest(node.name, of.fields)}", node.position)
        return of.fields[node.name]

    def _index(self, node: Index) -> Type:
        of, key = self.type_of(node.of), self.type_of(node.key)
        if of.name == "any":
            return ANY
        if of.item is None:
            raise CelError(f"{_a(of)} cannot be indexed", node.position)
        wanted = "int" if of.name == "list" else "string"
        if not _is(key, wanted):
            raise CelError(f"a {of.name} is indexed by {wanted}, not by {key.name}", node.key.position)
        return of.item

    def _items(self, items: tuple[Node, ...]) -> Type:
        types = [self.type_of(item) for item in items]
        for node, found in zip(items, types, strict=True):
            if not _comparable(types[0], found):
                raise CelError(f"a list holds one type: {types[0].name}, then {found.name}", node.position)
        return list_of(Type(types[0].name) if types else ANY)

    def _unary(self, node: Unary) -> Type:
        found = self.type_of(node.operand)
        if node.operator == "!":
            return self._must(node.operand, found, "bool", "'!' needs")
        if found.name == "any" or found.name in _NUMBERS:
            return found
        raise CelError(f"'-' needs a number, not {_a(found)}", node.operand.position)

    def _must(self, node: Node, found: Type, name: str, who: str) -> Type:
        if not _is(found, name):
            raise CelError(f"{who} {name}, not {_a(found)}", node.position)
        return Type(name)

    def _binary(self, node: Binary) -> Type:
        left, right = self.type_of(node.left), self.type_of(node.right)
        operator = node.operator
        if operator in ("&&", "||"):
            self._must(node.left, left, "bool", f"{operator!r} needs")
            return self._must(node.right, right, "bool", f"{operator!r} needs")
        if operator == "in":
            return self._membership(node, left, right)
        if operator in ("==", "!="):
            if not _comparable(left, right):
                raise CelError(f"{_a(left)} is never equal to {_a(right)}", node.position)
            _check_choice(left, node.right)
            _check_choice(right, node.left)
            return BOOL
        if operator in ("<", "<=", ">", ">="):
            if not (_comparable(left, right) and _orders(left) and _orders(right)):
                raise CelError(f"{operator!r} cannot order {_a(left)} and {_a(right)}", node.position)
            return BOOL
        return self._arithmetic(node, left, right)

    def _membership(self, node: Binary, left: Type, right: Type) -> Type:
        if right.name == "any":
            return BOOL
        if right.name == "map":
            self._must(node.left, left, "string", "a map is searched by")
            return BOOL
        if right.item is None:
            raise CelError(f"'in' needs a list or a map on its right, not {_a(right)}", node.right.position)
        if not _comparable(left, right.item):
            raise CelError(f"{_a(left)} is never in a list of {right.item.name}", node.position)
        for item in node.right.items if isinstance(node.right, Items) else ():
            _check_choice(left, item)
        _check_choice(right.item, node.left)
        return BOOL

    def _arithmetic(self, node: Binary, left: Type, right: Type) -> Type:
        if "any" in (left.name, right.name):
            return ANY
        if left.name == right.name and (
            left.name in _NUMBERS or (node.operator == "+" and left.name in ("string", "list", "duration"))
        ):
            return Type(left.name, item=left.item)
        if left.name in _NUMBERS and right.name in _NUMBERS:
            raise CelError(f"{node.operator!r} does not mix int and double; write double(…) or int(…)", node.position)
        raise CelError(f"{node.operator!r} cannot take {_a(left)} and {_a(right)}", node.position)

    def _conditional(self, node: Conditional) -> Type:
        self._must(node.condition, self.type_of(node.condition), "bool", "'?' needs")
        yes, no = self.type_of(node.yes), self.type_of(node.no)
        if yes.name != no.name and "any" not in (yes.name, no.name):
            raise CelError(f"both sides of ':' must be of one type, not {yes.name} and {no.name}", node.position)
        return yes

    def _call(self, node: Call) -> Type:
        if node.of is None:
            return self._function(node)
        of = self.type_of(node.of)
        if node.function in _MACROS and of.name in ("list", "any"):
            return self._macro(node, of)
        if node.function in _STRING_METHODS and _is(of, "string"):
            argument = self._only(node)
            self._must(argument, self.type_of(argument), "string", f"{node.function} needs")
            return BOOL
        if node.function == "size" and not node.arguments:
            return self._size(node, of)
        if node.function in _METHODS:
            raise CelError(f"{node.function!r} cannot be asked of {_a(of)}", node.position)
        raise CelError(f"there is no function {node.function!r}{nearest(node.function, _METHODS)}", node.position)

    def _function(self, node: Call) -> Type:
        if node.function not in _FUNCTIONS:
            raise CelError(f"there is no function {node.function!r}{nearest(node.function, _FUNCTIONS)}", node.position)
        argument = self._only(node)
        if node.function == "has" and not isinstance(argument, Field):
            raise CelError("has() asks for a field: has(incident.facts.members)", argument.position)
        found = self.type_of(argument)
        if node.function == "size":
            return self._size(node, found)
        if node.function in ("duration", "timestamp"):
            self._must(argument, found, "string", f"{node.function}() needs")
        return {"has": BOOL, "int": INT, "double": DOUBLE, "string": STRING, "duration": DURATION}.get(
            node.function, TIMESTAMP
        )

    def _size(self, node: Call, of: Type) -> Type:
        if of.name not in ("list", "map", "string", "any"):
            raise CelError(f"{_a(of)} has no size", node.position)
        return INT

    def _macro(self, node: Call, of: Type) -> Type:
        if len(node.arguments) != 2 or not isinstance(node.arguments[0], Name):
            raise CelError(f"{node.function} takes a name and a condition: {node.function}(d, d == …)", node.position)
        if self._macros == _MAX_MACRO_DEPTH:
            raise CelError(f"macros may be nested {_MAX_MACRO_DEPTH} deep", node.position)
        bound = node.arguments[0].name
        if bound in self._facts:
            raise CelError(f"{bound!r} is a fact already; bind another name", node.arguments[0].position)
        self._facts[bound] = of.item or ANY
        self._macros += 1
        body = self.type_of(node.arguments[1])
        self._macros -= 1
        del self._facts[bound]
        if node.function == "map":
            return list_of(body)
        self._must(node.arguments[1], body, "bool", f"{node.function} needs")
        return _MACROS[node.function] or of

    def _only(self, node: Call) -> Node:
        if len(node.arguments) != 1:
            raise CelError(f"{node.function} takes one argument, not {len(node.arguments)}", node.position)
        return node.arguments[0]


def _literal(value: Any) -> Type:
    if value is None:
        return NULL
    return {bool: BOOL, int: INT, float: DOUBLE, str: STRING}[type(value)]


def _is(found: Type, name: str) -> bool:
    return found.name in (name, "any")


def _orders(found: Type) -> bool:
    return found.name == "any" or found.name in _ORDERED


def _comparable(left: Type, right: Type) -> bool:
    names = {left.name, right.name}
    return len(names) == 1 or "any" in names or names == set(_NUMBERS)


def _check_choice(of: Type, node: Node) -> None:
    if of.choices and isinstance(node, Literal) and node.value not in of.choices:
        raise CelError(f"it is never {node.value!r}{nearest(str(node.value), of.choices)}", node.position)


def _a(found: Type) -> str:
    return {"null": "null", "any": "a value", "int": "an int", "account": "an account", "incident": "an incident"}.get(
        found.name, f"a {found.name}"
    )
