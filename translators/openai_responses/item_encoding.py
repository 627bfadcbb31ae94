"""Turns written as the input items of an upstream request.

Items stand in the order of the parts; the texts between two other parts of an assistant's turn are
one message (1.12). Nothing is stored at the upstream, so items carry no id: it would be looked for
there and not found (6.11). Reasoning goes back only sealed by this upstream's own family.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, assert_never

from translators import text_json
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.loss import Loss, LossKind, Neutral, of_part
from translators.canonical.parts import (
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Role, Turn
from translators.canonical.sealed import Sealed
from translators.openai_responses import builtin
from translators.openai_responses.citations import annotation, is_sayable
from translators.openai_responses.media_encoding import encode_media
from translators.openai_responses.searches import search_item
from translators.openai_responses.vocabulary import CONTENT, NAME

Item = dict[str, Any]

# What stands before a failed result where the dialect has no field to say that it failed.
_TOOL_ERROR = "[tool error] "


class Writing:
    """The items so far, and the message that is still growing."""

    def __init__(self, capabilities: Capabilities, losses: list[Loss]) -> None:
        self.items: list[Item] = []
        self._capabilities = capabilities
        self._family = capabilities.family or NAME
        self._losses = losses
        self._role = ""
        self._content: list[Item] = []

    def write(self, turns: Sequence[Turn]) -> None:
        for turn in turns:
            if turn.name is not None:
                self._losses.append(Loss(Neutral.SPEAKER, LossKind.DROPPED))
            self._role = self._spoken(turn.role)
            for part in turn.parts:
                self._part(part)
            self._flush()
            self._unfollowed()

    def _spoken(self, role: Role) -> str:
        if role is Role.SYSTEM:
            return "developer" if self._capabilities.developer_role else "system"
        return role.value

    def _flush(self) -> None:
        if self._content:
            message = {"type": "message", "role": self._role, "content": self._content}
            self.items.append(message)
            self._content = []

    def _unfollowed(self) -> None:
        """Reasoning at the end of a turn is refused: what it was for was never said."""
        while self.items and self.items[-1]["type"] == "reasoning":
            self.items.pop()
            self._lost(Neutral.REASONING, note="nothing follows it")

    def _add(self, item: Item) -> None:
        self._flush()
        self.items.append(item)

    def _lost(self, field: str, kind: LossKind = LossKind.DROPPED, note: str = "") -> None:
        self._losses.append(Loss(field, kind, note))

    def _part(self, part: Part) -> None:
        match part:
            case Text():
                self._text(part)
            case Media():
                self._media(part)
            case Refusal():
                self._refusal(part)
            case Reasoning():
                self._reasoning(part)
            case ToolCall():
                self._call(part)
            case ToolResult():
                self._result(part)
            case SearchCall():
                self._search(part)
            case Opaque():
                self._opaque(part)
            case _:
                assert_never(part)

    def _text(self, part: Text) -> None:
        self._marks(part.sealed, part.cache is not None)
        if not part.text:
            return
        if self._role != "assistant":
            self._content.append({"type": "input_text", "text": part.text})
            return
        cited = [c for c in part.citations if is_sayable(c)]
        if len(cited) < len(part.citations):
            self._lost(Neutral.CITATIONS)
        notes = [annotation(c, len(part.text)) for c in cited]
        self._content.append({"type": "output_text", "text": part.text, "annotations": notes})

    def _refusal(self, part: Refusal) -> None:
        if part.text and self._role == "assistant":
            self._content.append({"type": "refusal", "refusal": part.text})
        elif part.text:
            self._content.append({"type": "input_text", "text": part.text})

    def _marks(self, sealed: Sealed | None, cached: bool) -> None:
        """What stands beside a part and has no place here: its seal, and the wish to cache."""
        if sealed is not None:
            self._lost(Neutral.REASONING, LossKind.UNSEALED)
        if cached:
            self._lost(Neutral.CACHE, note="caching is automatic")

    def _media(self, part: Media) -> None:
        """What the model itself made is shown to it as the user's: its turns hold text alone."""
        self._marks(part.sealed, part.cache is not None)
        content = encode_media(part, self._capabilities, self._losses)
        if self._role != "assistant":
            self._content.extend(content)
            return
        self._lost(of_part(part), LossKind.CHANGED, "the model's, shown as the user's")
        self._add({"type": "message", "role": "user", "content": content})

    def _reasoning(self, part: Reasoning) -> None:
        sealed = part.sealed
        if sealed is None:
            if part.text:
                self._lost(Neutral.REASONING, note="it is not sealed")
        elif sealed.issuer != self._family:
            self._lost(Neutral.REASONING, LossKind.UNSEALED)
        elif self._capabilities.thinking is Thinking.NONE:
            self._lost(Neutral.REASONING, note="the model does not reason")
        else:
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            self._add(
                {"type": "reasoning", "summary": summary, "encrypted_content": sealed.payload}
            )

    def _call(self, part: ToolCall) -> None:
        self._marks(part.sealed, part.cache is not None)
        if part.origin in builtin.TOOLS:
            item = builtin.call_item(part, part.origin)
            if part.origin == "local_shell":
                item = {"type": item.pop("type"), "id": part.item_id or part.id, **item}
            self._add(item)
            return
        if part.kind is ToolKind.FREEFORM:
            item = {"type": "custom_tool_call", "input": part.arguments}
        else:
            item = {"type": "function_call", "arguments": part.arguments or "{}"}
        item |= {"call_id": part.id, "name": part.name}
        if part.namespace is not None:
            item["namespace"] = part.namespace
        self._add(item)

    def _result(self, part: ToolResult) -> None:
        if part.cache is not None:
            self._lost(Neutral.CACHE, note="caching is automatic")
        if part.origin in builtin.TOOLS:
            for media in builtin.media_of(part):
                self._lost(of_part(media), note="a built-in tool answers with text")
            self._add(builtin.output_item(part, part.origin))
            return
        failed = part.is_error and part.kind is ToolKind.FREEFORM
        if failed:
            note = "said in the text, the item has no field for it"
            self._lost(Neutral.RESULT_ERROR, LossKind.CHANGED, note)
        output = self._output(part, _TOOL_ERROR if failed else "")
        if part.kind is ToolKind.FREEFORM:
            self._add(
                {"type": "custom_tool_call_output", "call_id": part.call_id, "output": output}
            )
            return
        item = {"type": "function_call_output", "call_id": part.call_id, "output": output}
        if part.is_error:
            item["status"] = "incomplete"
        self._add(item)

    def _output(self, part: ToolResult, prefix: str) -> str | list[Item]:
        """Text alone is a string, which every upstream takes; with media it is a list (2.14)."""
        texts = [p.text for p in part.parts if isinstance(p, Text)]
        if not builtin.media_of(part):
            return prefix + "\n".join(texts)
        content: list[Item] = [{"type": "input_text", "text": prefix.strip()}] if prefix else []
        for piece in part.parts:
            if isinstance(piece, Media):
                content.extend(encode_media(piece, self._capabilities, self._losses))
            elif piece.text:
                content.append({"type": "input_text", "text": piece.text})
        return content

    def _search(self, part: SearchCall) -> None:
        if not self._capabilities.web_search:
            self._lost(Neutral.SEARCH)
            return
        if any(found.sealed is not None or found.title for found in part.found):
            self._lost(Neutral.SEARCH_FOUND, note="only the addresses are told")
        self._add({"id": _search_id(part), **search_item(part, bool(part.found))})

    def _opaque(self, part: Opaque) -> None:
        if part.issuer != NAME:
            self._lost(of_part(part))
        elif part.type.startswith(CONTENT):
            self._content.append(dict(part.data))
        else:
            self._add(dict(part.data))


def _search_id(part: SearchCall) -> str:
    """The one item that must have an id; it is not looked for."""
    if part.id.startswith("ws_"):
        return part.id
    return "ws_" + sha256(text_json.dumps([part.id, part.queries])).hexdigest()[:48]
