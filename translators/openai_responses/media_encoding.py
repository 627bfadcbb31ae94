"""Images and documents as the content of a message or of a tool's output."""

from typing import Any, assert_never

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.parts import Filed, Inline, Located, Media, MediaKind, Plain
from translators.media import data_url, sniffed
from translators.openai_responses.vocabulary import FILE_ISSUERS
from translators.protocol import NotUnderstood

Item = dict[str, Any]

_ENDINGS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
    "text/html": "html",
    "application/json": "json",
}


def encode_media(part: Media, capabilities: Capabilities, losses: list[Loss]) -> list[Item]:
    """The content that shows it. NotUnderstood for what no words could stand for: sound, film, and
    files that another provider stores."""
    match part.kind:
        case MediaKind.IMAGE:
            if not capabilities.images:
                return [_left_out(Neutral.IMAGE, losses)]
            return [_image(part)]
        case MediaKind.DOCUMENT:
            return _document(part, capabilities, losses)
        case MediaKind.AUDIO | MediaKind.VIDEO:
            message = f"This model's provider takes no {part.kind.value} here."
            raise NotUnderstood(message, param=Neutral(part.kind))
        case _:
            assert_never(part.kind)


def _left_out(what: Neutral, losses: list[Loss]) -> Item:
    """A few words in its place, so that the model does not answer about something unseen."""
    losses.append(Loss(what, LossKind.DROPPED, f"the model takes no {what}s"))
    return _text(f"[{what} left out: this model does not take {what}s]")


def _text(text: str) -> Item:
    return {"type": "input_text", "text": text}


def _image(part: Media) -> Item:
    item: Item = {"type": "input_image", "detail": part.detail or "auto"}
    match part.source:
        case Inline(base64):
            media_type = sniffed(base64) or part.media_type or "image/png"
            return item | {"image_url": data_url(media_type, base64)}
        case Located(url):
            return item | {"image_url": url}
        case Filed(issuer, file_id):
            return item | {"file_id": _own(issuer, file_id)}
        case Plain(text):
            return _text(text)
        case _:
            assert_never(part.source)


def _own(issuer: str, file_id: str) -> str:
    if issuer in FILE_ISSUERS:
        return file_id
    raise NotUnderstood(
        "A file stored at another provider cannot be shown to this model: send its content.",
        param=Neutral.FILE,
    )


def _document(part: Media, capabilities: Capabilities, losses: list[Loss]) -> list[Item]:
    if part.cited:
        losses.append(Loss(Neutral.CITATIONS, LossKind.DROPPED))
    about = [line for line in (part.title, part.context) if line]
    if isinstance(part.source, Plain):
        return [_text(_fenced(part.source.text, about))]
    if not capabilities.documents:
        return [_left_out(Neutral.DOCUMENT, losses)]
    content = [_text("\n".join(about))] if about and part.title != part.name else []
    item: Item = {"type": "input_file"}
    match part.source:
        case Inline(base64):
            media_type = part.media_type or sniffed(base64) or "application/pdf"
            name = part.name or _name(part, media_type, losses)
            item |= {"filename": name, "file_data": data_url(media_type, base64)}
        case Located(url):
            item["file_url"] = url
        case Filed(issuer, file_id):
            item["file_id"] = _own(issuer, file_id)
        case _:
            assert_never(part.source)
    return [*content, item]


def _fenced(text: str, about: list[str]) -> str:
    """A document that is text, between fences longer than any inside it (4.8)."""
    fence = "```"
    while fence in text:
        fence += "`"
    return "\n".join([*about, fence, text, fence])


def _name(part: Media, media_type: str, losses: list[Loss]) -> str:
    """A file name, which the server demands beside inline data."""
    losses.append(Loss(Neutral.MEDIA_NAME, LossKind.ADDED))
    ending = _ENDINGS.get(media_type, "pdf")
    title = part.title or "document"
    return title if "." in title else f"{title}.{ending}"
