"""What a schema says in other places: references put in place, `allOf` merged."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

# Deeper than any tool's parameters; a schema is read by functions that call themselves.
MOST_DEPTH = 64

_BESIDE = ("description", "title", "default")


def referred(
    schema: Mapping[str, Any], root: Mapping[str, Any], inside: tuple[str, ...]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The schema that a reference means, with what is said beside it; None where it means nothing
    or contains itself."""
    for _ in range(MOST_DEPTH):
        reference = schema.get("$ref")
        if reference is None:
            return schema, inside
        if not isinstance(reference, str) or reference in inside:
            return None, inside
        target = _target(reference, root)
        if target is None:
            return None, inside
        inside = (*inside, reference)
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**target, **beside}
    return None, inside


def _target(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A place in the root: `#/$defs/Item`."""
    if not reference.startswith("#"):
        return None
    found: Any = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found if isinstance(found, Mapping) else None


def merged_schema(
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    inside: tuple[str, ...],
    afford: Callable[[], bool],
) -> Mapping[str, Any]:
    """The schema with its `allOf` in it. `afford` says whether one more piece may be looked at:
    pieces that refer to pieces can multiply."""
    pieces = schema.get("allOf")
    if not isinstance(pieces, list) or len(inside) > MOST_DEPTH:
        return schema
    result = {name: value for name, value in schema.items() if name != "allOf"}
    for piece in pieces:
        if not isinstance(piece, Mapping) or not afford():
            continue
        plain, deeper = referred(piece, root, inside)
        if plain is not None:
            _merge(result, merged_schema(plain, root, (*deeper, ""), afford))
    return result


def _merge(result: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        held = result.get(name)
        if name == "properties" and isinstance(held, Mapping) and isinstance(value, Mapping):
            result[name] = {**held, **value}
        elif name == "required" and isinstance(held, list) and isinstance(value, list):
            result[name] = [*held, *(item for item in value if item not in held)]
        elif name not in result or name not in _BESIDE:
            result[name] = value
