"""OpenAI Chat Completions: also the dialect of its embeddings and of most other vendors."""

from translators.openai_chat.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.openai_chat.request import peek, rename_model
from translators.openai_chat.response import decode_response
from translators.openai_chat.stream import stream_decoder
from translators.protocol import Protocol

PROTOCOL = Protocol(
    name="openai_chat",
    peek=peek,
    rename_model=rename_model,
    decode_response=decode_response,
    stream_decoder=stream_decoder,
    decode_failure=decode_failure,
    render_failure=render_failure,
    render_stream_failure=render_stream_failure,
    failure_headers=failure_headers,
)
