"""Reads a grammar's table and links it into nodes."""

from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from simulator.grammar.check import Anything, Array, Literals, Map, Node, Obj, Problem, Scalar
from simulator.grammar.union import Union


class Grammar:
    """The requests of one provider, by the name of the root (messages, chat, generate, ...)."""

    def __init__(self, table: dict[str, Any], *, nullable: bool, proto: bool) -> None:
        """`nullable`: null stands for an absent field. `proto`: proto3 JSON (snake_case names
        are known too, numbers may be texts)."""
        self._proto = proto
        self.objects = {name: Obj(name, nullable=nullable) for name in table["types"]}
        for name, read in table["types"].items():
            self._fill(self.objects[name], read)
        self._roots = {name: self._node(spec) for name, spec in table["roots"].items()}

    def check(self, root: str, value: Any) -> Problem | None:
        """The first problem of a request, or None."""
        return self._roots[root].check(value)

    def _fill(self, node: Obj, read: dict[str, Any]) -> None:
        fields = {name: self._node(spec) for name, spec in read["fields"].items()}
        if self._proto:
            fields |= {snake(name): one for name, one in fields.items()}
        node.fields = fields
        node.required = tuple(read["required"])
        for name, spec in read["fields"].items():
            values = _literals(spec)
            if values:
                node.tags[name] = frozenset(values)

    def _node(self, spec: Any) -> Node:
        if isinstance(spec, str):
            if spec == "any":
                return Anything()
            return Map(Anything()) if spec == "obj" else Scalar((spec,), loose=self._proto)
        ((kind, inner),) = spec.items()
        match kind:
            case "lit" | "enum":
                return Literals(inner, any_case=kind == "enum")
            case "list":
                return Array(self._node(inner))
            case "map":
                return Map(self._node(inner))
            case "ref":
                return self.objects[inner]
            case _:
                return Union([self._node(one) for one in inner])


def _literals(spec: Any) -> list[str]:
    """The only texts a field can have, if it is such a field (null aside)."""
    if isinstance(spec, dict) and "union" in spec:
        rest = [one for one in spec["union"] if one != "null"]
        spec = rest[0] if len(rest) == 1 else {}
    values = spec.get("lit", []) if isinstance(spec, dict) else []
    return [value for value in values if isinstance(value, str)]


def snake(name: str) -> str:
    """functionDeclarations -> function_declarations."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


@cache
def load(provider: str, *, nullable: bool = False, proto: bool = False) -> Grammar:
    """The grammar of a provider."""
    text = (files("simulator.grammar") / f"{provider}.json").read_bytes()
    return Grammar(orjson.loads(text), nullable=nullable, proto=proto)
