"""The contents of message items and of tool outputs, read from a request."""

from typing import Any

from translators.canonical.loss import Loss
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Refusal,
    Source,
    Text,
)
from translators.media import parse_data_url, sniffed
from translators.openai_responses.citations import read_citations
from translators.openai_responses.typed import (
    entries,
    lost,
    mapping,
    one_of,
    optional,
    said,
    unknown,
    wanted,
)
from translators.openai_responses.vocabulary import CONTENT, NAME
from translators.protocol import NotUnderstood

_TEXT = frozenset(
    {"type", "text", "annotations", "logprobs", "prompt_cache_breakpoint", "citations"}
)
_IMAGE = frozenset({"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"})
_FILE = frozenset(
    {"type", "file_data", "file_url", "file_id", "filename", "detail", "prompt_cache_breakpoint"}
)
_REFUSAL = frozenset({"type", "refusal"})
_AUDIO = frozenset({"type", "input_audio"})
_SOUND = frozenset({"data", "format"})
_ADDRESS = frozenset({"url"})
_URL_CITATION = frozenset({"type", "url", "title", "start_index", "end_index"})
_BREAKPOINT = frozenset({"mode", "ttl"})
_CACHE_OPTIONS = frozenset({"mode", "ttl", "prewarm", "comparison_response_id"})
_DETAILS = ("low", "high", "auto", "original")
_TEXT_TYPES = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})

# How long a written cache entry lives: the dialect's words and the neutral ones.
_TTLS = {None: None, "30m": "5m", "12h": "1h"}


def decode_content(value: object, param: str, losses: list[Loss]) -> tuple[Part, ...]:
    """The parts of a message's content: a string, or a list of parts. Null is nothing."""
    if isinstance(value, str):
        return (Text(value),) if value else ()
    found: list[Part] = []
    for place, item in enumerate(entries(value, param)):
        path = f"{param}[{place}]"
        part = mapping(item, path)
        kind = wanted(part.get("type"), f"{path}.type")
        found.append(_part(part, kind, path, losses))
    return tuple(found)


def decode_output(value: object, param: str, losses: list[Loss]) -> tuple[Text | Media, ...]:
    """A tool's output: a string, or a list of texts, images and files and nothing else."""
    if isinstance(value, str):
        return (Text(value),) if value else ()
    found: list[Text | Media] = []
    for place, item in enumerate(entries(value, param)):
        path = f"{param}[{place}]"
        part = mapping(item, path)
        read = _part(part, wanted(part.get("type"), f"{path}.type"), path, losses)
        if not isinstance(read, Text | Media):
            raise NotUnderstood(f"Invalid value for '{path}.type'.", param=f"{path}.type")
        found.append(read)
    return tuple(found)


def _part(part: dict[str, Any], kind: str, param: str, losses: list[Loss]) -> Part:
    if kind in _TEXT_TYPES:
        unknown(part, _TEXT, param, losses)
        text = wanted(part.get("text"), f"{param}.text")
        return Text(text, _citations(part, param, losses), cache=_cache(part, param, losses))
    if kind == "input_image":
        return _image(part, param, losses)
    if kind == "input_file":
        return _file(part, param, losses)
    if kind == "input_audio":
        return _audio(part, param, losses)
    if kind == "refusal":
        unknown(part, _REFUSAL, param, losses)
        return Refusal(wanted(part.get("refusal"), f"{param}.refusal"))
    return Opaque(NAME, CONTENT + kind, part)


def _citations(part: dict[str, Any], param: str, losses: list[Loss]) -> tuple[Citation, ...]:
    annotations = part.get("annotations")
    for place, each in enumerate(annotations if isinstance(annotations, list) else ()):
        if isinstance(each, dict) and each.get("type") == "url_citation":
            unknown(each, _URL_CITATION, f"{param}.annotations[{place}]", losses)
    return read_citations(annotations)


