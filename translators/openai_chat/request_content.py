"""Parts in the shapes that a Chat Completions message has for them.

What a model cannot take is not sent: a placeholder says in its place that something stood there,
and the loss is reported.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.parts import Filed, Inline, Located, Media, MediaKind, Plain, Text
from translators.media import data_url, sniffed, standard_type
from translators.openai_chat.request_parts import decoded_text
from translators.openai_chat.vocabulary import DETAILS, NAME, SPOKEN_AUDIO
from translators.protocol import NotUnderstood

Json = dict[str, Any]

# Between two texts that were parts of their own. One string instead of an array of texts: many
# servers of this dialect read nothing else.
JOINT = "\n\n"

AUTOMATIC = "caching is automatic here"  # why a mark for the cache is lost
_ENDINGS = {"application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md"}


def said(parts: Sequence[Json]) -> str | list[Json]:
    """The value of `content`: a string where all is text."""
    if all(part["type"] == "text" for part in parts):
        return JOINT.join(part["text"] for part in parts)
    return list(parts)


def text_part(text: str) -> Json:
    return {"type": "text", "text": text}


class Content:
    """Makes content for one model; `losses` collects what cannot be said."""

    def __init__(self, capabilities: Capabilities, losses: list[Loss]) -> None:
        self._knows = capabilities
        self.losses = losses

    def lose(self, field: Neutral | str, kind: LossKind = LossKind.DROPPED, note: str = "") -> None:
        self.losses.append(Loss(field, kind, note))

    def parts(self, parts: Iterable[Text | Media]) -> list[Json]:
        """A user's content. Empty text says nothing."""
        made: list[Json] = []
        for part in parts:
            match part:
                case Text(text):
                    self.note_text(part)
                    if text:
                        made.append(text_part(text))
                case Media():
                    made += self.media(part)
        return made

    def note_text(self, part: Text) -> None:
        """Report what a text has besides its words."""
        if part.citations:
            self.lose(Neutral.CITATIONS)
        if part.cache is not None:
            self.lose(Neutral.CACHE, note=AUTOMATIC)
        if part.sealed is not None:
            self.lose(Neutral.REASONING, LossKind.UNSEALED)

    def media(self, media: Media) -> list[Json]:
        """One medium, with what describes it to the model before it."""
        if media.cache is not None:
            self.lose(Neutral.CACHE, note=AUTOMATIC)
        if media.sealed is not None:
            self.lose(Neutral.REASONING, LossKind.UNSEALED)
        if media.cited:
            self.lose(Neutral.CITATIONS, note="of a document")
        if (text := _plain_text(media)) is not None:
            return [text_part(_fenced(media, text))]
        described = [
            text_part(f"{label}: {words}")
            for label, words in (("Title", media.title), ("Context", media.context))
            if words
        ]
        return [*described, self._medium(media)]

    def _medium(self, media: Media) -> Json:
        match media.kind:
            case MediaKind.IMAGE if self._knows.images:
                made = self._image(media)
            case MediaKind.DOCUMENT if self._knows.documents:
                made = self._file(media)
            case MediaKind.AUDIO if self._knows.audio:
                made = _audio(media)
            case _:
                made = None
        if made is None:
            self.lose(Neutral(media.kind), note="replaced by a note in the text")
            return text_part(_placeholder(media))
        return made

    def _image(self, media: Media) -> Json | None:
        url = _image_url(media)
        if url is None or not (self._knows.image_urls or url.startswith("data:")):
            return None
        image = {"url": url}
        if media.detail is not None and media.detail in DETAILS:
            image["detail"] = media.detail
        return {"type": "image_url", "image_url": image}

    def _file(self, media: Media) -> Json | None:
        match media.source:
            case Inline(base64):
                media_type = _type_of(media, base64) or "application/pdf"
                name = media.name or f"document.{_ENDINGS.get(media_type, 'bin')}"
                file = {"filename": name, "file_data": data_url(media_type, base64)}
                return {"type": "file", "file": file}
            case Filed(issuer, id):
                if issuer not in (NAME, self._knows.family):
                    raise _elsewhere()
                return {"type": "file", "file": {"file_id": id}}
            case Located() | Plain():
                return None


def _image_url(media: Media) -> str | None:
    match media.source:
        case Inline(base64):
            return data_url(_type_of(media, base64) or "image/png", base64)
        case Located(url):
            return url if url.startswith(("https://", "http://")) else None
        case Filed():
            raise _elsewhere()
        case Plain():
            return None


def _audio(media: Media) -> Json | None:
    match media.source:
        case Inline(base64):
            word = SPOKEN_AUDIO.get(_type_of(media, base64) or "")
            if word is None:
                return None
            return {"type": "input_audio", "input_audio": {"data": base64, "format": word}}
        case Filed():
            raise _elsewhere()
        case Located() | Plain():
            return None


def _elsewhere() -> NotUnderstood:
    """Never left out in silence: without the file the question has another answer."""
    return NotUnderstood(
        "The request refers to a file that another provider stores. Send the file itself.",
        param=Neutral.FILE,
    )


def _type_of(media: Media, base64: str) -> str | None:
    """What the bytes are: as they show it, else as declared. Clients mislabel."""
    declared = standard_type(media.media_type) if media.media_type else None
    return sniffed(base64) or declared


def _plain_text(media: Media) -> str | None:
    """The words of a document that is nothing but text."""
    match media.source:
        case Plain(text):
            return text
        case Inline(base64) if (media.media_type or "").startswith("text/"):
            return decoded_text(base64)
        case _:
            return None


def _fenced(media: Media, text: str) -> str:
    """A document as text: its name and context, then its words in a fence that they do not hold."""
    fence = "```"
    while fence in text:
        fence += "`"
    head = [f"Document: {media.title or media.name or 'untitled'}"]
    if media.context:
        head.append(f"Context: {media.context}")
    return "\n".join([*head, fence, text, fence])


def _placeholder(media: Media) -> str:
    named = f" {media.name}" if media.name else ""
    match media.source:
        case Located(url) if url.startswith(("https://", "http://")):
            return f"[{media.kind.value}{named} at {url}, which this model cannot open]"
        case _:
            return f"[{media.kind.value}{named} that this model cannot read]"
