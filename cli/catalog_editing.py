"""Additions to the operator's catalog file, which stays as it was written: comments, order, blanks.

The text is never rendered anew. PyYAML's node tree says where a section ends and how far it is
indented, and new lines are put there; whatever else the file holds is kept byte for byte. So no
second YAML library is needed, and no formatting is lost to one.

What cannot be added to safely (a section that is an alias, a document in braces) is refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from cli.output import OperatorError

STEP = 2  # spaces that an inner line is further in, where the file shows no other habit


@dataclass(frozen=True, slots=True)
class Added:
    """What to add: entries of `providers` and `accounts` by name, and of `models`."""

    providers: Mapping[str, Mapping[str, Any]]
    accounts: Mapping[str, Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]]


def with_added(text: str, added: Added) -> str:
    """The file's text with the additions at the end of their sections. Raises OperatorError."""
    for name, provider in added.providers.items():
        text = _in_mapping(text, "providers", name, provider)
    for name, account in added.accounts.items():
        text = _in_mapping(text, "accounts", name, account)
    for model in added.models:
        text = _in_sequence(text, "models", model)
    return text


def _in_mapping(text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
    found = _section(text, section)
    if found is None:
        return _appended(text, f"{section}:\n{' ' * STEP}{name}: {flow(entry)}\n")
    if isinstance(found, MappingNode):
        if any(key.value == name for key, _ in found.value):
            raise OperatorError(f"{section} has {name!r} already.")
        return _inserted(text, found, f"{name}: {flow(entry)}", flow({name: entry})[1:-1])
    return _first(text, found, section, f"{' ' * STEP}{name}: {flow(entry)}")


def _in_sequence(text: str, section: str, entry: Mapping[str, Any]) -> str:
    found = _section(text, section)
    if found is None:
        return _appended(text, f"{section}:\n{' ' * STEP}- {flow(entry)}\n")
    if isinstance(found, SequenceNode):
        return _inserted(text, found, f"- {flow(entry)}", flow(entry))
    return _first(text, found, section, f"{' ' * STEP}- {flow(entry)}")


def _section(text: str, section: str) -> Node | None:
    """The value of a top-level key; None where there is no such key. Raises OperatorError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        message = "The catalog file is not YAML: `clavis catalog check` says where."
        raise OperatorError(message) from None
    if not isinstance(root, MappingNode) or root.flow_style:
        raise OperatorError("The catalog file must be a mapping with a section on each line.")
    for key, value in root.value:
        if key.value != section:
            continue
        if value.start_mark.index < key.end_mark.index:
            raise OperatorError(f"{section} is an alias of another place: add to it by hand.")
        found: Node = value
        return found
    return None


def _inserted(text: str, node: CollectionNode, line: str, inside: str) -> str:
    """Behind the last entry: a line of its own, or in braces and brackets what stands inside."""
    if not node.flow_style:
        return _line_after(text, _last_line(node), " " * node.start_mark.column + line)
    end = node.end_mark.index - 1
    before = text[:end].rstrip()
    if not node.value:
        return f"{before}{inside}{text[end:]}"
    comma = "" if before.endswith(",") else ","
    return f"{before}{comma} {inside}{text[end:]}"


def _first(text: str, node: Node, section: str, line: str) -> str:
    """The first entry of a section that is there and empty: nothing, `null` or `~`."""
    if not isinstance(node, ScalarNode) or node.value not in ("", "~", "null"):
        raise OperatorError(f"{section} is neither a mapping nor a list.")
    start, end = node.start_mark.index, node.end_mark.index
    return _line_after(text[:start].rstrip(" ") + text[end:], node.start_mark.line, line)


def _last_line(node: Node) -> int:
    """The line on which a node's last character stands. Marks of block nodes end where the next
    thing begins, behind blank lines and comments that belong there."""
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if isinstance(last, tuple):
            key, value = last
            behind = value.start_mark.index >= key.end_mark.index
            return _last_line(value) if behind else int(key.end_mark.line)
        return _last_line(last)
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return _end_of_block(node)
    return int(node.end_mark.line)


def _end_of_block(node: ScalarNode) -> int:
    """Block scalars end at the start of the line behind them."""
    line = int(node.end_mark.line)
    return line - 1 if node.end_mark.column == 0 and line > node.start_mark.line else line


def _line_after(text: str, line: int, new: str) -> str:
    lines = text.split("\n")
    if lines[-1] == "" and line >= len(lines) - 1:
        line = len(lines) - 2
    ending = "\r" if lines[line].endswith("\r") else ""
    return "\n".join([*lines[: line + 1], new + ending, *lines[line + 1 :]])


def _appended(text: str, new: str) -> str:
    if "\r\n" in text:
        new = new.replace("\n", "\r\n")
    if text and not text.endswith("\n"):
        text += "\n"
    return text + new


# ------------------------------------------------------------------------------------------ values


def flow(value: Any) -> str:
    """A value in one line of YAML, in quotes where it would be read as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _is_plain(name) else json.dumps(name)


def _is_plain(text: str) -> bool:
    """Whether a text without quotes is read as itself, in braces too."""
    if not text.isascii() or any(character in " #\"'" for character in text):
        return False
    try:
        return bool(yaml.safe_load(f"{{k: {text}, l: [{text}]}}") == {"k": text, "l": [text]})
    except yaml.YAMLError:
        return False
