"""Streams, read (stream_decoding.py) and written (stream_encoding.py)."""

from translators.openai_responses.stream_decoding import stream_decoder
from translators.openai_responses.stream_encoding import stream_encoder

__all__ = ["stream_decoder", "stream_encoder"]
