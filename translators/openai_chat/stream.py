"""Streams, read and written: stream_decoding (with stream_calls) and stream_encoding."""

from translators.openai_chat.stream_decoding import stream_decoder
from translators.openai_chat.stream_encoding import stream_encoder

__all__ = ["stream_decoder", "stream_encoder"]
