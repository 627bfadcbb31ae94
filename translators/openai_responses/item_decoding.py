"""The input items of a request, read into turns.

Here a conversation is a list of items, not of turns. What a model made (messages, reasoning, calls)
stands item by item: neighbours among them are one turn of the assistant, as they were one answer,
and neighbouring outputs of tools are one turn of the user. Messages of users and operators are one
turn each.

Items of a kind not known here stay opaque, for this dialect alone. Items that only mean something
to a server that keeps the conversation are refused.
"""

from collections.abc import Callable
from typing import Any

from translators.canonical.loss import Loss
from translators.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import AnyTool, Role, Turn
from translators.canonical.sealed import Sealed
from translators.openai_responses import builtin, seals
from translators.openai_responses.part_decoding import decode_content, decode_output
from translators.openai_responses.searches import read_search
from translators.openai_responses.tool_decoding import decode_tools
from translators.openai_responses.typed import (
    entries,
    lost,
    mapping,
    optional,
    said,
    strings,
    unknown,
    wanted,
)
from translators.openai_responses.vocabulary import NAME, ROLES
from translators.protocol import NotUnderstood

Item = dict[str, Any]

_MESSAGE = frozenset({"type", "role", "content", "id", "status", "phase"})
_REASONING = frozenset({"type", "id", "summary", "content", "encrypted_content", "status"})
_CALL = frozenset({"type", "id", "call_id", "name", "namespace", "status", "created_by"})
_OUTPUT = frozenset({"type", "id", "call_id", "output", "name", "namespace", "status", "caller"})
_FUNCTION = _CALL | {"arguments", "caller", "async"}
_CUSTOM = _CALL | {"input", "caller", "async"}
_SEARCH = frozenset({"type", "id", "status", "action"})
_SEARCHED = frozenset({"type", "query", "queries", "sources"})
_BUILT_IN = frozenset(
    {
        "type",
        "id",
        "call_id",
        "status",
        "caller",
        "created_by",
        "environment",
        "action",
        "operation",
        "output",
        "max_output_length",
    }
)
# Of a picture that was made its bytes and their format count; how it was asked for does not.
_PICTURE = frozenset(
    {
        "type",
        "id",
        "status",
        "result",
        "output_format",
        "revised_prompt",
        "action",
        "background",
        "quality",
        "size",
    }
)
_ADDED_TOOLS = frozenset({"type", "id", "role", "tools"})
_DIRECT = frozenset({"type"})
_SHOWN = frozenset({"type", "text"})

# Items whose meaning is kept at the upstream, or which ask the server itself for something.
_REFUSED = {
    "item_reference": "Items of an earlier response cannot be referred to here: send them again.",
    "compaction_trigger": "This model's provider cannot compact a conversation.",
    "agent_message": "Encrypted messages between agents cannot be read by this model's provider.",
}


