"""Anthropic Messages, with the counting of tokens."""

from translators.anthropic.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.anthropic.request import peek, rename_model
from translators.anthropic.response import decode_response
from translators.anthropic.stream import stream_decoder
from translators.protocol import Protocol

PROTOCOL = Protocol(
    name="anthropic",
    peek=peek,
    rename_model=rename_model,
    decode_response=decode_response,
    stream_decoder=stream_decoder,
    decode_failure=decode_failure,
    render_failure=render_failure,
    render_stream_failure=render_stream_failure,
    failure_headers=failure_headers,
)
