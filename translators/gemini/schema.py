"""JSON Schema as Gemini's Schema, for models that do not take JSON Schema itself.

Schema is a small part of OpenAPI 3.0, and one unknown keyword is a 400 for the whole request. So
only what it knows is said in its words; the rest becomes a hint at the end of the description,
which the model reads even though nothing enforces it. `changed` tells whether anything was left to
hints or left out. Only nodes of the schema are looked at: a property may be called `const`.

- `$ref` is put in place; where a schema contains itself it ends in a bare object.
- `allOf` is merged, `oneOf` becomes `anyOf`, `const` a choice of one, `[T, "null"]` nullable.
- `exclusiveMinimum: n` is `minimum: n + 1` of an integer, and `minimum: n` with a hint of a number.
- `required` names only properties that exist; an array has `items`.
- What some tool servers get wrong is repaired: `required: true` on a property, and properties
  without an object around them.
"""

from collections.abc import Mapping
from typing import Any

from translators import text_json
from translators.gemini.schema_merging import MOST_DEPTH, merged_schema, referred

# References put in place can multiply. No tool of a real client has a tenth of this.
MOST_NODES = 5_000

_MOST_HINT = 200

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_FORMATS: dict[str, frozenset[str]] = {
    "string": frozenset({"enum", "date-time"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
_NUMBERS = ("minimum", "maximum")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_READ = frozenset(
    {
        "type", "properties", "items", "anyOf", "oneOf", "allOf", "enum", "const", "format",
        "required", "nullable", "description", "title", "pattern", "default", "exclusiveMinimum",
        "exclusiveMaximum", "propertyOrdering", "additionalProperties", "prefixItems",
        "$defs", "definitions", "$ref", *_NUMBERS, *_COUNTS,
    }
)  # fmt: skip
# Keywords that say nothing about a value.
_SILENT = frozenset({"$schema", "$id", "$anchor", "$comment", "examples", "example", "deprecated"})


def cleaned(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema in Gemini's words, and whether that says less than it did."""
    cleaner = _Cleaner(schema)
    return cleaner.node(with_properties(schema), 0), cleaner.changed


def with_properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A bare map of properties with an object around it."""
    if (
        schema
        and not _READ & set(schema)
        and all(
            isinstance(inner, dict) and ("type" in inner or "$ref" in inner)
            for inner in schema.values()
        )
    ):
        return {"type": "object", "properties": schema}
    return schema


class _Cleaner:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0
        self._shown: dict[int, str] = {}  # by the value's identity: one is shown at many places
        self.changed = False

    def node(self, schema: Any, depth: int, inside: tuple[str, ...] = ()) -> dict[str, Any]:
        """One node. `inside`: the references that led here."""
        if not isinstance(schema, Mapping):
            self.changed = self.changed or schema is not True
            return {}
        if depth > MOST_DEPTH or not self._afford():
            self.changed = True
            return {"type": "OBJECT"}
        plain, inside = referred(schema, self._root, inside)
        if plain is None:
            self.changed = True
            return {"type": "OBJECT"}
        plain = merged_schema(plain, self._root, inside, self._afford)
        hints: list[str] = []
        kind, nullable, others = _kinds(plain)
        result: dict[str, Any] = {}
        self._add_choices(plain, others, result, hints, depth, inside)
        if kind and "anyOf" not in result:
            result["type"] = kind.upper()
        nullable = result.pop("nullable", False) or nullable
        self._add_limits(plain, kind, result, hints)
        self._add_inner(plain, kind, result, depth, inside)
        if nullable:
            result["nullable"] = True
        hints += self._unsaid(plain)
        return self._described(plain, result, hints)

    def _afford(self) -> bool:
        self._nodes += 1
        return self._nodes <= MOST_NODES

    # ------------------------------------------------------------------------------ alternatives

    def _add_choices(
        self,
        schema: Mapping[str, Any],
        others: list[str],
        result: dict[str, Any],
        hints: list[str],
        depth: int,
        inside: tuple[str, ...],
    ) -> None:
        self._add_enum(schema, result, hints)
        offered = schema.get("anyOf") or schema.get("oneOf")
        choices = [c for c in offered if _is_not_null(c)] if isinstance(offered, list) else []
        if isinstance(offered, list) and len(choices) < len(offered):
            result["nullable"] = True
        if not choices and len(others) > 1:
            bare = {k: v for k, v in schema.items() if k not in ("description", "title", "enum")}
            choices = [bare | {"type": other} for other in others]
        nodes = [self.node(choice, depth + 1, inside) for choice in choices]
        if len(nodes) == 1:
            result.update({k: v for k, v in nodes[0].items() if k not in result})
        elif nodes:
            result["anyOf"] = nodes

    def _add_enum(
        self, schema: Mapping[str, Any], result: dict[str, Any], hints: list[str]
    ) -> None:
        values = schema.get("enum")
        if "const" in schema:
            values = [schema["const"]]
        if not isinstance(values, list) or not values:
            return
        texts = [value for value in values if isinstance(value, str)]
        if None in values:
            result["nullable"] = True
        if len(texts) == len([value for value in values if value is not None]) and texts:
            result["type"] = "STRING"
            result["enum"] = list(dict.fromkeys(texts))
        elif any(value is not None for value in values):
            hints.append(f"one of {_shown(values)}")

    # ----------------------------------------------------------------------------------- limits

    def _add_limits(
        self, schema: Mapping[str, Any], kind: str, result: dict[str, Any], hints: list[str]
    ) -> None:
        form = schema.get("format")
        if isinstance(form, str) and form:
            if form in _FORMATS.get(kind, ()):
                result["format"] = form
            else:
                hints.append(f"format: {form[:_MOST_HINT]}")
        for name in _NUMBERS:
            if _is_number(value := schema.get(name)):
                result[name] = value
        self._add_exclusive(schema, kind, result, hints)
        for name in _COUNTS:
            if type(value := schema.get(name)) is int and value >= 0:
                result[name] = value
        if isinstance(pattern := schema.get("pattern"), str):
            result["pattern"] = pattern
        if schema.get("default") is not None:
            result["default"] = schema["default"]

    def _add_exclusive(
        self, schema: Mapping[str, Any], kind: str, result: dict[str, Any], hints: list[str]
    ) -> None:
        for name, plain, step, word in (
            ("exclusiveMinimum", "minimum", 1, "greater"),
            ("exclusiveMaximum", "maximum", -1, "less"),
        ):
            value = schema.get(name)
            if value is True:  # as JSON Schema had it in its fourth draft
                hints.append(f"{word} than {schema.get(plain)}")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                if kind == "integer" and isinstance(value, int):
                    result[plain] = value + step
                else:
                    result.setdefault(plain, value)
                    hints.append(f"{word} than {value}")

    # ------------------------------------------------------------------------------ inner nodes

    def _add_inner(
        self,
        schema: Mapping[str, Any],
        kind: str,
        result: dict[str, Any],
        depth: int,
        inside: tuple[str, ...],
    ) -> None:
        properties = schema.get("properties")
        if kind == "object" and isinstance(properties, Mapping) and properties:
            result["properties"] = {
                name: self.node(inner, depth + 1, inside) for name, inner in properties.items()
            }
            required = _required(schema, properties)
            if required:
                result["required"] = required
        if kind == "array":
            items = schema.get("items", schema.get("prefixItems"))
            if isinstance(items, list):
                items = {"anyOf": items} if items else {}
                self.changed = True
            result["items"] = self.node(items, depth + 1, inside) if items else {}

    # ------------------------------------------------------------------------------------ words

    def _unsaid(self, schema: Mapping[str, Any]) -> list[str]:
        extra = schema.get("additionalProperties")
        hints = []
        if isinstance(extra, Mapping) and extra:
            hints.append(f"additionalProperties: {self._show(extra)}")
        elif extra is False:
            self.changed = True
        for name, value in schema.items():
            if name not in _READ and name not in _SILENT:
                hints.append(f"{name[:40]}: {self._show(value)}")
        return hints

    def _show(self, value: object) -> str:
        if id(value) not in self._shown:
            self._shown[id(value)] = _shown(value)
        return self._shown[id(value)]

    def _described(
        self, schema: Mapping[str, Any], result: dict[str, Any], hints: list[str]
    ) -> dict[str, Any]:
        description = schema.get("description")
        said = [description] if isinstance(description, str) and description else []
        if hints:
            self.changed = True
            said.append(f"({'; '.join(hints)})")
        if said:
            result["description"] = " ".join(said)
        if isinstance(title := schema.get("title"), str) and title:
            result["title"] = title
        return result


def _kinds(schema: Mapping[str, Any]) -> tuple[str, bool, list[str]]:
    """The type, whether null is one too, and all of several types."""
    wanted = schema.get("type")
    words = [
        word.lower()
        for word in (wanted if isinstance(wanted, list) else [wanted])
        if isinstance(word, str) and word.lower() in _TYPES
    ]
    others = [word for word in words if word != "null"]
    nullable = "null" in words or schema.get("nullable") is True
    if len(others) == 1:
        return others[0], nullable and len(words) >= 1, others
    if not others:
        guessed = "object" if isinstance(schema.get("properties"), Mapping) else ""
        return guessed or ("array" if "items" in schema else ""), nullable, []
    return "", nullable, others


def _required(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> list[str]:
    named = schema.get("required")
    wanted = {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()
    wanted |= {
        name
        for name, inner in properties.items()
        if isinstance(inner, Mapping) and inner.get("required") is True
    }
    return [name for name in properties if name in wanted]


def _is_not_null(choice: Any) -> bool:
    return not (isinstance(choice, Mapping) and choice.get("type") == "null")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = text_json.text(value)
    return text if len(text) <= _MOST_HINT else f"{text[:_MOST_HINT]}..."
