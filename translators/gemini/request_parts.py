"""The parts of a request's contents, read. What no other dialect knows becomes Opaque."""

from typing import Any

from translators import text_json
from translators.canonical.loss import Loss
from translators.canonical.parts import (
    Inline,
    Media,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.sealed import Sealed
from translators.gemini import seals
from translators.gemini.media_parts import NAME, kind_of, source_of
from translators.gemini.vocabulary import HEARD_RESOLUTIONS
from translators.gemini.wire import Fields
from translators.protocol import NotUnderstood

# Fields that say something about a part and are none themselves.
_ABOUT = frozenset(
    {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
)


def read_part(part: Fields, losses: list[Loss]) -> list[Part]:
    """One part, or a call behind the reasoning whose seal it carried for another issuer. Calls and
    results without an id have the id "" here."""
    sealed = _sealed(part)
    if part.get("functionCall") is not None:
        return _read_call(part, sealed, losses)
    if part.get("functionResponse") is not None:
        return [_read_result(part, losses)]
    if part.get("inlineData") is not None or part.get("fileData") is not None:
        return [_read_media(part, sealed, losses)]
    unknown = [name for name in part.names() if name not in _ABOUT and name != "text"]
    text, thought = part.text("text"), part.flag("thought")
    if text is None and unknown:
        return [Opaque(NAME, unknown[0], dict(part.wire))]
    if text is None and sealed is None and part.get("thoughtSignature") is None:
        raise NotUnderstood(f"'{part.path}' has no data.", param=part.path)
    losses += part.unread()
    if sealed is not None and not text and (thought or seals.is_foreign(sealed)):
        return [seals.unseen(sealed)]
    if thought:
        return [Reasoning(text or "", sealed)]
    return [Text(text or "", sealed=sealed)]


def _sealed(part: Fields) -> Sealed | None:
    return seals.read_signature(part.text("thoughtSignature") or "")


def _read_call(part: Fields, sealed: Sealed | None, losses: list[Loss]) -> list[Part]:
    call = Fields(part.get("functionCall"), part.at("functionCall"))
    name = call.text("name")
    if not name:
        raise call.wrong("name", "the name of a function")
    args = call.get("args")
    if args is not None and not isinstance(args, dict):
        raise call.wrong("args", "an object")
    read = ToolCall(call.text("id") or "", name, text_json.text(args or {}))
    part.flag("thought")
    losses += call.unread()
    losses += part.unread()
    if sealed is None:
        return [read]
    if seals.is_foreign(sealed):
        return [seals.unseen(sealed), read]
    return [ToolCall(read.id, name, read.arguments, sealed=sealed)]


def _read_result(part: Fields, losses: list[Loss]) -> ToolResult:
    answer = Fields(part.get("functionResponse"), part.at("functionResponse"))
    name = answer.text("name")
    if not name:
        raise answer.wrong("name", "the name of a function")
    response = answer.get("response")
    if response is not None and not isinstance(response, dict):
        raise answer.wrong("response", "an object")
    said, is_error = _said(response or {})
    parts: list[Text | Media] = [Text(said)] if said else []
    for inner in answer.objects("parts"):
        parts.append(_read_media(inner, None, losses))
    call_id = answer.text("id") or ""
    losses += answer.unread()
    losses += part.unread()
    return ToolResult(call_id, tuple(parts), is_error, name)


def _said(response: dict[str, Any]) -> tuple[str, bool]:
    """The text of a result. `output` (or `result`) and `error` are the API's own words for what a
    function gave and what went wrong; any other object is the result itself."""
    told = {name: value for name, value in response.items() if value is not None}
    is_error = "error" in told
    if len(told) == 1 and (value := next(iter(told.items())))[0] in ("output", "result", "error"):
        inner = value[1]
        return (inner if isinstance(inner, str) else text_json.text(inner)), is_error
    return (text_json.text(response) if response else ""), is_error


def _read_media(part: Fields, sealed: Sealed | None, losses: list[Loss]) -> Media:
    inline = part.inner("inlineData")
    if inline is not None:
        data = inline.base64("data")
        if data is None:
            raise inline.wrong("data", "base64")
        media_type = inline.text("mimeType")
        name = inline.text("displayName")
        losses += inline.unread()
        source: Any = Inline(data)
    else:
        filed = part.inner("fileData")
        if filed is None:
            raise NotUnderstood(f"'{part.path}' has no data.", param=part.path)
        uri = filed.text("fileUri")
        if not uri:
            raise filed.wrong("fileUri", "an address")
        media_type = filed.text("mimeType")
        name = filed.text("displayName")
        losses += filed.unread()
        source = source_of(uri)
    detail = _detail(part, losses)
    losses += part.unread()
    return Media(
        kind_of(media_type), source, media_type or None, name or None, detail, sealed=sealed
    )


def _detail(part: Fields, losses: list[Loss]) -> str | None:
    resolution = part.get("mediaResolution")
    if isinstance(resolution, str):
        return HEARD_RESOLUTIONS.get(resolution.upper())
    level = part.inner("mediaResolution")
    if level is None:
        return None
    word = level.word("level")
    losses += level.unread()
    return HEARD_RESOLUTIONS.get(word or "")
