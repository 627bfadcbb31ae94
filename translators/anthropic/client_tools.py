"""The tools of this dialect that the caller runs and that have no schema on the wire.

A model of another vendor has never heard of them, so it gets a description and a schema.
Sources: anthropic 2.11 (types.beta.BetaMemoryTool20250818Command and its kind), the API's guides
"Bash tool", "Text editor tool", "Computer use tool", "Memory tool".
"""

import re
from collections.abc import Mapping
from typing import Any

# Types are a name and a version. Others with a version are run by the provider.
_VERSIONED = re.compile(r"(bash|text_editor|computer|memory)_(20\d{6})")

# From this version on, `insert` calls its text `insert_text`, and `undo_edit` is gone.
_NEW_EDITOR = "20250429"
_ZOOMING_COMPUTER = "20251124"

_PATH = {"type": "string", "description": "Absolute path of a file or directory."}
_RANGE = {
    "type": "array",
    "items": {"type": "integer"},
    "description": "For `view`: first and last line, from 1; a last line of -1 is the file's end.",
}
_POINT = {"type": "array", "items": {"type": "integer"}}
_ACTIONS = (
    "key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click",
    "double_click", "triple_click", "left_mouse_down", "left_mouse_up", "hold_key", "wait",
    "scroll", "screenshot", "cursor_position",
)  # fmt: skip

DESCRIPTIONS: dict[str, str] = {
    "bash": "Runs a command in a bash session that keeps its state between calls.",
    "text_editor": "Views, creates and edits text files.",
    "computer": "Controls a computer's screen, mouse and keyboard. Coordinates are pixels [x, y].",
    "memory": "Keeps files under /memories that later conversations can read.",
}


def family(tool_type: str) -> str | None:
    """`bash` for `bash_20250124`; None where it is no tool that the caller runs."""
    found = _VERSIONED.fullmatch(tool_type)
    return found[1] if found is not None else None


def own_name(tool_type: str) -> str | None:
    """The only name that the API takes for a tool of this type; None where it is none."""
    found = _VERSIONED.fullmatch(tool_type)
    if found is None:
        return None
    if found[1] != "text_editor":
        return found[1]
    return "str_replace_based_edit_tool" if found[2] >= _NEW_EDITOR else "str_replace_editor"


def schema(tool_type: str) -> Mapping[str, Any]:
    """The arguments of such a tool."""
    found = _VERSIONED.fullmatch(tool_type)
    assert found is not None
    match found[1]:
        case "bash":
            return _object(
                {
                    "command": {"type": "string", "description": "The command to run."},
                    "restart": {"type": "boolean", "description": "Restarts the session instead."},
                }
            )
        case "text_editor":
            return _editor(found[2])
        case "memory":
            return _memory()
        case _:
            return _computer(found[2])


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _number(description: str) -> dict[str, Any]:
    return {"type": "integer", "description": description}


def _editor(version: str) -> dict[str, Any]:
    commands = ["view", "create", "str_replace", "insert"]
    new = version >= _NEW_EDITOR
    inserted = "insert_text" if new else "new_str"
    properties = {
        "command": {"type": "string", "enum": commands if new else [*commands, "undo_edit"]},
        "path": _PATH,
        "file_text": _text("For `create`: the content of the file."),
        "old_str": _text("For `str_replace`: the text to replace; it must occur exactly once."),
        "new_str": _text("For `str_replace`: the text to put in its place."),
        "insert_line": _number("For `insert`: the line behind which to insert; 0 is the start."),
        "view_range": _RANGE,
    }
    if new:
        properties["insert_text"] = _text("For `insert`: the text to insert.")
    else:
        properties[inserted] = _text("For `str_replace` and `insert`: the new text.")
    return _object(properties, "command", "path")


def _memory() -> dict[str, Any]:
    commands = ["view", "create", "str_replace", "insert", "delete", "rename"]
    properties = {
        "command": {"type": "string", "enum": commands},
        "path": {"type": "string", "description": "A path under /memories; not for `rename`."},
        "view_range": _RANGE,
        "file_text": _text("For `create`: the content of the file."),
        "old_str": _text("For `str_replace`: the text to replace."),
        "new_str": _text("For `str_replace`: the text to put in its place."),
        "insert_line": _number("For `insert`: the line behind which to insert."),
        "insert_text": _text("For `insert`: the text to insert."),
        "old_path": _text("For `rename`: the present path."),
        "new_path": _text("For `rename`: the new path."),
    }
    return _object(properties, "command")


def _computer(version: str) -> dict[str, Any]:
    zooming = version >= _ZOOMING_COMPUTER
    properties: dict[str, Any] = {
        "action": {"type": "string", "enum": [*_ACTIONS, "zoom"] if zooming else list(_ACTIONS)},
        "coordinate": {**_POINT, "description": "Where to click, move, scroll, or drag to."},
        "start_coordinate": {**_POINT, "description": "Where a drag begins."},
        "text": _text("What to type, or the keys to press, as in `ctrl+s`."),
        "scroll_direction": {"type": "string", "enum": ["up", "down", "left", "right"]},
        "scroll_amount": _number("How many notches to scroll."),
        "duration": {"type": "number", "description": "Seconds to wait or to hold a key."},
    }
    if zooming:
        properties["region"] = {**_POINT, "description": "For `zoom`: [x0, y0, x1, y1]."}
    return _object(properties, "action")
