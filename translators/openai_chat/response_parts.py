"""The pieces that whole answers and streams have in common, read and written."""

import re
from collections.abc import Mapping
from typing import Any

from translators import carry, text_json
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Inline,
    Located,
    Media,
    MediaKind,
    ToolCall,
    ToolKind,
)
from translators.canonical.sealed import Sealed
from translators.fields import inner, text
from translators.media import data_url, parse_data_url, sniffed
from translators.openai_chat.vocabulary import SPOKEN_FINISH
from translators.protocol import NotUnderstood

Json = dict[str, Any]

# Between two texts that something else set apart. Texts that touch are pieces of one statement.
JOINT = "\n\n"

# Where Gemini's own server of this dialect keeps the signature of a call.
SIGNER = "gemini"

_NOT_IN_ID = re.compile(r"[^A-Za-z0-9]")

# ---------------------------------------------------------------------------------- reading


def texts_in(content: object) -> list[tuple[bool, str]]:
    """The texts of a content, each with whether it is reasoning (Mistral's `thinking` chunks)."""
    if isinstance(content, str):
        return [(False, content)] if content else []
    found: list[tuple[bool, str]] = []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        if (said := text(part.get("text"))) is not None:
            found.append((False, said))
        thought = part.get("thinking")
        if isinstance(thought, list):
            found += [(True, piece) for _, piece in texts_in(thought)]
        elif isinstance(thought, str) and thought:
            found.append((True, thought))
    return found


def signature_in(call: Mapping[str, Any], issuer: str) -> Sealed | None:
    """The signature that Gemini's server of this dialect puts on a call."""
    signed = text(inner(inner(call.get("extra_content")).get("google")).get("thought_signature"))
    return None if signed is None else Sealed(issuer, signed)


def call_id(answer_id: str | None, ordinal: int) -> str:
    """An id for a call that came without one: unique in the conversation if the answer's id is."""
    tail = _NOT_IN_ID.sub("", answer_id or "")[-24:]
    return f"call_{tail}_{ordinal}" if tail else f"call_{ordinal}"


def arguments_in(value: object) -> str:
    """The model's own text; some servers send the object that it stands for."""
    if isinstance(value, str):
        return value
    return text_json.text(value) if isinstance(value, dict) else ""


def pictures_in(message: Mapping[str, Any]) -> list[Media]:
    """Images that a router's models made, as data URLs."""
    pictures = message.get("images")
    found: list[Media] = []
    for picture in pictures if isinstance(pictures, list) else ():
        url = text(inner(inner(picture).get("image_url")).get("url"))
        if url is not None:
            found.append(_picture(url))
    return found


def _picture(url: str) -> Media:
    try:
        data = parse_data_url(url)
    except NotUnderstood:
        data = None
    if data is None:
        return Media(MediaKind.IMAGE, Located(url))
    return Media(MediaKind.IMAGE, Inline(data.base64), data.media_type)


# ---------------------------------------------------------------------------------- writing


def completion_id(seed: str) -> str:
    return f"chatcmpl-{seed}"


def signature_of(signed: str) -> Json:
    return {"google": {"thought_signature": signed}}


def carried_signature(sealed: Sealed) -> Json:
    """A call's seal in the one field of this dialect that clients send back."""
    return signature_of(carry.wrapped(sealed, SIGNER))


def call_object(call: ToolCall) -> Json:
    """A call with the arguments that it has; what is empty is an empty object."""
    if call.kind is ToolKind.FREEFORM:
        return {
            "id": call.id,
            "type": "custom",
            "custom": {"name": call.name, "input": call.arguments},
        }
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def annotation(citation: Citation, start: int, end: int) -> Json | None:
    """A source at its place in the whole text; None for what has no address.

    `start` and `end` are those of the text part, which is what cites where no offsets are known.
    """
    if citation.url is None:
        return None
    cited = {
        "end_index": end if citation.end is None else start + citation.end,
        "start_index": start if citation.start is None else start + citation.start,
        "title": citation.title or citation.url,
        "url": citation.url,
    }
    return {"type": "url_citation", "url_citation": cited}


def picture(media: Media, index: int) -> Json | None:
    """An image as routers of this dialect send it; None for anything else."""
    if media.kind is not MediaKind.IMAGE:
        return None
    match media.source:
        case Inline(base64):
            media_type = media.media_type or sniffed(base64) or "image/png"
            url = data_url(media_type, base64)
        case Located(address):
            url = address
        case _:
            return None
    return {"type": "image_url", "index": index, "image_url": {"url": url}}


def finish_word(finish: Finish | None, called: bool) -> str:
    """The `finish_reason`, which agrees with whether tools are called."""
    reason = finish.unified if finish is not None else Reason.STOP
    if reason in (Reason.STOP, Reason.OTHER) and called:
        reason = Reason.TOOL_CALLS
    elif reason is Reason.TOOL_CALLS and not called:
        reason = Reason.STOP
    return SPOKEN_FINISH[reason]
