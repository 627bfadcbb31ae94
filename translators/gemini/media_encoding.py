"""Media in a request: bytes as `inlineData`, addresses and Google's own files as `fileData`.

The API fetches public https addresses itself ("External URLs", file input methods of the Gemini
API, since January 2026), and wants to be told the media type. It is guessed from the address where
the caller did not say it, and that is a loss. Other providers' files stay where they are.
"""

from typing import Any, assert_never

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, of_part
from translators.canonical.parts import Filed, Inline, Located, Media, MediaKind, Plain
from translators.gemini.media_parts import NAME, type_by_address, type_by_kind
from translators.media import parse_data_url, sniffed, standard_type
from translators.protocol import NotUnderstood

Wire = dict[str, Any]

_GUESSED = Loss(Neutral.MEDIA_TYPE, LossKind.CHANGED, "guessed")


class MediaParts:
    """Media of one content; losses are added to those given."""

    def __init__(self, capabilities: Capabilities, losses: list[Loss]) -> None:
        self._capabilities = capabilities
        self._losses = losses

    def wire(self, media: Media, signature: Wire) -> list[Wire]:
        """What the user (or the model) showed. NotUnderstood where the model cannot take it."""
        if not self._takes(media.kind):
            message = f"This model does not take content of the kind '{media.kind.value}'."
            raise NotUnderstood(message, param=Neutral(media.kind))
        self._tell(media)
        if isinstance(media.source, Plain):
            return [{"text": _plain(media, media.source)}]
        about = "\n".join(said for said in (media.title, media.context) if said)
        described: list[Wire] = [{"text": about}] if about else []
        return [*described, {**self._source(media), **signature}]

    def of_result(self, media: Media) -> Wire:
        """What a tool gave: a part beside its result, or a text in it where the model cannot take
        it. A picture that a tool took must not end the conversation."""
        if not self._takes(media.kind):
            self._losses.append(Loss(of_part(media), LossKind.DROPPED))
            return {"text": f"[{media.kind.value} omitted]"}
        self._tell(media)
        if isinstance(media.source, Plain):
            return {"text": _plain(media, media.source)}
        return self._source(media)

    def _takes(self, kind: MediaKind) -> bool:
        match kind:
            case MediaKind.IMAGE:
                return self._capabilities.images
            case MediaKind.DOCUMENT:
                return self._capabilities.documents
            case MediaKind.AUDIO:
                return self._capabilities.audio
            case MediaKind.VIDEO:
                return True
            case _:
                assert_never(kind)

    def _tell(self, media: Media) -> None:
        for field, said in (
            (Neutral.MEDIA_DETAIL, media.detail not in (None, "auto")),
            (Neutral.CITATIONS, media.cited),
            (Neutral.CACHE, media.cache is not None),
            (Neutral.MEDIA_NAME, bool(media.name) and media.kind is MediaKind.DOCUMENT),
        ):
            if said:
                self._losses.append(Loss(field, LossKind.DROPPED))

    def _source(self, media: Media) -> Wire:
        match media.source:
            case Inline(base64):
                return self._inline(media, base64, media.media_type)
            case Located(url):
                return self._located(media, url)
            case Filed(issuer, filed):
                if issuer != NAME:
                    message = "A file belongs to the account that stores it and cannot be sent."
                    raise NotUnderstood(message, param=Neutral.FILE)
                declared = {"mimeType": media.media_type} if media.media_type else {}
                return {"fileData": {"fileUri": filed, **declared}}
            case Plain():
                return {"text": _plain(media, media.source)}
            case _:
                assert_never(media.source)

    def _inline(self, media: Media, base64: str, declared: str | None) -> Wire:
        """The bytes' own type rather than the caller's label."""
        media_type = sniffed(base64) or standard_type(declared or "")
        if not media_type:
            media_type = type_by_kind(media.kind)
            self._losses.append(_GUESSED)
        return {"inlineData": {"mimeType": media_type, "data": base64}}

    def _located(self, media: Media, url: str) -> Wire:
        inline = parse_data_url(url)
        if inline is not None:
            return self._inline(media, inline.base64, inline.media_type)
        if url[:8].lower() != "https://":
            raise NotUnderstood("Only https addresses can be fetched.", param=Neutral(media.kind))
        media_type = standard_type(media.media_type or "")
        if not media_type:
            media_type = type_by_address(url) or type_by_kind(media.kind)
            self._losses.append(_GUESSED)
        return {"fileData": {"fileUri": url, "mimeType": media_type}}


def _plain(media: Media, source: Plain) -> str:
    """A document that is text, in a fence, with what is said about it."""
    about = [said for said in (media.title or media.name, media.context) if said]
    return "\n".join([*about, "<document>", source.text, "</document>"])
