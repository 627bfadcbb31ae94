"""Streams, read and written."""

from translators.canonical.reply import ReplyContext
from translators.protocol import StreamDecoder, StreamEncoder


def stream_decoder(content_type: str, issuer: str) -> StreamDecoder:
    raise NotImplementedError


def stream_encoder(context: ReplyContext) -> StreamEncoder:
    raise NotImplementedError
