"""Anthropic Messages, with the counting of tokens."""

from translators.anthropic.counting import COUNTING
from translators.anthropic.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.anthropic.observed import observe_response
from translators.anthropic.observer import stream_observer
from translators.anthropic.quota import quota_headers
from translators.anthropic.request import (
    decode_request,
    encode_request,
    peek,
    rename_model,
    request_path,
)
from translators.anthropic.request_encoding_tools import TOOL_RULES
from translators.anthropic.response import decode_response, encode_response
from translators.anthropic.stream import stream_decoder, stream_encoder
from translators.anthropic.vocabulary import OWN_FIELDS
from translators.protocol import Protocol

PROTOCOL = Protocol(
    name="anthropic",
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
    tool_rules=TOOL_RULES,
    fields=OWN_FIELDS,
    counting=COUNTING,
    quota_headers=quota_headers,
    cap_fields=(("max_tokens",),),
    text_fields=("text", "thinking", "partial_json"),
    demanded={"anthropic-version": "2023-06-01"},  # on the native path the client says it
    telltales=("system", "thinking", "stop_sequences", "output_config", "tools[].input_schema"),
    overloaded_status=529,
)
