"""Messages of a request, read into turns: one turn for each, in their order.

The older `function_call` and `role: function` have no ids. A call gets one from its place, and a
result that of the oldest call of its name which still waits, so that both are as good as new ones.
"""

from collections import deque

from translators import carry, text_json
from translators.canonical.parts import (
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Role, Turn
from translators.canonical.sealed import Sealed
from translators.fields import inner
from translators.openai_chat.request_fields import Fields, wrong
from translators.openai_chat.request_parts import ContentPart, cache_mark, citations, content
from translators.openai_chat.response_parts import SIGNER
from translators.openai_chat.vocabulary import NAME, ROLES
from translators.protocol import NotUnderstood


def read_turns(body: Fields) -> tuple[Turn, ...]:
    """The turns of a body's `messages`."""
    messages = body.objects("messages")
    if not messages:
        raise NotUnderstood("'messages' must hold at least one message.", param="messages")
    waiting: dict[str, deque[str]] = {}
    return tuple(_turn(message, index, waiting) for index, message in enumerate(messages))


def _turn(message: Fields, index: int, waiting: dict[str, deque[str]]) -> Turn:
    word = message.needed_text("role")
    role = ROLES.get(word)
    if role is None:
        raise wrong(message.at("role"), "one of " + ", ".join(ROLES))
    name = message.text("name") or None
    parts: list[Part]
    if word == "tool":
        id = message.needed_text("tool_call_id")
        parts, name = [_result(message, id, name)], None
    elif word == "function":
        named = message.needed_text("name")
        ids = waiting.get(named)
        id = ids.popleft() if ids else f"call_unasked_{index}"
        parts, name = [_result(message, id, named)], None
    elif role is Role.ASSISTANT:
        parts = _assistant(message, index, waiting)
    else:
        parts = _marked(content(message), message)
    message.done()
    return Turn(role, tuple(parts), name)


def _marked(parts: list[ContentPart], message: Fields) -> list[Part]:
    """A mark on the message stands for one on its last part."""
    mark = cache_mark(message)
    if mark is None:
        return [*parts]
    match parts:
        case [*before, Text(text)]:
            return [*before, Text(text, cache=mark)]
        case _:
            message.lose("cache_control")
            return [*parts]


def _result(message: Fields, id: str, name: str | None) -> ToolResult:
    parts: list[Text | Media] = []
    for part in content(message):
        match part:
            case Text() | Media():
                parts.append(part)
            case Refusal(text):
                parts.append(Text(text))
            case Opaque():
                message.lose("content[]", note="a part of a tool's result that is not known")
    return ToolResult(id, tuple(parts), name=name, cache=cache_mark(message))


# --------------------------------------------------------------------------- the assistant's own


def _assistant(message: Fields, index: int, waiting: dict[str, deque[str]]) -> list[Part]:
    parts: list[Part] = []
    first, second = message.text("reasoning_content"), _reasoning(message)
    if thought := first or second:
        parts.append(Reasoning(thought))
    parts += _cited(_marked(content(message), message), message)
    if refusal := message.text("refusal"):
        parts.append(Refusal(refusal))
    if (audio := message.mapping("audio")) is not None:
        parts.append(Opaque(NAME, "audio", audio))
    parts += [_call(call) for call in message.objects("tool_calls")]
    if (older := message.inner("function_call")) is not None:
        name = older.needed_text("name")
        id = f"call_older_{index}"
        waiting.setdefault(name, deque()).append(id)
        parts.append(ToolCall(id, name, _arguments(older, "arguments")))
        older.done()
    return parts


def _reasoning(message: Fields) -> str | None:
    """`reasoning` is a text at some servers and an object at others."""
    value = message.value.get("reasoning")
    return message.text("reasoning") if value is None or isinstance(value, str) else None


def _cited(parts: list[Part], message: Fields) -> list[Part]:
    found = citations(message.value.get("annotations"))
    match parts:
        case [Text(text) as only]:
            message.ignore("annotations")
            return [Text(text, found, only.sealed, only.cache)]
        case _:
            if not found:
                message.ignore("annotations")
            return parts


def _call(call: Fields) -> ToolCall:
    id = call.needed_text("id")
    kind = call.text("type")
    call.ignore("index")  # clients leave it on calls that they put together from a stream
    custom = kind == "custom" or (kind is None and "custom" in call.value)
    if not custom and kind not in (None, "function"):
        raise wrong(call.at("type"), "one of function, custom")
    holder = call.needed("custom" if custom else "function")
    name = holder.needed_text("name")
    sealed = _signature(call)
    if custom:
        made = ToolCall(id, name, holder.text("input") or "", kind=ToolKind.FREEFORM, sealed=sealed)
    else:
        made = ToolCall(id, name, _arguments(holder, "arguments"), sealed=sealed)
    holder.done()
    call.done()
    return made


def _arguments(holder: Fields, name: str) -> str:
    """The model's own text. Some clients send the object that it stands for."""
    value = holder.take(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return text_json.text(value)
    raise wrong(holder.at(name), "a string")


def _signature(call: Fields) -> Sealed | None:
    value = inner(inner(call.value.get("extra_content")).get("google")).get("thought_signature")
    if not isinstance(value, str) or not value:
        return None
    call.ignore("extra_content")
    return carry.opened(value, SIGNER)
