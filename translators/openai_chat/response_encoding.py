"""A whole answer, written as OpenAI's server writes it.

What the dialect has no official place for goes where its implementers put it: reasoning into
`reasoning_content`, images into `images`. Seals of reasoning are left out; the gateway keeps them.
"""

from typing import Any

from translators import text_json
from translators.canonical.loss import Encoded, Loss, LossKind, Neutral, of_part, unique
from translators.canonical.parts import (
    Citation,
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
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response
from translators.openai_chat.reasoning import SHOWN
from translators.openai_chat.response_parts import (
    JOINT,
    annotation,
    call_object,
    carried_signature,
    completion_id,
    finish_word,
    picture,
)
from translators.openai_chat.usage import write_usage
from translators.openai_chat.vocabulary import NAME

Json = dict[str, Any]

UNCITED = Loss(Neutral.CITATIONS, LossKind.DROPPED, "a source without an address")


def encode_response(response: Response, context: ReplyContext) -> Encoded:
    """The body, and what it could not say."""
    message = _Message(context)
    for part in response.parts:
        message.add(part)
    choice = {
        "index": 0,
        "message": message.written(),
        "logprobs": None,
        "finish_reason": finish_word(response.finish, bool(message.calls)),
    }
    body: Json = {
        "id": completion_id(context.seed),
        "object": "chat.completion",
        "created": context.created_at_s,
        "model": context.model,
        "choices": [choice],
    }
    if response.usage is not None:
        body["usage"] = write_usage(response.usage)
    body["system_fingerprint"] = None
    return Encoded(text_json.dumps(body), unique(message.losses))


class _Message:
    """The assistant's message, part by part."""

    def __init__(self, context: ReplyContext) -> None:
        self._shows = context.show_reasoning
        self._texts: list[str] = []
        self._length = 0  # characters of all texts
        self._apart = False  # something stood after the last text
        self._refusals: list[str] = []
        self._thoughts: list[str] = []
        self._annotations: list[Json] = []
        self._pictures: list[Json] = []
        self._audio: Json | None = None
        self.calls: list[Json] = []
        self.losses: list[Loss] = []

    def written(self) -> Json:
        silent = self.calls or self._refusals or self._audio is not None
        message: Json = {
            "role": "assistant",
            "content": None if silent and not self._texts else "".join(self._texts),
            "refusal": JOINT.join(self._refusals) if self._refusals else None,
            "annotations": self._annotations,
        }
        if self._thoughts:
            message[SHOWN] = JOINT.join(self._thoughts)
        if self._pictures:
            message["images"] = self._pictures
        if self._audio is not None:
            message["audio"] = self._audio
        if self.calls:
            message["tool_calls"] = self.calls
        return message

    def add(self, part: Part) -> None:
        match part:
            case Text():
                self._text(part)
                return
            case Reasoning():
                self._thoughts += [part.text] if part.text and self._shows else []
            case Refusal(text):
                self._refusals += [text] if text else []
            case ToolCall():
                self.calls.append(_call(part))
            case Media():
                self._media(part)
            case _:
                self._rest(part)
        self._apart = bool(self._texts)

    def _rest(self, part: Opaque | SearchCall | ToolResult) -> None:
        if isinstance(part, Opaque) and (part.issuer, part.type) == (NAME, "audio"):
            self._audio = dict(part.data)
        else:
            self.losses.append(unsayable(part))

    def _text(self, part: Text) -> None:
        if not part.text:
            return
        if self._apart:
            self._apart = False
            self._texts.append(JOINT)
            self._length += len(JOINT)
        start, self._length = self._length, self._length + len(part.text)
        self._texts.append(part.text)
        for citation in part.citations:
            self._cite(citation, start)

    def _cite(self, citation: Citation, start: int) -> None:
        made = annotation(citation, start, self._length)
        if made is None:
            self.losses.append(UNCITED)
        else:
            self._annotations.append(made)

    def _media(self, part: Media) -> None:
        made = picture(part, len(self._pictures))
        if made is None:
            self.losses.append(unsayable(part))
        else:
            self._pictures.append(made)


def _call(call: ToolCall) -> Json:
    made = call_object(call)
    if call.kind is ToolKind.FUNCTION:
        made["function"]["arguments"] = call.arguments or "{}"
    if call.sealed is not None:
        made["extra_content"] = carried_signature(call.sealed)
    return made


def unsayable(part: Media | Opaque | SearchCall | ToolResult) -> Loss:
    """The loss of a part for which this dialect's answers have no place."""
    match part:
        case SearchCall():
            note = "the search; its sources are cited"
        case Media():
            note = "answers hold images alone"
        case Opaque() | ToolResult():
            note = "a part that only another dialect knows"
    return Loss(of_part(part), LossKind.DROPPED, note)
