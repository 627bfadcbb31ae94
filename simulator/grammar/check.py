"""The nodes of a grammar: each checks a JSON value and gives the first problem, or None.

A union is decided by the value's JSON type first, then by its tag (`type`, or `role`) where its
alternatives have one; several alternatives with the same tag are tried in turn, and the problem
told is that of the one that understood most. Paths are collected on the way out, so a right value
costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Step = str | int


@dataclass(slots=True)
class Problem:
    """What is wrong and where. `kind`: unknown, missing, type, value, tag. `expected` are the
    JSON types or values that would do. `steps` are outermost last until `path` turns them round;
    a step that is a `Tag` names the alternative chosen, not a field."""

    kind: str
    expected: tuple[str, ...] = ()
    got: Any = None
    steps: list[Step] = field(default_factory=list)

    def at(self, step: Step) -> "Problem":
        """The same problem seen from one level further out."""
        self.steps.append(step)
        return self

    @property
    def path(self) -> list[Step]:
        """The way to the problem from the root, with the tags chosen."""
        return self.steps[::-1]

    @property
    def fields(self) -> list[Step]:
        """The same without the tags."""
        return [step for step in self.path if not isinstance(step, Tag)]


class Tag(str):
    """A step that says which alternative of a union was chosen."""

    __slots__ = ()


class Node(Protocol):
    """Something that a value can be checked against."""

    def check(self, value: Any) -> Problem | None: ...


class Anything:
    """Every value is right."""

    def check(self, value: Any) -> Problem | None:
        return None


def json_type(value: Any) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    for kind, name in ((float, "num"), (str, "str"), (list, "list")):
        if isinstance(value, kind):
            return name
    return "obj"


class Scalar:
    """A value of one of these JSON types. `loose`: numbers may be given as text, as proto3 JSON
    allows."""

    def __init__(self, kinds: tuple[str, ...], *, loose: bool = False) -> None:
        self.kinds = kinds
        self._allowed = {*kinds, *(("int",) if "num" in kinds else ())}
        self._loose = loose and bool({"int", "num"} & self._allowed)

    def check(self, value: Any) -> Problem | None:
        kind = json_type(value)
        if kind in self._allowed:
            return None
        if self._loose and _is_number(value):
            return None
        return Problem("type", self.kinds, value)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit()


class Literals:
    """One of these values. `any_case`: capitals do not matter."""

    def __init__(self, values: list[Any], *, any_case: bool = False) -> None:
        self._shown = tuple(str(value) for value in values)
        self._any_case = any_case
        self._values = {value.upper() if any_case else value for value in values}

    def check(self, value: Any) -> Problem | None:
        if isinstance(value, str | int | float) and not (
            self._any_case and isinstance(value, float)
        ):
            known = value.upper() if self._any_case and isinstance(value, str) else value
            if known in self._values:
                return None
        return Problem("value", self._shown, value)


class Array:
    """A list of one kind."""

    def __init__(self, item: Node) -> None:
        self.item = item

    def check(self, value: Any) -> Problem | None:
        if not isinstance(value, list):
            return Problem("type", ("list",), value)
        check = self.item.check
        for index, one in enumerate(value):
            problem = check(one)
            if problem is not None:
                return problem.at(index)
        return None


class Map:
    """An object of any keys and values of one kind."""

    def __init__(self, item: Node) -> None:
        self.item = item

    def check(self, value: Any) -> Problem | None:
        if not isinstance(value, dict):
            return Problem("type", ("obj",), value)
        for key, one in value.items():
            problem = self.item.check(one)
            if problem is not None:
                return problem.at(key)
        return None


class Obj:
    """An object of known fields. `nullable`: null stands for an absent field."""

    def __init__(self, name: str, *, nullable: bool) -> None:
        self.name = name
        self.fields: Mapping[str, Node] = {}
        self.required: tuple[str, ...] = ()
        self.tags: dict[str, frozenset[str]] = {}  # of fields that can only have certain texts
        self._nullable = nullable

    def check(self, value: Any) -> Problem | None:
        if not isinstance(value, dict):
            return Problem("type", ("obj",), value)
        fields = self.fields
        for key, one in value.items():
            node = fields.get(key)
            if node is None:
                return Problem("unknown", got=one).at(key)
            problem = node.check(one)
            if problem is not None and not (one is None and self._nullable):
                return problem.at(key)
        for key in self.required:
            if key not in value:
                return Problem("missing").at(key)
        return None
