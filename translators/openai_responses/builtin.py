"""The built-in tools that the caller runs himself: local_shell, shell and apply_patch.

In the neutral form each is a function with the schema of its action and `origin` set to the tool's
type, so that every other dialect can offer it to its models; its calls and results become the
items of the built-in tool again where this dialect is written.
"""

from collections.abc import Mapping
from typing import Any

from translators import text_json
from translators.canonical.parts import Media, Text, ToolCall, ToolResult
from translators.canonical.request import Tool

_STRINGS = {"type": "array", "items": {"type": "string"}}

_LOCAL_SHELL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "command": _STRINGS | {"description": "The command and its arguments."},
        "env": {
            "type": "object",
            "description": "Environment variables to set.",
            "additionalProperties": {"type": "string"},
        },
        "timeout_ms": {"type": "integer", "description": "Timeout in milliseconds."},
        "user": {"type": "string", "description": "The user to run the command as."},
        "working_directory": {"type": "string", "description": "Where to run the command."},
    },
    "required": ["command"],
}
_SHELL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "commands": _STRINGS | {"description": "Shell commands to run, in order."},
        "timeout_ms": {"type": "integer", "description": "Timeout in milliseconds."},
        "max_output_length": {
            "type": "integer",
            "description": "The most characters of output to return.",
        },
    },
    "required": ["commands"],
}
_APPLY_PATCH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
        "path": {"type": "string", "description": "The file's path in the workspace."},
        "diff": {
            "type": "string",
            "description": "A V4A diff of the file. Leave it out to delete the file.",
        },
    },
    "required": ["type", "path"],
}

# By the tool's type, which is also its name in the neutral form.
TOOLS: dict[str, Tool] = {
    kind: Tool(kind, description, schema, origin=kind)
    for kind, description, schema in (
        ("local_shell", "Runs a command on the user's machine.", _LOCAL_SHELL),
        ("shell", "Runs shell commands on the user's machine.", _SHELL),
        ("apply_patch", "Creates, updates or deletes one file.", _APPLY_PATCH),
    )
}

# Which field of a call's item holds what the model asks for.
_ASKED = {"local_shell": "action", "shell": "action", "apply_patch": "operation"}
CALL_TYPES: dict[str, str] = {f"{kind}_call": kind for kind in TOOLS}
OUTPUT_TYPES: dict[str, str] = {f"{kind}_call_output": kind for kind in TOOLS}

# The caller's own machine, as the environment of a shell; what a container has is the provider's.
ENVIRONMENT = frozenset({"type"})

ID_PREFIXES = {"local_shell": "lsh", "shell": "sh", "apply_patch": "apc"}


def runs_at_the_provider(item: Mapping[str, Any]) -> bool:
    """Whether a shell tool or a call of it belongs to a container of the provider's."""
    environment = item.get("environment")
    kind = environment.get("type") if isinstance(environment, dict) else None
    return kind not in (None, "local")


# ------------------------------------------------------------------------------------------ reading


def call_of(item: Mapping[str, Any], kind: str, call_id: str) -> ToolCall:
    """The call in such an item. The type of a local shell's action says nothing: it is dropped."""
    asked = item.get(_ASKED[kind])
    action = dict(asked) if isinstance(asked, dict) else {}
    if kind == "local_shell":
        action.pop("type", None)
    given = {name: value for name, value in action.items() if value is not None}
    item_id = item.get("id")
    return ToolCall(
        call_id,
        kind,
        text_json.text(given),
        origin=kind,
        item_id=item_id if isinstance(item_id, str) else None,
    )


def result_of(item: Mapping[str, Any], kind: str, call_id: str) -> ToolResult:
    """The result in an output item. A shell's list of outputs stays JSON, for it can come back."""
    output = item.get("output")
    failed = item.get("status") in ("failed", "incomplete")
    if output is None:
        output = "failed" if failed else "done" if kind == "apply_patch" else ""
    text = output if isinstance(output, str) else text_json.text(output)
    return ToolResult(call_id, (Text(text),), failed, name=kind, origin=kind)


# ------------------------------------------------------------------------------------------ writing


def call_item(call: ToolCall, kind: str) -> dict[str, Any]:
    """The item of a call, complete but for its `id`."""
    try:
        asked = text_json.loads(call.arguments or "{}")
    except ValueError:
        asked = {}
    build = _BUILDERS[kind]
    action = build(asked if isinstance(asked, dict) else {}, call.arguments)
    return {
        "type": f"{kind}_call",
        "status": "completed",
        "call_id": call.id,
        _ASKED[kind]: action,
    }


def _local_shell(asked: dict[str, Any], raw: str) -> dict[str, Any]:
    env = asked.get("env")
    return {
        "type": "exec",
        "command": _words(asked.get("command"), raw),
        "env": {k: str(v) for k, v in env.items()} if isinstance(env, dict) else {},
        "timeout_ms": _integer(asked.get("timeout_ms")),
        "user": _word(asked.get("user")),
        "working_directory": _word(asked.get("working_directory")),
    }


def _shell(asked: dict[str, Any], raw: str) -> dict[str, Any]:
    return {
        "commands": _words(asked.get("commands", asked.get("command")), raw),
        "timeout_ms": _integer(asked.get("timeout_ms")),
        "max_output_length": _integer(asked.get("max_output_length")),
    }


def _apply_patch(asked: dict[str, Any], raw: str) -> dict[str, Any]:
    kind, path = asked.get("type"), _word(asked.get("path")) or ""
    if kind == "delete_file":
        return {"type": kind, "path": path}
    diff = asked.get("diff")
    return {
        "type": "create_file" if kind == "create_file" else "update_file",
        "path": path,
        "diff": diff if isinstance(diff, str) else "" if asked else raw,
    }


_BUILDERS = {"local_shell": _local_shell, "shell": _shell, "apply_patch": _apply_patch}


def _words(value: object, raw: str) -> list[str]:
    """A model may give one string for a list; arguments that are no JSON are the command itself."""
    if isinstance(value, list):
        return [v if isinstance(v, str) else text_json.text(v) for v in value]
    if isinstance(value, str):
        return [value]
    return [raw] if raw and not raw.lstrip().startswith("{") else []


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def output_item(result: ToolResult, kind: str) -> dict[str, Any]:
    """The output item of a result, complete but for an `id` of its own."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    if kind == "local_shell":
        # The call is named by `id` here, alone among the outputs.
        return {"type": "local_shell_call_output", "id": result.call_id, "output": text}
    item = {"type": f"{kind}_call_output", "call_id": result.call_id}
    if kind == "apply_patch":
        return item | {"status": "failed" if result.is_error else "completed", "output": text}
    return item | {"output": _shell_outputs(text, result.is_error)}


def _shell_outputs(text: str, is_error: bool) -> list[Any]:
    """The list as the caller gave it; any other text is what was printed."""
    try:
        outputs = text_json.loads(text)
    except ValueError:
        outputs = None
    if isinstance(outputs, list) and all(
        isinstance(o, dict) and {"stdout", "stderr", "outcome"} <= o.keys() for o in outputs
    ):
        return outputs
    outcome = {"type": "exit", "exit_code": 1 if is_error else 0}
    said = {"stdout": "", "stderr": text} if is_error else {"stdout": text, "stderr": ""}
    return [said | {"outcome": outcome}]


def media_of(result: ToolResult) -> list[Media]:
    return [part for part in result.parts if isinstance(part, Media)]
