"""Whether a schema satisfies OpenAI's strict mode as it stands.

Strict mode refuses a schema that breaks one of its rules, and with it the whole request. It is
therefore claimed only for a schema in which nothing is doubtful: only the keywords that the guide
lists, every object closed, every property required. A schema is never rewritten to satisfy them:
making an optional field required changes what the caller asked for.
Source: the structured outputs guide, "Supported schemas".
"""

from collections.abc import Iterable, Mapping
from typing import Any

MOST_DEPTH = 10
MOST_PROPERTIES = 5_000
MOST_LEVELS = 40  # of alternatives and definitions too; a doubt for strict mode, not for us

_KEYWORDS = frozenset({
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "definitions",
    "description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems",
    "maximum", "minItems", "minimum", "multipleOf", "pattern", "properties", "required", "title",
    "type",
})  # fmt: skip
_TYPES = frozenset({"string", "number", "boolean", "integer", "object", "array", "null"})
_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid",
})  # fmt: skip


def is_strict(schema: Mapping[str, Any] | None) -> bool:
    """Whether strict mode takes it."""
    if schema is None or schema.get("type") != "object" or "anyOf" in schema:
        return False
    return _Check().node(schema, 1)


class _Check:
    """One walk through a schema, which counts the properties it meets."""

    def __init__(self) -> None:
        self._properties = 0
        self._level = 0

    def node(self, node: object, depth: int) -> bool:
        self._level += 1
        strict = self._level <= MOST_LEVELS and self._node(node, depth)
        self._level -= 1
        return strict

    def _node(self, node: object, depth: int) -> bool:
        if not isinstance(node, dict) or depth > MOST_DEPTH or not _KEYWORDS.issuperset(node):
            return False
        if "$ref" in node:
            return len(node) == 1
        if not (_typed(node) and _format_known(node)):
            return False
        return self._object(node, depth) and self._insides(node, depth)

    def _object(self, node: dict[str, Any], depth: int) -> bool:
        kinds = _kinds(node)
        properties = node.get("properties")
        if "object" not in kinds and properties is None:
            return "array" not in kinds or "items" in node
        if not isinstance(properties, dict) or node.get("additionalProperties") is not False:
            return False
        self._properties += len(properties)
        required = node.get("required", [])
        if self._properties > MOST_PROPERTIES or not isinstance(required, list):
            return False
        listed = {name for name in required if isinstance(name, str)}
        return listed == set(properties) and self._all(properties.values(), depth + 1)

    def _insides(self, node: dict[str, Any], depth: int) -> bool:
        if "items" in node and not self.node(node["items"], depth + 1):
            return False
        branches = node.get("anyOf", [])
        if not isinstance(branches, list) or not self._all(branches, depth):
            return False
        for name in ("$defs", "definitions"):
            shared = node.get(name, {})
            if not isinstance(shared, dict) or not self._all(shared.values(), depth):
                return False
        return True

    def _all(self, nodes: Iterable[object], depth: int) -> bool:
        return all(self.node(node, depth) for node in nodes)


def _kinds(node: dict[str, Any]) -> list[Any]:
    kind = node.get("type")
    return kind if isinstance(kind, list) else [kind]


def _typed(node: dict[str, Any]) -> bool:
    """A node says its type, or leaves that to its branches or its values."""
    if "type" not in node:
        return bool(node.get("anyOf") or node.get("enum")) or "const" in node
    kinds = _kinds(node)
    return bool(kinds) and all(isinstance(kind, str) and kind in _TYPES for kind in kinds)


def _format_known(node: dict[str, Any]) -> bool:
    format = node.get("format")
    return format is None or (isinstance(format, str) and format in _FORMATS)


# ------------------------------------------------------------------------------ a tool's schema

_BRANCHES = ("anyOf", "oneOf", "allOf")
_REFUSED_ON_TOP = (*_BRANCHES, "enum", "not")


def parameters(schema: Mapping[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """The schema of a tool's arguments as an object's, and whether that changed its meaning.

    A tool's arguments are always an object, so saying it changes nothing. Alternatives are refused
    on top: what all of them know is put together, and only what all of them require is required.
    """
    if not schema:
        return {"type": "object", "properties": {}}, False
    if not any(name in schema for name in _REFUSED_ON_TOP):
        if schema.get("type") == "object" and "properties" in schema:
            return dict(schema), False
        known = dict(schema) | {"type": "object"}
        return known | {"properties": known.get("properties") or {}}, False
    kept = {name: value for name, value in schema.items() if name not in _REFUSED_ON_TOP}
    return _joined(kept, schema), True


def _joined(kept: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = dict(_object(kept.get("properties")))
    required = [name for name in _list(kept.get("required")) if isinstance(name, str)]
    for keyword in _BRANCHES:
        branches = [_object(branch) for branch in _list(schema.get(keyword))]
        for branch in branches:
            for name, inside in _object(branch.get("properties")).items():
                properties.setdefault(name, inside)
        wanted = [{n for n in _list(b.get("required")) if isinstance(n, str)} for b in branches]
        if wanted:
            common = set.union(*wanted) if keyword == "allOf" else set.intersection(*wanted)
            required += [name for name in properties if name in common and name not in required]
    joined = kept | {"type": "object", "properties": properties}
    return joined | {"required": required} if required else joined


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
