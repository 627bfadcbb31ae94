"""OpenAI Chat Completions: also the dialect of its embeddings and of most other vendors."""

from translators.openai_chat.failure import (
    decode_failure,
    failure_headers,
    render_failure,
    render_stream_failure,
)
from translators.openai_chat.observed import observe_response
from translators.openai_chat.observer import stream_observer
from translators.openai_chat.quota import quota_headers
from translators.openai_chat.request import (
    decode_request,
    encode_request,
    peek,
    rename_model,
    request_path,
)
from translators.openai_chat.response import decode_response, encode_response
from translators.openai_chat.stream import stream_decoder, stream_encoder
from translators.openai_chat.vocabulary import OWN_FIELDS
from translators.protocol import Protocol, ToolRules

PROTOCOL = Protocol(
    name="openai_chat",
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
    tool_rules=ToolRules(r"[a-zA-Z0-9_-]+", 64, r"[a-zA-Z0-9_-]+", 40, freeform=True),
    fields=OWN_FIELDS,
    counting=None,
    quota_headers=quota_headers,
    cap_fields=(("max_completion_tokens",), ("max_tokens",)),
    text_fields=("content", "reasoning_content", "reasoning", "refusal", "arguments", "input"),
    unsealed_calls=b'"tool_calls"',
)
