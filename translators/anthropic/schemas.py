"""JSON schemas as the API takes them.

Three readers of schemas, from mild to strict. A tool's arguments may be any schema whose top level
is an object without alternatives. What is enforced (a strict tool, the format of an answer) must
keep to a part of JSON Schema: whatever else a schema says is told in words, in its description.
Sources: the API's guide "Structured outputs"; anthropic 2.11, lib._parse._transform.
"""

from collections.abc import Mapping
from typing import Any

from translators import text_json

Schema = Mapping[str, Any]

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_KEPT = ("title", "description", "default")

# A schema that refers to itself, or is nested deeper than any real one, is not enforced.
_MOST_DEPTH = 40


# ------------------------------------------------------------------------------- tools' arguments


def arguments_schema(schema: Schema | None) -> tuple[dict[str, Any], bool]:
    """The schema with an object at its top, and whether its meaning had to be changed."""
    if schema is None:
        return {"type": "object", "properties": {}}, False
    top = _resolved(schema)
    lists = [branches for word in _ALTERNATIVES if isinstance(branches := top.get(word), list)]
    branches = [branch for found in lists for branch in found if isinstance(branch, dict)]
    kind = top.get("type")
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
    if not is_object and kind is not None:
        return {"type": "object", "properties": {}}, True
    if not any(word in top for word in _ALTERNATIVES):
        return {**top, "type": "object"} if kind is not None else {"type": "object", **top}, False
    return _flattened(top, [_resolved(branch, schema) for branch in branches]), True