def _cache(part: dict[str, Any], param: str, losses: list[Loss]) -> CacheMark | None:
    if part.get("prompt_cache_breakpoint") is None:
        return None
    path = f"{param}.prompt_cache_breakpoint"
    mark = mapping(part["prompt_cache_breakpoint"], path)
    unknown(mark, _BREAKPOINT, path, losses)
    ttl = one_of(mark.get("ttl"), ("30m", "12h"), f"{path}.ttl")
    return CacheMark(_TTLS[ttl])


def cache_mark(options: dict[str, Any], losses: list[Loss]) -> CacheMark | None:
    """What `prompt_cache_options` asks for; in the explicit mode only the marks count."""
    path = "prompt_cache_options"
    unknown(options, _CACHE_OPTIONS, path, losses)
    mode = one_of(options.get("mode"), ("implicit", "explicit"), f"{path}.mode")
    ttl = one_of(options.get("ttl"), ("30m", "12h"), f"{path}.ttl")
    return None if mode == "explicit" else CacheMark(_TTLS[ttl])


def _image(part: dict[str, Any], param: str, losses: list[Loss]) -> Media:
    unknown(part, _IMAGE, param, losses)
    url = part.get("image_url")
    if isinstance(url, dict):  # as Chat Completions has it
        unknown(url, _ADDRESS, f"{param}.image_url", losses)
        url = url.get("url")
    source, media_type = _source(
        said(url, f"{param}.image_url"), said(part.get("file_id"), f"{param}.file_id"), param
    )
    return Media(
        MediaKind.IMAGE,
        source,
        media_type,
        detail=one_of(part.get("detail"), _DETAILS, f"{param}.detail"),
        cache=_cache(part, param, losses),
    )


def _source(url: str | None, file_id: str | None, param: str) -> tuple[Source, str | None]:
    if url:
        try:
            data = parse_data_url(url)
        except NotUnderstood as error:
            raise NotUnderstood(str(error), param=param) from None
        if data is not None:
            return Inline(data.base64), data.media_type
        return Located(url), None
    if file_id:
        return Filed(NAME, file_id), None
    raise NotUnderstood(f"Missing required parameter in '{param}': a URL or a file.", param=param)


def _file(part: dict[str, Any], param: str, losses: list[Loss]) -> Media:
    """A file: inline as a data URL, or as bare base64, which some clients send."""
    unknown(part, _FILE, param, losses)
    if one_of(part.get("detail"), _DETAILS, f"{param}.detail") not in (None, "auto"):
        lost(f"{param}.detail", losses)
    cache = _cache(part, param, losses)
    name = said(part.get("filename"), f"{param}.filename")
    data = said(part.get("file_data"), f"{param}.file_data")
    if data and data[:5].lower() != "data:":
        media_type: str | None = _type_of(name, data)
        return Media(MediaKind.DOCUMENT, Inline(data), media_type, name, cache=cache)
    source, media_type = _source(
        data or said(part.get("file_url"), f"{param}.file_url"),
        said(part.get("file_id"), f"{param}.file_id"),
        param,
    )
    kind = MediaKind.DOCUMENT
    if media_type is not None and media_type.startswith("image/"):
        kind = MediaKind.IMAGE
    return Media(kind, source, media_type, name, cache=cache)


_TYPES = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}


def _type_of(name: str | None, data: str) -> str:
    ending = name.rpartition(".")[2].lower() if name else ""
    return _TYPES.get(ending) or sniffed(data) or "application/pdf"


def _audio(part: dict[str, Any], param: str, losses: list[Loss]) -> Media:
    """Audio, which other implementers of this dialect take."""
    unknown(part, _AUDIO, param, losses)
    audio = optional(part.get("input_audio"), f"{param}.input_audio")
    unknown(audio, _SOUND, f"{param}.input_audio", losses)
    kind = wanted(audio.get("format"), f"{param}.input_audio.format")
    media_type = "audio/mpeg" if kind == "mp3" else f"audio/{kind}"
    data = wanted(audio.get("data"), f"{param}.input_audio.data")
    return Media(MediaKind.AUDIO, Inline(data), media_type)
