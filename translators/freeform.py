"""Tools that take free text, for dialects whose tools take JSON objects alone.

Such a tool becomes a function with one string, `input`, and its grammar is told in the description.
What the model calls it with is unwrapped again while it streams. Models do not always keep to the
schema: they use names that they have learned elsewhere, give a list of lines, or write the text
bare. All of that is read; what is no such object is handed on whole, as it came.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from translators import text_json
from translators.canonical.parts import ToolKind
from translators.canonical.request import Tool
from translators.protocol import NotUnderstood

# The names under which models put the text, the likeliest first.
KEYS = ("input", "patch", "content", "code", "text", "script", "command", "cmd")

# Only these stream: their value is the text and nothing else. `command` may be a program beside
# which the text stands under another name, so that it is read when everything is there.
_STREAMED_KEYS = KEYS[:3]

# More than the longest beginning that the pattern of it (_HEAD) permits.
_MOST_HEAD_CHARACTERS = 256

# Arguments that cannot be streamed are kept until their end. The largest honest ones are files that
# a model writes, a few megabytes.
MOST_KEPT_CHARACTERS = 32 * 1024 * 1024

_HOW = "Put the whole input, as plain text, into `input`."


def wrapped(text: str) -> str:
    """Free text as the arguments of the function that stands for the tool."""
    return text_json.text({"input": text})


def as_function(tool: Tool) -> Tool:
    """The function that stands for a freeform tool."""
    said = [piece for piece in (tool.description, _HOW, _grammar(tool.grammar)) if piece]
    schema = {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The input, as plain text."}},
        "required": ["input"],
        "additionalProperties": False,
    }
    return replace(
        tool,
        kind=ToolKind.FUNCTION,
        description="\n\n".join(said),
        schema=schema,
        grammar=None,
        strict=None,
    )


def _grammar(grammar: Mapping[str, Any] | None) -> str:
    if not grammar:
        return ""
    syntax, definition = grammar.get("syntax"), grammar.get("definition")
    if not isinstance(definition, str):
        return f"The input must match this grammar:\n\n{text_json.text(dict(grammar))}"
    kind = f" {syntax}" if isinstance(syntax, str) else ""
    return f"The input must match this{kind} grammar:\n\n{definition}"


def unwrapped(arguments: str, name: str = "") -> str:
    """The free text in the whole arguments of the function of that name."""
    unwrapper = Unwrapper(name)
    return unwrapper.feed(arguments) + unwrapper.close()


_SPACE = r"\s{0,50}"
_HEAD = re.compile(rf'{_SPACE}\{{{_SPACE}"(?:{"|".join(_STREAMED_KEYS)})"{_SPACE}:{_SPACE}"')
_PLAIN = re.compile(r'[^"\\]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\]*+)*+')
_UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Unwrapper:
    """`feed` the arguments as they come, `close` at their end; both give the next of the text.

    The pieces together are the same however the arguments were cut. NotUnderstood beyond
    MOST_KEPT_CHARACTERS. `name` is the tool's: a list that begins with it is a command line.
    """

    __slots__ = ("_kept", "_name", "_read", "_size")

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._kept: list[str] = []  # what came and could not be read yet
        self._size = 0
        self._read = self._look

    def feed(self, text: str) -> str:
        return self._read(text)

    def close(self) -> str:
        """What is left: of a text whose end never came, or of arguments that did not stream."""
        rest = "".join(self._kept)
        if self._read == self._string:
            return _decoded(rest) if _PLAIN.fullmatch(rest) else rest
        return "" if self._read == self._after else _whole(rest, self._name)

    # Each of these reads in one phase: look for the string, keep everything, the string, behind it.

    def _look(self, text: str) -> str:
        self._keep(text)
        if self._size > len(text):
            text = "".join(self._kept)
        found = _HEAD.match(text)
        if found is not None:
            self._kept, self._read = [], self._string
            return self._string(text[found.end() :])
        self._kept = [text]
        if self._size > _MOST_HEAD_CHARACTERS:
            self._read = self._keep
        return ""

    def _keep(self, text: str) -> str:
        self._kept.append(text)
        self._size += len(text)
        if self._size > MOST_KEPT_CHARACTERS:
            raise NotUnderstood("The arguments of a call of the upstream are too large.")
        return ""

    def _string(self, text: str) -> str:
        text = "".join((*self._kept, text))
        self._kept = []
        pieces: list[str] = []
        at = 0
        while True:
            plain = _PLAIN.match(text, at)
            assert plain is not None
            end = plain.end()
            open_end = end == len(text) or _UNFINISHED.fullmatch(text, end) is not None
            if open_end:
                end -= _half_a_pair(text, at, end)
            pieces.append(_decoded(text[at:end]))
            if open_end:
                self._kept = [text[end:]] if end < len(text) else []
                break
            if text[end] == '"':
                self._read = self._after
                break
            pieces.append(text[end : end + 2])  # no escape of JSON, but what the model meant
            at = end + 2
        return "".join(pieces)

    def _after(self, text: str) -> str:
        return ""


def _half_a_pair(text: str, start: int, end: int) -> int:
    """The length of an escaped first half of a surrogate pair at the end of the piece, or 0."""
    at = end - 6
    if at < start or _HIGH_SURROGATE.match(text, at) is None:
        return 0
    before = at
    while before > start and text[before - 1] == "\\":
        before -= 1
    return 6 if (at - before) % 2 == 0 else 0


def _decoded(escaped: str) -> str:
    if "\\" not in escaped:
        return escaped
    decoded: str = json.loads(f'"{escaped}"', strict=False)
    return _SURROGATE.sub("\ufffd", decoded)


def _whole(arguments: str, name: str) -> str:
    """The text in arguments that are complete, of whatever form."""
    try:
        value = json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        return arguments
    found = _text_in(value, name)
    return arguments if found is None else _SURROGATE.sub("\ufffd", found)


def _text_in(value: object, name: str) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    for key in KEYS:
        found = value.get(key)
        if isinstance(found, str):
            return found
        if isinstance(found, list) and all(isinstance(line, str) for line in found):
            return "\n".join(found[1:] if found[:1] == [name] else found)
    return None if value else ""
