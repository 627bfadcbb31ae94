"""Gemini generateContent, with the counting of tokens and embeddings."""

from translators.gemini.counting import COUNTING
from translators.gemini.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.gemini.observed import observe_response
from translators.gemini.observer import stream_observer
from translators.gemini.request import (
    decode_request,
    encode_request,
    peek,
    rename_model,
    request_path,
)
from translators.gemini.response import decode_response, encode_response
from translators.gemini.stream import stream_decoder, stream_encoder
from translators.gemini.vocabulary import OWN_FIELDS, SENTINEL
from translators.openai_chat.quota import quota_headers
from translators.protocol import Protocol, ToolRules

PROTOCOL = Protocol(
    name="gemini",
    peek=peek,
    rename_model=rename_model,
    observe_response=observe_response,
    stream_observer=stream_observer,
    decode_failure=decode_failure,
    render_failure=render_failure,
    render_stream_failure=render_stream_failure,
    failure_headers=failure_headers,
    decode_request=decode_request,
    encode_request=encode_request,
    request_path=request_path,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=stream_decoder,
    stream_encoder=stream_encoder,
    # The API takes dots, colons and 128 characters in a name by now; older models take these.
    tool_rules=ToolRules(r"[a-zA-Z_][a-zA-Z0-9_-]*", 64, r"[a-zA-Z0-9_-]+", 64),
    fields=OWN_FIELDS,
    counting=COUNTING,
    no_seal=SENTINEL,
    quota_headers=quota_headers,
    cap_fields=(
        ("generationConfig", "maxOutputTokens"),
        ("generation_config", "max_output_tokens"),
        ("generationConfig", "max_output_tokens"),
    ),
    text_fields=("text",),
    telltales=("contents",),
    wants_events=lambda query: "alt=sse" in query,
)
