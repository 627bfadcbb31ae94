"""OpenAI Responses: its Images API shares the dialect (fields, usage, errors, typed events)."""

from translators.openai_responses.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.openai_responses.request import peek, rename_model
from translators.openai_responses.response import decode_response
from translators.openai_responses.stream import stream_decoder
from translators.protocol import Protocol

PROTOCOL = Protocol(
    name="openai_responses",
    peek=peek,
    rename_model=rename_model,
    decode_response=decode_response,
    stream_decoder=stream_decoder,
    decode_failure=decode_failure,
    render_failure=render_failure,
    render_stream_failure=render_stream_failure,
    failure_headers=failure_headers,
)
