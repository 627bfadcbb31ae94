"""Gemini's rules for tools: names, the two ways of declaring parameters, and what its Schema
lacks."""

import re
from typing import Any

from simulator.call import Call, mapping, refused
from simulator.gemini.question import get
from simulator.gemini.wording import field

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_BAD_NAME = (
    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be "
    "alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:) or dashes (-), with a "
    "maximum length of 128."
)
_STRING_FORMATS = ("enum", "date-time")


def check(call: Call) -> None:
    """Raises Refused for the first rule broken."""
    names: list[str] = []
    tools = call.json.get("tools") or []
    for index, tool in enumerate(tools):
        for position, declared in enumerate(get(tool, "functionDeclarations") or []):
            where = f"tools[{index}].function_declarations[{position}]"
            _declaration(where, declared)
            if declared["name"] in names:
                raise refused(400, f"Duplicate function declaration found: {declared['name']}")
            names.append(declared["name"])
    _calling(call, names)
    searches = any(get(tool, "googleSearch") is not None for tool in tools)
    if names and searches and call.model.startswith("gemini-2"):
        raise refused(400, "Tool use with function calling is unsupported")
    config = mapping(get(call.json, "generationConfig"))
    schema = get(config, "responseSchema")
    if isinstance(schema, dict):
        _schema("generation_config.response_schema", schema)


def _calling(call: Call, names: list[str]) -> None:
    config = mapping(get(get(call.json, "toolConfig"), "functionCallingConfig"))
    allowed = get(config, "allowedFunctionNames") or []
    mode = str(config.get("mode") or "AUTO").upper()
    if mode == "ANY" and not names:
        raise refused(400, "Function calling config is set without function_declarations.")
    if allowed and mode not in ("ANY", "VALIDATED"):
        message = (
            "Function calling config's allowed_function_names should be set only when mode is "
        )
        raise refused(400, f"{message}ANY or VALIDATED.")
    for name in allowed:
        if name not in names:
            message = f"{name} in allowed_function_names is not found in function_declarations."
            raise refused(400, message)


def _declaration(where: str, declared: dict[str, Any]) -> None:
    name = declared.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise field(f"{where}.name", _BAD_NAME)
    schema = declared.get("parameters")
    if schema is not None and get(declared, "parametersJsonSchema") is not None:
        said = "only one of parameters and parameters_json_schema can be set"
        raise field(f"{where}.parameters_json_schema", said)
    if isinstance(schema, dict):
        _schema(f"{where}.parameters", schema)


def _schema(where: str, schema: dict[str, Any]) -> None:
    kind = str(schema.get("type") or "").upper()
    properties = mapping(schema.get("properties"))
    for index, name in enumerate(schema.get("required") or []):
        if name not in properties:
            raise field(f"{where}.required[{index}]", "property is not defined")
    if kind == "ARRAY" and schema.get("items") is None:
        raise field(f"{where}.items", "missing field.")
    if kind == "STRING" and schema.get("format") not in (None, *_STRING_FORMATS):
        said = "only 'enum' and 'date-time' are supported for STRING type"
        raise field(f"{where}.format", said)
    for name, inner in properties.items():
        _schema(f"{where}.properties[{name}]", inner)
    if isinstance(schema.get("items"), dict):
        _schema(f"{where}.items", schema["items"])
    for index, inner in enumerate(get(schema, "anyOf") or []):
        _schema(f"{where}.any_of[{index}]", inner)
