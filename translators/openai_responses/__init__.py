"""OpenAI Responses: its Images API shares the dialect (fields, usage, errors, typed events)."""

from translators.openai_chat.quota import quota_headers
from translators.openai_responses.builtin import TOOLS as BUILT_IN
from translators.openai_responses.counting import COUNTING
from translators.openai_responses.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.openai_responses.observed import observe_response
from translators.openai_responses.observer import stream_observer
from translators.openai_responses.request import (
    decode_request,
    encode_request,
    peek,
    rename_model,
    request_path,
)
from translators.openai_responses.response import decode_response, encode_response
from translators.openai_responses.state import STATE
from translators.openai_responses.stream import stream_decoder, stream_encoder
from translators.openai_responses.vocabulary import OWN_FIELDS
from translators.protocol import Protocol, ToolRules

PROTOCOL = Protocol(
    name="openai_responses",
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
    tool_rules=ToolRules(
        r"[a-zA-Z0-9_-]+",
        64,
        r"[a-zA-Z0-9_-]+",
        64,
        freeform=True,
        namespaces=True,
        origins=tuple(BUILT_IN),
        cached_search=True,
    ),
    fields=OWN_FIELDS,
    counting=COUNTING,
    state=STATE,
    quota_headers=quota_headers,
    cap_fields=(("max_output_tokens",),),
    text_fields=("delta",),
    rounds=16,
    whole_text_fields=("text", "refusal", "arguments", "input"),
    telltales=("input",),
)