class Reading:
    """What was read of the items so far."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.tools: list[AnyTool] = []
        self.losses: list[Loss] = []
        self._role: Role | None = None  # of the turn that is still growing
        self._parts: list[Part] = []
        self._call_ids: dict[str, str] = {}  # of local shell calls, by their items' ids
        self._hosted: set[str] = set()  # calls of shells that the provider ran

    def read(self, items: list[Any]) -> None:
        for place, item in enumerate(items):
            path = f"input[{place}]"
            self._item(mapping(item, path), path)
        self._close()

    # ------------------------------------------------------------------------------------- turns

    def _close(self) -> None:
        if self._role is not None and self._parts:
            self.turns.append(Turn(self._role, tuple(self._parts)))
        self._role = None
        self._parts = []

    def _grow(self, role: Role, parts: tuple[Part, ...]) -> None:
        if self._role is not role:
            self._close()
            self._role = role
        self._parts.extend(parts)

    # ------------------------------------------------------------------------------------- items

    def _item(self, item: Item, path: str) -> None:
        kind = said(item.get("type"), f"{path}.type")
        if kind is None:
            kind = "message" if "role" in item or "content" in item else "item_reference"
        if kind in _REFUSED:
            raise NotUnderstood(_REFUSED[kind], param=path)
        if (read := _READERS.get(kind)) is not None:
            read(self, item, path)
        elif kind in builtin.CALL_TYPES:
            self._built_in_call(item, builtin.CALL_TYPES[kind], path)
        elif kind in builtin.OUTPUT_TYPES:
            self._built_in_output(item, builtin.OUTPUT_TYPES[kind], path)
        else:
            self._opaque(item, kind)

    def _opaque(self, item: Item, kind: str) -> None:
        answers = kind.endswith(("_output", "_response"))
        self._grow(Role.USER if answers else Role.ASSISTANT, (Opaque(NAME, kind, item),))

    def message(self, item: Item, path: str) -> None:
        unknown(item, _MESSAGE, path, self.losses)
        role = ROLES.get(wanted(item.get("role"), f"{path}.role"))
        if role is None:
            raise NotUnderstood(f"Invalid value for '{path}.role'.", param=f"{path}.role")
        parts = decode_content(item.get("content"), f"{path}.content", self.losses)
        if role is Role.ASSISTANT:
            self._grow(role, parts)
            return
        self._close()
        if parts:
            self.turns.append(Turn(role, parts))

    def reasoning(self, item: Item, path: str) -> None:
        unknown(item, _REASONING, path, self.losses)
        shown = self._texts(item.get("summary"), f"{path}.summary")
        shown = shown or self._texts(item.get("content"), f"{path}.content")
        encrypted = said(item.get("encrypted_content"), f"{path}.encrypted_content")
        read = seals.read_reasoning(
            "\n\n".join(shown), encrypted, said(item.get("id"), f"{path}.id")
        )
        if isinstance(read, Sealed):
            if self._role is Role.ASSISTANT:
                seals.put_back(self._parts, read)
        elif read.text or read.sealed is not None:
            self._grow(Role.ASSISTANT, (read,))

    def function_call(self, item: Item, path: str) -> None:
        unknown(item, _FUNCTION, path, self.losses)
        self._caller(item, path)
        call = ToolCall(
            wanted(item.get("call_id"), f"{path}.call_id"),
            wanted(item.get("name"), f"{path}.name"),
            said(item.get("arguments"), f"{path}.arguments") or "",
            namespace=said(item.get("namespace"), f"{path}.namespace"),
            item_id=said(item.get("id"), f"{path}.id"),
        )
        self._grow(Role.ASSISTANT, (call,))

    def custom_tool_call(self, item: Item, path: str) -> None:
        unknown(item, _CUSTOM, path, self.losses)
        self._caller(item, path)
        call = ToolCall(
            wanted(item.get("call_id"), f"{path}.call_id"),
            wanted(item.get("name"), f"{path}.name"),
            said(item.get("input"), f"{path}.input") or "",
            ToolKind.FREEFORM,
            namespace=said(item.get("namespace"), f"{path}.namespace"),
            item_id=said(item.get("id"), f"{path}.id"),
        )
        self._grow(Role.ASSISTANT, (call,))

    def _caller(self, item: Item, path: str) -> None:
        """Who called: the model itself, as everywhere, or a program of its own, as only here."""
        caller = optional(item.get("caller"), f"{path}.caller")
        if caller.get("type") not in (None, "direct"):
            lost(f"{path}.caller", self.losses)
        else:
            unknown(caller, _DIRECT, f"{path}.caller", self.losses)

    def function_call_output(self, item: Item, path: str) -> None:
        self._output(item, path, ToolKind.FUNCTION)

    def custom_tool_call_output(self, item: Item, path: str) -> None:
        self._output(item, path, ToolKind.FREEFORM)

    def _output(self, item: Item, path: str, kind: ToolKind) -> None:
        unknown(item, _OUTPUT, path, self.losses)
        self._caller(item, path)
        result = ToolResult(
            wanted(item.get("call_id"), f"{path}.call_id"),
            decode_output(item.get("output"), f"{path}.output", self.losses),
            said(item.get("status"), f"{path}.status") == "incomplete",
            said(item.get("name"), f"{path}.name"),
            kind,
        )
        self._grow(Role.USER, (result,))

    def _built_in_call(self, item: Item, kind: str, path: str) -> None:
        call_id = said(item.get("call_id"), f"{path}.call_id")
        call_id = call_id or wanted(item.get("id"), f"{path}.call_id")
        if builtin.runs_at_the_provider(item):
            self._hosted.add(call_id)
            self._opaque(item, f"{kind}_call")
            return
        self._built_in(item, path)
        call = builtin.call_of(item, kind, call_id)
        if call.item_id:
            self._call_ids[call.item_id] = call_id
        self._grow(Role.ASSISTANT, (call,))

    def _built_in_output(self, item: Item, kind: str, path: str) -> None:
        """A local shell's output names its call by `id`, which may be the call's item's."""
        call_id = said(item.get("call_id"), f"{path}.call_id")
        call_id = call_id or wanted(item.get("id"), f"{path}.call_id")
        if call_id in self._hosted:
            self._opaque(item, f"{kind}_call_output")
            return
        self._built_in(item, path)
        call_id = self._call_ids.get(call_id, call_id)
        self._grow(Role.USER, (builtin.result_of(item, kind, call_id),))

    def _built_in(self, item: Item, path: str) -> None:
        """What is said of a built-in tool's call or output besides what it is."""
        unknown(item, _BUILT_IN, path, self.losses)
        environment = optional(item.get("environment"), f"{path}.environment")
        unknown(environment, builtin.ENVIRONMENT, f"{path}.environment", self.losses)
        self._caller(item, path)

    def web_search_call(self, item: Item, path: str) -> None:
        action = optional(item.get("action"), f"{path}.action")
        strings(action.get("queries"), f"{path}.action.queries")
        said(item.get("id"), f"{path}.id")
        read = read_search(item)
        if not isinstance(read, Opaque):
            unknown(item, _SEARCH, path, self.losses)
            unknown(action, _SEARCHED, f"{path}.action", self.losses)
        self._grow(Role.ASSISTANT, (read,))

    def image_generation_call(self, item: Item, path: str) -> None:
        result = said(item.get("result"), f"{path}.result")
        if not result:
            self._opaque(item, "image_generation_call")
            return
        unknown(item, _PICTURE, path, self.losses)
        made = said(item.get("output_format"), f"{path}.output_format") or "png"
        picture = Media(MediaKind.IMAGE, Inline(result), f"image/{made}")
        self._grow(Role.ASSISTANT, (picture,))

    def additional_tools(self, item: Item, path: str) -> None:
        """Tools declared inside the conversation, as current Codex does."""
        unknown(item, _ADDED_TOOLS, path, self.losses)
        self.tools.extend(decode_tools(item.get("tools"), f"{path}.tools", self.losses))

    def _texts(self, value: object, param: str) -> list[str]:
        """The texts of a reasoning item's `summary` or `content`, without empty ones."""
        found = []
        for place, entry in enumerate(entries(value, param)):
            path = f"{param}[{place}]"
            part = mapping(entry, path)
            unknown(part, _SHOWN, path, self.losses)
            if text := wanted(part.get("text"), f"{path}.text"):
                found.append(text)
        return found


_READERS: dict[str, Callable[[Reading, Item, str], None]] = {
    "message": Reading.message,
    "reasoning": Reading.reasoning,
    "function_call": Reading.function_call,
    "custom_tool_call": Reading.custom_tool_call,
    "function_call_output": Reading.function_call_output,
    "custom_tool_call_output": Reading.custom_tool_call_output,
    "web_search_call": Reading.web_search_call,
    "image_generation_call": Reading.image_generation_call,
    "additional_tools": Reading.additional_tools,
}


def turns_of(value: object) -> Reading:
    """`input`: a text, or items."""
    reading = Reading()
    if isinstance(value, str):
        if value:
            reading.turns.append(Turn(Role.USER, (Text(value),)))
    else:
        reading.read(entries(value, "input"))
    return reading
