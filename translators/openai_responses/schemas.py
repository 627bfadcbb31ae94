"""JSON schemas as this dialect's upstreams take them.

Two rules hold for every function: its parameters are an object with `properties`, and an array says
what its items are. Strict mode has more, and the server demands them with a 400: what does not meet
them is sent as not strict. Only schema nodes are looked at, never the values inside them (`enum`,
`default`, ...).
"""

from collections.abc import Iterator, Mapping
from typing import Any

# Schemas nest a few levels; what is deeper than this is handed on as it is.
_MOST_DEPTH = 60

_OF_SCHEMAS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains")

# Strict mode refuses these keywords (platform documentation, 'Structured Outputs').
_NOT_STRICT = frozenset(
    {
        "allOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "patternProperties",
        "dependentRequired",
        "dependentSchemas",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
        "contains",
        "prefixItems",
        "uniqueItems",
    }
)
# At the top of a function's parameters these are refused, strict or not.
_NOT_AT_THE_TOP = ("anyOf", "oneOf", "allOf", "enum", "not")


def parameters(schema: Mapping[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """A function's `parameters`, and whether what they say had to change."""
    if not schema:
        return {"type": "object", "properties": {}}, False
    mended = _mended(schema, 0)
    changed = any(word in mended for word in _NOT_AT_THE_TOP)
    bare = {word: value for word, value in mended.items() if word not in _NOT_AT_THE_TOP}
    if bare.get("type") != "object":
        changed = changed or "type" in bare
        bare = {"type": "object"} | {w: v for w, v in bare.items() if w != "type"}
    if not isinstance(bare.get("properties"), dict):
        bare["properties"] = {}
    return bare, changed


def _mended(schema: Any, depth: int) -> Any:
    """The same schema with `items` wherever an array has none; the same object if none lacks."""
    if not isinstance(schema, Mapping) or depth > _MOST_DEPTH:
        return schema
    mended = dict(schema)
    for word in _OF_SCHEMAS:
        if isinstance(inner := mended.get(word), Mapping):
            mended[word] = {name: _mended(one, depth + 1) for name, one in inner.items()}
    for word in _LISTS:
        if isinstance(inner := mended.get(word), list):
            mended[word] = [_mended(one, depth + 1) for one in inner]
    for word in _SINGLE:
        if word in mended:
            mended[word] = _mended(mended[word], depth + 1)
    kind = mended.get("type")
    is_array = kind == "array" or (isinstance(kind, list) and "array" in kind)
    if is_array and "items" not in mended and "prefixItems" not in mended:
        mended["items"] = {}
    return mended


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether strict mode takes the schema: every object closed, every property required."""
    if schema.get("type") != "object" or "anyOf" in schema:
        return False
    return all(_is_strict_node(node, depth) for node, depth in _nodes(schema, 0))


def _is_strict_node(node: object, depth: int) -> bool:
    if not isinstance(node, Mapping) or depth > _MOST_DEPTH or _NOT_STRICT & node.keys():
        return False
    if "$ref" not in node and "anyOf" not in node and not node.keys() & {"type", "enum", "const"}:
        return False
    kind = node.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        properties, required = node.get("properties"), node.get("required", [])
        return (
            node.get("additionalProperties") is False
            and isinstance(properties, Mapping)
            and isinstance(required, list)
            and all(name in required for name in properties)
        )
    return kind != "array" or isinstance(node.get("items"), Mapping)


def _nodes(schema: object, depth: int) -> Iterator[tuple[object, int]]:
    """Every schema inside, the outermost first."""
    yield schema, depth
    if not isinstance(schema, Mapping) or depth > _MOST_DEPTH:
        return
    for word in ("properties", "$defs", "definitions"):
        if isinstance(inner := schema.get(word), Mapping):
            for one in inner.values():
                yield from _nodes(one, depth + 1)
    if isinstance(options := schema.get("anyOf"), list):
        for one in options:
            yield from _nodes(one, depth + 1)
    if isinstance(items := schema.get("items"), Mapping):
        yield from _nodes(items, depth + 1)
