"""A value that fits a JSON schema: the smallest, and always the same. Good enough for what SDKs
parse."""

from typing import Any

MAX_DEPTH = 12  # a recursive schema ends here


def sample(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A JSON value for `schema` (JSON Schema, or Google's upper-case dialect of it)."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None if depth > MAX_DEPTH else {}
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(_resolve(root, str(schema["$ref"])), root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf", "any_of"):
        if schema.get(key):
            return sample(schema[key][0], root, depth + 1)
    return _by_type(schema, root, depth)


def _by_type(schema: dict[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = str(kind[0] if isinstance(kind, list) and kind else kind).lower()
    if kind == "object":
        properties = schema.get("properties") or {}
        wanted = schema.get("required", list(properties))
        wanted = wanted if isinstance(wanted, list) else list(properties)
        return {
            name: sample(properties.get(name, {"type": "string"}), root, depth + 1)
            for name in wanted
        }
    if kind == "array":
        count = max(1, int(schema.get("minItems") or 1))
        return [sample(schema.get("items", {"type": "string"}), root, depth + 1)] * count
    if kind in ("integer", "number"):
        lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        low = int(lowest) if isinstance(lowest, int | float) and abs(lowest) < 1e9 else 0
        return max(1, low + 1) if kind == "integer" else float(max(1, low + 1))
    return {"boolean": True, "null": None}.get(kind, "simulated")


def _resolve(root: Any, ref: str) -> Any:
    node = root
    for step in ref.removeprefix("#/").split("/"):
        if not isinstance(node, dict) or step not in node:
            return {}
        node = node[step]
    return node