def _resolved(schema: Schema, root: Schema | None = None) -> dict[str, Any]:
    """A schema that only refers to a definition of its own, with that definition's content."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return dict(schema)
    _, _, path = reference.partition("#/")
    target: Any = root or schema
    for step in path.split("/"):
        target = target.get(step) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        return dict(schema)
    return {**{key: v for key, v in schema.items() if key != "$ref"}, **target}


def _flattened(top: dict[str, Any], branches: list[dict[str, Any]]) -> dict[str, Any]:
    """One object of all alternatives: every property may be given, and only what all of them
    require is required (of `allOf`: what any requires)."""
    everyone = "allOf" in top
    properties = dict(top["properties"]) if isinstance(top.get("properties"), dict) else {}
    required = _required(top)
    sets = [set(_required(branch)) for branch in branches]
    wanted = set().union(*sets) if everyone else set.intersection(*sets) if sets else set()
    for branch in branches:
        inside = branch.get("properties")
        for name, value in inside.items() if isinstance(inside, dict) else ():
            properties.setdefault(name, value)
    in_order = [*required, *(name for name in properties if name in wanted)]
    rest = {key: v for key, v in top.items() if key not in _ALTERNATIVES}
    flat = {**rest, "type": "object", "properties": properties}
    if in_order:
        flat["required"] = list(dict.fromkeys(in_order))
    return flat


def _required(schema: Schema) -> list[str]:
    found = schema.get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


# --------------------------------------------------------------------------------- what is enforced


class NotEnforceable(ValueError):
    """The schema has no form that the API enforces. Tell it in words instead."""


def enforced_schema(schema: Schema) -> tuple[dict[str, Any], bool]:
    """The schema in the part of JSON Schema that the API enforces, and whether anything of it is
    only told. Raises NotEnforceable."""
    top = _resolved(schema)
    if top.get("type") != "object" or _refers_to_itself(top):
        raise NotEnforceable
    enforcer = _Enforcer()
    written = enforcer.schema(top, 0)
    return written, enforcer.told


def _refers_to_itself(schema: Schema) -> bool:
    """Whether a definition leads back to itself, which the API does not enforce."""
    ways = {
        f"#/{word}/{name}": references(definition)
        for word in ("$defs", "definitions")
        if isinstance(definitions := schema.get(word), dict)
        for name, definition in definitions.items()
    }
    if "#" in references(schema):
        return True
    done: set[str] = set()

    def leads_back(way: str, on_the_way: frozenset[str]) -> bool:
        if way in on_the_way or len(on_the_way) > _MOST_DEPTH:
            return True
        if way in done:
            return False
        found = any(leads_back(next_, on_the_way | {way}) for next_ in ways.get(way, ()))
        done.add(way)
        return found

    return any(leads_back(way, frozenset()) for way in ways)


def references(schema: object) -> list[str]:
    """Every `$ref` in a schema, in order."""
    found: list[str] = []
    stack = [schema]
    while stack:
        inside = stack.pop()
        if isinstance(inside, dict):
            if isinstance(reference := inside.get("$ref"), str):
                found.append(reference)
            stack += inside.values()
        elif isinstance(inside, list):
            stack += inside
    return found


class _Enforcer:
    """One pass over one schema. `told`: some of it could only be told."""

    def __init__(self) -> None:
        self.told = False

    def schema(self, schema: object, depth: int) -> dict[str, Any]:
        if depth > _MOST_DEPTH or not isinstance(schema, dict):
            raise NotEnforceable
        rest = dict(schema)
        written: dict[str, Any] = {}
        for word in ("$defs", "definitions"):
            if isinstance(definitions := rest.pop(word, None), dict):
                written[word] = {k: self.schema(v, depth + 1) for k, v in definitions.items()}
        if isinstance(reference := rest.pop("$ref", None), str):
            return {**written, "$ref": reference}
        self._kind(rest, written, depth)
        for word in _KEPT:
            if word in rest:
                written[word] = rest.pop(word)
        rest.pop("$schema", None)
        if rest:
            self.told = True
            words = ", ".join(f"{key}: {text_json.text(value)}" for key, value in rest.items())
            before = written.get("description")
            written["description"] = f"{before}\n\n{{{words}}}" if before else f"{{{words}}}"
        return written

    def _kind(self, rest: dict[str, Any], written: dict[str, Any], depth: int) -> None:
        """What a value may be: one of some values, of some schemas, or of a type."""
        values = rest.get("enum")
        if isinstance(values, list) and values and not _has_structures(values):
            written["enum"] = rest.pop("enum")
        if "const" in rest and not _has_structures([rest["const"]]):
            written["const"] = rest.pop("const")
        if "enum" in written or "const" in written:
            rest.pop("type", None)
            return
        for word in ("anyOf", "oneOf", "allOf"):
            if isinstance(variants := rest.get(word), list):
                del rest[word]
                into = "allOf" if word == "allOf" else "anyOf"
                written[into] = [self.schema(variant, depth + 1) for variant in variants]
                rest.pop("type", None)
                return
        self._typed(rest.pop("type", None), rest, written, depth)

    def _typed(
        self, kind: object, rest: dict[str, Any], written: dict[str, Any], depth: int
    ) -> None:
        if isinstance(kind, list) and kind and all(one in _TYPES for one in map(str, kind)):
            written["anyOf"] = [self.schema({**_of(rest, one), "type": one}, depth) for one in kind]
            for word in _OF_TYPE:
                rest.pop(word, None)
            return
        if not isinstance(kind, str) or kind not in _TYPES:
            raise NotEnforceable
        written["type"] = kind
        if kind == "object":
            self._object(rest, written, depth)
        elif kind == "array":
            if "items" in rest:
                written["items"] = self.schema(rest.pop("items"), depth + 1)
            if rest.get("minItems") in (0, 1):
                written["minItems"] = rest.pop("minItems")
        elif kind == "string" and str(rest.get("format")) in _FORMATS:
            written["format"] = rest.pop("format")

    def _object(self, rest: dict[str, Any], written: dict[str, Any], depth: int) -> None:
        properties = rest.pop("properties", None) or {}
        if not isinstance(properties, dict) or rest.get("additionalProperties") not in (
            None,
            False,
        ):
            raise NotEnforceable  # an open map cannot be enforced, and closing it would empty it
        rest.pop("additionalProperties", None)
        written["properties"] = {k: self.schema(v, depth + 1) for k, v in properties.items()}
        required = [name for name in _required(rest) if name in properties]
        rest.pop("required", None)
        if required:
            written["required"] = required
        written["additionalProperties"] = False


_OF_TYPE = ("properties", "required", "additionalProperties", "items", "minItems", "format")


def _of(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """What a schema says of values of this one of its types."""
    words = {
        "object": ("properties", "required", "additionalProperties"),
        "array": ("items", "minItems"),
        "string": ("format",),
    }.get(kind, ())
    return {word: schema[word] for word in words if word in schema}


def _has_structures(values: list[Any]) -> bool:
    return any(isinstance(value, dict | list) for value in values)
