"""A whole answer of an upstream, every part of it.

Reading is tolerant: what is missing or of a wrong type counts as absent, an item of a kind not
known here is kept opaque. How the answer ended, what it used and why it failed is read by the same
functions that read it for the native path (observed.py).
"""

from typing import Any

from translators.canonical.failure import Failure
from translators.canonical.finish import Finish
from translators.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.response import Response
from translators.canonical.sealed import Sealed
from translators.canonical.stream import Failed, Finished, Metered, StreamEvent
from translators.canonical.usage import Usage
from translators.fields import text
from translators.openai_chat.failure import failure_inside
from translators.openai_chat.observed import read_answer
from translators.openai_responses import builtin
from translators.openai_responses.citations import read_citations
from translators.openai_responses.observed import Items, outcome_of
from translators.openai_responses.searches import read_search
from translators.openai_responses.vocabulary import CONTENT, HEARD_ERRORS, NAME
from translators.protocol import NotUnderstood


def decode_response(body: bytes, issuer: str) -> Response:
    """The answer to a request that was not streamed. `issuer` is put into its seals."""
    answer = read_answer(body)
    output = answer.get("output")
    if not isinstance(output, list):
        if error := answer.get("error"):
            told_of = failure_inside(error, HEARD_ERRORS)
            return Response(text(answer.get("id")), text(answer.get("model")), (), failure=told_of)
        raise NotUnderstood("The upstream's answer has no output.")
    parts = tuple(part for item in output for part in parts_of(item, issuer))
    finish, usage, failure = told(outcome_of(answer, Items(output)))
    return Response(
        text(answer.get("id")), text(answer.get("model")), parts, finish, usage, failure
    )


def told(events: list[StreamEvent]) -> tuple[Finish | None, Usage | None, Failure | None]:
    """Finish, usage and failure out of an outcome's events."""
    finish, usage, failure = None, None, None
    for event in events:
        match event:
            case Finished():
                finish = event.finish
            case Metered():
                usage = event.usage
            case Failed():
                failure = event.failure
            case _:
                pass
    return finish, usage, failure


def parts_of(item: object, issuer: str) -> list[Part]:
    """The parts of one output item; a message has one for each piece of its content."""
    if not isinstance(item, dict):
        return []
    kind = str(item.get("type"))
    if kind == "message":
        content = item.get("content")
        found = [content_part(c) for c in content] if isinstance(content, list) else []
        return [part for part in found if part is not None]
    if kind == "reasoning":
        thought = reasoning_of(item, issuer)
        return [thought] if thought is not None else []
    if (call := call_of(item, kind)) is not None:
        return [call]
    if kind == "web_search_call":
        return [read_search(item)]
    if kind == "image_generation_call" and (picture := text(item.get("result"))) is not None:
        made = text(item.get("output_format")) or "png"
        return [Media(MediaKind.IMAGE, Inline(picture), f"image/{made}")]
    return [Opaque(NAME, kind, item)]


def content_part(content: object) -> Part | None:
    """A piece of a message's content; None for an empty one."""
    if not isinstance(content, dict):
        return None
    kind = str(content.get("type"))
    if kind in ("output_text", "text"):
        said = text(content.get("text"))
        return Text(said, read_citations(content.get("annotations"))) if said else None
    if kind == "refusal":
        said = text(content.get("refusal"))
        return Refusal(said) if said else None
    if kind == "reasoning_text":
        said = text(content.get("text"))
        return Reasoning(said) if said else None
    return Opaque(NAME, CONTENT + kind, content)


def reasoning_of(item: dict[str, Any], issuer: str) -> Reasoning | None:
    """Summaries are joined by a blank line; raw reasoning is read where there are none."""
    shown = _texts(item.get("summary")) or _texts(item.get("content"))
    sealed = seal_of(item, issuer)
    if not shown and sealed is None:
        return None
    return Reasoning("\n\n".join(shown), sealed, id=text(item.get("id")))


def seal_of(item: dict[str, Any], issuer: str) -> Sealed | None:
    payload = text(item.get("encrypted_content"))
    return Sealed(issuer, payload) if payload is not None else None


def _texts(parts: object) -> list[str]:
    if not isinstance(parts, list):
        return []
    return [t for p in parts if isinstance(p, dict) and (t := text(p.get("text"))) is not None]


def call_of(item: dict[str, Any], kind: str) -> ToolCall | None:
    """The call that an item asks the caller for; None where it is no such item."""
    item_id = text(item.get("id"))
    call_id = text(item.get("call_id")) or item_id or ""
    if kind in builtin.CALL_TYPES:
        if builtin.runs_at_the_provider(item):
            return None
        return builtin.call_of(item, builtin.CALL_TYPES[kind], call_id)
    if kind == "function_call":
        given, tool_kind = item.get("arguments"), ToolKind.FUNCTION
    elif kind == "custom_tool_call":
        given, tool_kind = item.get("input"), ToolKind.FREEFORM
    else:
        return None
    return ToolCall(
        call_id,
        text(item.get("name")) or "",
        given if isinstance(given, str) else "",
        tool_kind,
        text(item.get("namespace")),
        item_id=item_id,
    )
