"""Content blocks of a request, as parts.

A block that no other dialect knows becomes Opaque, whole: it returns to this dialect or is a loss
where the target is another. What a known block holds besides is reported.

Seals: `signature` and `data` hold what this dialect signed, or what the gateway put there for
another one (translators/carry.py). A call's own seal has no field here; it stands in a
`redacted_thinking` block right behind the call, and is given back to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from translators import carry, text_json
from translators.anthropic.citations import OWN, read_citation, read_search
from translators.anthropic.request_fields import Field, cache_mark, refusal
from translators.canonical.loss import Loss, LossKind, Neutral, foreign
from translators.canonical.parts import (
    Citation,
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Plain,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.sealed import Sealed
from translators.media import parse_data_url

Blocks = str | list[Field]
Origins = dict[str, str]  # names of this dialect's own client tools -> their types

_TEXT = frozenset({"type", "text", "citations", "cache_control"})
_IMAGE = frozenset({"type", "source", "cache_control"})
_DOCUMENT = frozenset({"type", "source", "cache_control", "citations", "context", "title"})
_SEARCHED = frozenset({"type", "source", "title", "content", "cache_control", "citations"})
_THINKING = frozenset({"type", "thinking", "signature"})
_REDACTED = frozenset({"type", "data"})
_CALL = frozenset({"type", "id", "name", "input", "caller", "cache_control"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_DIRECT = {"type": "direct"}
_SOURCE = {
    "base64": frozenset({"type", "data", "media_type"}),
    "url": frozenset({"type", "url"}),
    "file": frozenset({"type", "file_id"}),
    "text": frozenset({"type", "data", "media_type"}),
    "content": frozenset({"type", "content"}),
}
_CITED = frozenset({"enabled"})
_PAGE = frozenset({"type", "url", "title", "cited_text", "encrypted_index"})
_ASKED = frozenset({"type", "id", "name", "input", "caller"})
_ANSWERED = frozenset({"type", "tool_use_id", "content", "caller"})
_FOUND = frozenset({"type", "url", "title", "page_age", "encrypted_content"})
_SEARCH_ERROR = frozenset({"type", "error_code"})


class BlockReader:
    """Reads the content of one request's messages. It remembers which calls are of built-in tools,
    whose results then say so too."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._calls: dict[str, str] = {}  # ids of calls of built-in tools -> their types

    def parts(self, holder: Field) -> tuple[Part, ...]:
        """The parts of a message's `content`, a string or a list of blocks."""
        blocks = content_of(holder)
        if isinstance(blocks, str):
            return (Text(blocks),)
        results = _search_results(blocks)
        parts: list[Part] = []
        for block in blocks:
            kind = block.needed_text("type")
            if kind == "server_tool_use" and block.text("name") == "web_search":
                parts.append(_search(block, results))
            elif kind == "web_search_tool_result" and block.text("tool_use_id") in results:
                continue  # read with its call
            elif kind == "redacted_thinking":
                _add_redacted(block, parts)
            else:
                parts += self._read(kind, block)
        return tuple(parts)

    def _read(self, kind: str, block: Field) -> Iterator[Part]:
        match kind:
            case "text" | "image" | "document" | "search_result":
                yield from _VISIBLE[kind](block)
            case "thinking":
                yield _thinking(block)
            case "tool_use":
                yield self._call(block)
            case "tool_result":
                yield self._result(block)
            case "compaction" if block.text("content"):
                yield _summary(block)
            case _:
                yield Opaque(OWN, kind, block.value)

    def _call(self, block: Field) -> ToolCall:
        block.left(_CALL)
        _caller(block)
        call_id, name = block.needed_text("id"), block.needed_text("name")
        given = block.object("input")
        origin = self._origins.get(name)
        if origin is not None:
            self._calls[call_id] = origin
        return ToolCall(
            id=call_id,
            name=name,
            arguments=text_json.text(given.value) if given is not None else "{}",
            origin=origin,
            cache=cache_mark(block),
        )

    def _result(self, block: Field) -> ToolResult:
        block.left(_RESULT)
        call_id = block.needed_text("tool_use_id")
        blocks = content_of(block)
        parts: list[Text | Media] = []
        if isinstance(blocks, str):
            parts.append(Text(blocks))
        else:
            for inside in blocks:
                read = _VISIBLE.get(inside.needed_text("type"))
                if read is None:
                    block.lose("content", note="a block that only this dialect knows")
                else:
                    parts += read(inside)
        return ToolResult(
            call_id=call_id,
            parts=tuple(parts),
            is_error=bool(block.flag("is_error")),
            origin=self._calls.get(call_id),
            cache=cache_mark(block),
        )


def _caller(block: Field) -> None:
    """Who called: the model itself, as everywhere, or a program of its own, as only here."""
    if block.value.get("caller") not in (None, _DIRECT):
        block.lose("caller")


def content_of(holder: Field, name: str = "content") -> Blocks:
    """`content` as the string or the blocks that it is; absent is empty."""
    content = holder.value.get(name)
    if isinstance(content, str):
        return content
    if content is not None and not isinstance(content, list):
        raise refusal(holder.at(name), "a string or a list of content blocks")
    return list(holder.objects(name))


# -------------------------------------------------------------------------- text, images, documents


def read_text(block: Field) -> Text:
    block.left(_TEXT)
    return Text(
        block.needed_text("text"),
        citations=tuple(_citations(block)),
        cache=cache_mark(block),
    )


