"""Parts of a request as content blocks, and nothing that the API would refuse.

Refused are: empty and blank texts, a file of another provider, sound and film (NotUnderstood: a
request that is about them cannot be answered without them). A picture or a document of a kind that
the model cannot read is replaced by a sentence that says so, for the model would else make one up.
"""

import base64
from typing import Any, assert_never

from translators import text_json
from translators.anthropic.citations import OWN, written_search
from translators.anthropic.vocabulary import IMAGE_TYPES
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, of_part
from translators.canonical.parts import (
    CacheMark,
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Role
from translators.canonical.sealed import Sealed
from translators.media import parse_data_url, sniffed, standard_type
from translators.protocol import NotUnderstood

Block = dict[str, Any]

_UNSIGNED = "reasoning that another model signed, or nobody"
UNSEALED = Loss(Neutral.REASONING, LossKind.UNSEALED, _UNSIGNED)
BLANK = Loss(Neutral.TEXT, LossKind.DROPPED, "a text of nothing but white space or a mark")
FENCED = Loss(Neutral.DOCUMENT, LossKind.CHANGED, "a document of text became text")
NO_DETAIL = Loss(Neutral.MEDIA_DETAIL, LossKind.DROPPED)
RAW_ARGUMENTS = Loss(Neutral.ARGUMENTS, LossKind.CHANGED, "they are no JSON object")
NO_SEARCH = Loss(Neutral.SEARCH, LossKind.DROPPED, "a search that another provider ran")
AS_TEXT = Loss(Neutral.REFUSAL, LossKind.CHANGED, "a refusal became text")
NO_CITATIONS = Loss(Neutral.CITATIONS, LossKind.DROPPED, "not beside a format of the answer")
NO_SOURCE = Loss(Neutral.CITATIONS, LossKind.DROPPED, "a source that another provider found")
EMPTY_ERROR = Loss(Neutral.RESULT, LossKind.ADDED, "an error without words got one")

_UNREAD = "a kind of file that the model cannot read"
_UNREADABLE = {
    MediaKind.IMAGE: "[An image was left out: this model cannot read it.]",
    MediaKind.DOCUMENT: "[A document was left out: this model cannot read it.]",
}
_REFUSED = {
    MediaKind.AUDIO: "Audio cannot be sent to this model.",
    MediaKind.VIDEO: "Video cannot be sent to this model.",
}
# Who alone can have said a part.
_SPOKEN_BY: dict[type[Part], Role] = {
    Reasoning: Role.ASSISTANT,
    ToolCall: Role.ASSISTANT,
    ToolResult: Role.USER,
    SearchCall: Role.ASSISTANT,
}
_WEB = ("https://", "http://")
_TEXT_TYPES = ("application/json", "application/xml", "application/x-yaml", "application/yaml")


class BlockWriter:
    """Writes the blocks of one request. `losses` grows; `formatted`: the answer has a format,
    beside which the API permits no citations."""

    def __init__(self, capabilities: Capabilities, *, formatted: bool, losses: list[Loss]) -> None:
        self._capabilities = capabilities
        self._family = capabilities.family or OWN
        self._formatted = formatted
        self.losses = losses

    def blocks(self, role: Role, parts: tuple[Part, ...]) -> list[Block]:
        return [block for part in parts for block in self._part(role, part)]

    def _part(self, role: Role, part: Part) -> list[Block]:
        if _SPOKEN_BY.get(type(part), role) is not role:
            note = "a part that another must have said"
            self.losses.append(Loss(of_part(part), LossKind.DROPPED, note))
            return []
        match part:
            case Text():
                return self.text(part)
            case Media():
                return self._media(part, readable=role is Role.USER)
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return [self._result(part)]
            case Refusal():
                self.losses.append(AS_TEXT)
                return self.text(Text(part.text))
            case SearchCall():
                return self._search(part)
            case Opaque():
                return self._opaque(part)
            case _:
                assert_never(part)

    # ------------------------------------------------------------------------------------- text

    def text(self, part: Text) -> list[Block]:
        if part.sealed is not None:
            self.losses.append(UNSEALED)
        if not part.text.strip():
            if part.text or part.cache is not None:
                self.losses.append(BLANK)
            return []
        block: Block = {"type": "text", "text": part.text}
        if part.citations and (cited := self._citations(part)):
            block["citations"] = cited
        return [_marked(block, part.cache)]

    def _citations(self, part: Text) -> list[Block]:
        """Those that this dialect wrote. A page that another provider found has no seal, which the
        API asks for. `file_id` stands in answers only."""
        own = [
            dict(citation.native)
            for citation in part.citations
            if citation.issuer == OWN and citation.native is not None
        ]
        if len(own) < len(part.citations):
            self.losses.append(NO_SOURCE)
        return [{name: v for name, v in one.items() if name != "file_id"} for one in own]

    # ------------------------------------------------------------------------- images, documents

    def _media(self, part: Media, *, readable: bool) -> list[Block]:
        if (refusal := _REFUSED.get(part.kind)) is not None:
            raise NotUnderstood(refusal, param=Neutral(part.kind))
        if part.sealed is not None:
            self.losses.append(UNSEALED)
        if part.detail not in (None, "auto"):
            self.losses.append(NO_DETAIL)
        source = self._source(part) if readable else None
        if source is None:
            self.losses.append(Loss(of_part(part), LossKind.DROPPED, _UNREAD))
            return [_marked({"type": "text", "text": _UNREADABLE[part.kind]}, part.cache)]
        if part.kind is MediaKind.IMAGE:
            return [_marked({"type": "image", "source": source}, part.cache)]
        return self._document(part, source)

    def _source(self, part: Media) -> Block | None:
        """Where the bytes are, as the API wants it told; None where it cannot read them."""
        source = part.source
        match source:
            case Plain():
                return _plain(source.text) if part.kind is MediaKind.DOCUMENT else None
            case Filed():
                if source.issuer != OWN:
                    message = "A file that another provider stores cannot be sent to this model."
                    raise NotUnderstood(message, param=Neutral.FILE)
                found: Block | None = {"type": "file", "file_id": source.id}
            case Located():
                inline = parse_data_url(source.url)
                if inline is not None:
                    found = self._inline(part.kind, inline.base64, inline.media_type)
                elif source.url.lower().startswith(_WEB):
                    found = {"type": "url", "url": source.url}
                else:
                    found = None
            case Inline():
                found = self._inline(part.kind, source.base64, part.media_type)
            case _:
                assert_never(source)
        by_url = (found or {}).get("type") == "url"
        can_read = self._capabilities.images and (self._capabilities.image_urls or not by_url)
        if part.kind is MediaKind.DOCUMENT:
            can_read = self._capabilities.documents or (found or {}).get("type") == "text"
        return found if can_read else None

    def _inline(self, kind: MediaKind, data: str, declared: str | None) -> Block | None:
        """The type is what the first bytes show: the API refuses a label that does not match."""
        media_type = sniffed(data) or standard_type(declared or "")
        accepted = IMAGE_TYPES if kind is MediaKind.IMAGE else {"application/pdf"}
        if media_type in accepted:
            return {"type": "base64", "media_type": media_type, "data": data}
        is_text = media_type.startswith("text/") or media_type in _TEXT_TYPES
        if kind is MediaKind.DOCUMENT and is_text:
            return _decoded(data)
        return None

    def _document(self, part: Media, source: Block) -> list[Block]:
        if source["type"] == "text" and not source["data"].strip():
            self.losses.append(BLANK)
            return []
        if source["type"] == "text" and not self._capabilities.documents:
            self.losses.append(FENCED)
            return [_marked({"type": "text", "text": _fenced(part, source["data"])}, part.cache)]
        block: Block = {"type": "document", "source": source}
        if title := part.title or part.name:
            block["title"] = title
        if part.context:
            block["context"] = part.context
        if part.cited and self._formatted:
            self.losses.append(NO_CITATIONS)
        elif part.cited:
            block["citations"] = {"enabled": True}
        return [_marked(block, part.cache)]

    # --------------------------------------------------------------------------------- reasoning

    def _is_own(self, sealed: Sealed | None) -> bool:
        return sealed is not None and sealed.issuer == self._family

    def _reasoning(self, part: Reasoning) -> list[Block]:
        sealed = part.sealed
        if sealed is None or not self._is_own(sealed):
            self.losses.append(UNSEALED)
            return []
        if part.redacted:
            return [{"type": "redacted_thinking", "data": sealed.payload}]
        return [{"type": "thinking", "thinking": part.text, "signature": sealed.payload}]

    # -------------------------------------------------------------------------- calls and results

    def _call(self, part: ToolCall) -> list[Block]:
        if part.sealed is not None:
            self.losses.append(UNSEALED)
        block = {"type": "tool_use", "id": part.id, "name": part.name, "input": self._input(part)}
        return [_marked(block, part.cache)]

    def _input(self, part: ToolCall) -> dict[str, Any]:
        given = call_input(part)
        if given is None:
            self.losses.append(RAW_ARGUMENTS)
            return {"input": part.arguments}
        return given

    def _result(self, part: ToolResult) -> Block:
        content: list[Block] = []
        for inside in part.parts:
            if isinstance(inside, Text):
                content += self.text(inside)
            else:
                content += self._media(inside, readable=True)
        if part.is_error and not content:
            self.losses.append(EMPTY_ERROR)
            content = [{"type": "text", "text": "[error]"}]
        block: Block = {"type": "tool_result", "tool_use_id": part.call_id}
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return _marked(block, part.cache)

    # ------------------------------------------------------------------------ what only we have

    def _search(self, part: SearchCall) -> list[Block]:
        """Only what this dialect found: each result must come back with its seal."""
        own = all(self._is_own(found.sealed) for found in part.found)
        if not own or not part.id.startswith("srvtoolu_"):
            self.losses.append(NO_SEARCH)
            return []
        asked, result = written_search(part, part.id, self.losses)
        return [asked, result] if part.found or part.error else [asked]

    def _opaque(self, part: Opaque) -> list[Block]:
        if part.issuer != OWN:
            self.losses.append(not_ours(part))
            return []
        return [dict(part.data)]


def not_ours(part: Opaque) -> Loss:
    return Loss(of_part(part), LossKind.DROPPED, "a part that only its own dialect knows")


def call_input(part: ToolCall) -> dict[str, Any] | None:
    """The arguments as the object that they must be; None where they are none."""
    if part.kind is ToolKind.FREEFORM:
        return {"input": part.arguments}
    if not part.arguments.strip():
        return {}
    try:
        given = text_json.loads(part.arguments)
    except ValueError:
        return None
    return given if isinstance(given, dict) else None


def _marked(block: Block, mark: CacheMark | None) -> Block:
    if mark is not None:
        block["cache_control"] = cache_control(mark)
    return block


def cache_control(mark: CacheMark) -> Block:
    written: Block = {"type": "ephemeral"}
    if mark.ttl in ("5m", "1h"):
        written["ttl"] = mark.ttl
    return written


def _plain(text: str) -> Block:
    return {"type": "text", "media_type": "text/plain", "data": text}


def _decoded(data: str) -> Block | None:
    try:
        return _plain(base64.b64decode(data).decode())
    except ValueError:
        return None


def _fenced(part: Media, text: str) -> str:
    """A document as text, in a fence longer than any in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    head = "\n".join(line for line in (part.title or part.name, part.context) if line)
    fenced = f"{fence}\n{text}\n{fence}"
    return f"{head}\n{fenced}" if head else fenced
