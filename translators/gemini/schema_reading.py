"""A Schema of Gemini's (OpenAPI 3.0) as the JSON Schema that everybody else speaks.

Types are in lower case, `nullable` is a type of its own, `propertyOrdering` is the order of the
properties, whole numbers in quotes are numbers. Only nodes of the schema are read: a property may
be called `format` or `default`.
"""

from typing import Any

from translators.gemini.schema_merging import MOST_DEPTH
from translators.gemini.wire import camel
from translators.protocol import NotUnderstood

_COUNTS = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_RENAMED = {"defs": "$defs", "ref": "$ref"}


def standard_schema(schema: object, path: str, depth: int = 0) -> dict[str, Any]:
    """NotUnderstood names `path` where the schema is no schema."""
    if depth > MOST_DEPTH:
        raise NotUnderstood(f"'{path}' is nested too deeply.", param=path)
    if not isinstance(schema, dict):
        raise NotUnderstood(f"'{path}' must be a schema object.", param=path)
    result: dict[str, Any] = {}
    for name, value in schema.items():
        key = name if name.startswith("$") else camel(name)
        if value is not None:
            _read(key, value, result, path, depth)
    _order(result)
    return _nullable(result)


def _read(key: str, value: Any, result: dict[str, Any], path: str, depth: int) -> None:
    match key:
        case "type":
            _read_type(value, result, path)
        case "properties" | "defs" | "$defs":
            if not isinstance(value, dict):
                raise NotUnderstood(f"'{path}' has properties that are no object.", param=path)
            result[_RENAMED.get(key, key)] = {
                name: standard_schema(inner, path, depth + 1) for name, inner in value.items()
            }
        case "items" | "additionalProperties" if isinstance(value, dict):
            result[key] = standard_schema(value, path, depth + 1)
        case "anyOf" | "oneOf" | "allOf" if isinstance(value, list):
            result[key] = [standard_schema(inner, path, depth + 1) for inner in value]
        case "format" if value == "enum":
            pass  # Gemini's mark of an enumeration, which `enum` says already
        case "example":
            result["examples"] = [value]
        case _ if key in _COUNTS and isinstance(value, str) and value.isdecimal():
            result[key] = int(value[:18])
        case _:
            result[_RENAMED.get(key, key)] = value


def _read_type(value: Any, result: dict[str, Any], path: str) -> None:
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(word, str) for word in words):
        raise NotUnderstood(f"'{path}' has a type that is no string.", param=path)
    known = [word.lower() for word in words if word.upper() != "TYPE_UNSPECIFIED"]
    if known:
        result["type"] = known if isinstance(value, list) else known[0]


def _order(result: dict[str, Any]) -> None:
    """`propertyOrdering` obeyed."""
    wanted = result.pop("propertyOrdering", None)
    properties = result.get("properties")
    if not isinstance(wanted, list) or not isinstance(properties, dict):
        return
    names = [name for name in wanted if isinstance(name, str) and name in properties]
    result["properties"] = {name: properties[name] for name in names} | properties


def _nullable(result: dict[str, Any]) -> dict[str, Any]:
    """`nullable` said as JSON Schema says it."""
    if result.pop("nullable", None) is not True:
        return result
    kind = result.get("type")
    if isinstance(kind, str) and kind != "null":
        result["type"] = [kind, "null"]
        enum = result.get("enum")
        if isinstance(enum, list) and None not in enum:
            result["enum"] = [*enum, None]
    elif isinstance(result.get("anyOf"), list):
        result["anyOf"] = [*result["anyOf"], {"type": "null"}]
    return result