def _citations(block: Field) -> Iterator[Citation]:
    for one in block.objects("citations"):
        read = read_citation(one.value)
        if read is not None:
            if read.native is None:  # all else is kept as it came
                one.left(_PAGE)
            yield read


def _text(block: Field) -> Iterator[Text]:
    yield read_text(block)


def _image(block: Field) -> Iterator[Media]:
    block.left(_IMAGE)
    source, media_type = _source(block.needed_object("source"))
    yield Media(MediaKind.IMAGE, source, media_type, cache=cache_mark(block))


def _document(block: Field) -> Iterator[Media]:
    block.left(_DOCUMENT)
    holder = block.needed_object("source")
    pictures: list[Media] = []
    if holder.text("type") == "content":
        holder.left(_SOURCE["content"])
        holder.lose("content", LossKind.CHANGED, "a document of blocks became one of text")
        texts, pictures = _custom(holder)
        source: Source = Plain("\n\n".join(texts))
        media_type: str | None = "text/plain"
    else:
        source, media_type = _source(holder)
    yield Media(
        MediaKind.DOCUMENT,
        source,
        media_type,
        title=block.text("title"),
        context=block.text("context"),
        cited=_cited(block),
        cache=cache_mark(block),
    )
    yield from pictures


def _custom(holder: Field) -> tuple[list[str], list[Media]]:
    """The texts and the pictures of a document that is made of blocks."""
    blocks = content_of(holder)
    if isinstance(blocks, str):
        return [blocks], []
    texts: list[str] = []
    pictures: list[Media] = []
    for block in blocks:
        match block.text("type"):
            case "text":
                texts.append(read_text(block).text)
            case "image":
                pictures += _image(block)
            case _:
                raise refusal(block.at("type"), "text or image")
    return texts, pictures


def _search_result(block: Field) -> Iterator[Media]:
    """What the caller's own search found: a document with its address as context."""
    block.left(_SEARCHED)
    named = foreign(Neutral.PARTS, "search_result")
    block.losses.append(Loss(named, LossKind.CHANGED, "a search result became a document"))
    texts = [read_text(inside).text for inside in block.objects("content")]
    yield Media(
        MediaKind.DOCUMENT,
        Plain("\n\n".join(texts)),
        "text/plain",
        title=block.text("title"),
        context=block.text("source"),
        cited=_cited(block),
        cache=cache_mark(block),
    )


def _cited(block: Field) -> bool:
    config = block.object("citations")
    if config is None:
        return False
    config.left(_CITED)
    return bool(config.flag("enabled"))


def _source(source: Field) -> tuple[Source, str | None]:
    """Where the bytes are, and their declared type."""
    kind = source.needed_text("type")
    source.left(_SOURCE.get(kind, frozenset()))
    match kind:
        case "base64":
            return Inline(source.needed_text("data")), source.text("media_type")
        case "url":
            url = source.needed_text("url")
            inline = parse_data_url(url)
            if inline is not None:
                return Inline(inline.base64), inline.media_type
            return Located(url), None
        case "file":
            return Filed(OWN, source.needed_text("file_id")), None
        case "text":
            return Plain(source.needed_text("data")), source.text("media_type") or "text/plain"
        case _:
            raise refusal(source.at("type"), "base64, url, file, text or content")


_VISIBLE: dict[str, Callable[[Field], Iterator[Text | Media]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}

# ------------------------------------------------------------------------------ thinking and search


def _thinking(block: Field) -> Reasoning:
    block.left(_THINKING)
    signature = block.text("signature")
    sealed = carry.opened(signature, OWN) if signature else None
    return Reasoning(block.text("thinking") or "", sealed)


def _add_redacted(block: Field, parts: list[Part]) -> None:
    block.left(_REDACTED)
    sealed = carry.opened(block.needed_text("data"), OWN)
    before = parts[-1] if parts else None
    if sealed.issuer != OWN and isinstance(before, ToolCall) and before.sealed is None:
        parts[-1] = replace(before, sealed=sealed)
    else:
        parts.append(Reasoning("", sealed, redacted=True))


def _summary(block: Field) -> Text:
    named = foreign(Neutral.PARTS, "compaction")
    block.losses.append(Loss(named, LossKind.CHANGED, "the summary of earlier turns became text"))
    summary = block.needed_text("content")
    return Text(f"<conversation-summary>\n{summary}\n</conversation-summary>")


def _search_results(blocks: list[Field]) -> dict[str | None, Field]:
    """The results of web searches by the ids of their calls, where the call is there."""
    calls = {block.text("id") for block in blocks if block.value.get("type") == "server_tool_use"}
    return {
        block.text("tool_use_id"): block
        for block in blocks
        if block.value.get("type") == "web_search_tool_result"
        and block.text("tool_use_id") in calls
    }


def _search(block: Field, results: dict[str | None, Field]) -> Part:
    block.left(_ASKED)
    _caller(block)
    call_id = block.needed_text("id")
    given = block.object("input")
    query = given.value if given is not None else {}
    result = results.get(call_id)
    if result is not None:
        _look_over(result)

    def opened(payload: str) -> Sealed:
        return carry.opened(payload, OWN)

    return read_search(call_id, query, result.value if result is not None else None, opened)


def _look_over(result: Field) -> None:
    """Reports what a search's result says besides what is read of it."""
    result.left(_ANSWERED)
    _caller(result)
    if isinstance(result.value.get("content"), list):
        for found in result.objects("content"):
            found.left(_FOUND)
    elif (error := result.object("content")) is not None:
        error.left(_SEARCH_ERROR)
