"""Streams, read and written."""

from translators.gemini.stream_decoding import stream_decoder
from translators.gemini.stream_encoding import stream_encoder

__all__ = ["stream_decoder", "stream_encoder"]
