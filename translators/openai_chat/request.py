"""Requests: what the gateway reads of one that passes unchanged, and both ways of translating one.

request_decoding reads (with request_turns, request_parts, request_tools and request_fields),
request_encoding writes (with request_messages, request_content, request_toolbox, strict_schema).
"""

from translators import edit
from translators.fields import choices, inner, read_request, wanted_count, wanted_flag, wanted_text
from translators.openai_chat.request_decoding import decode_request
from translators.openai_chat.request_encoding import encode_request
from translators.protocol import Peek


def peek(body: bytes) -> Peek:
    """Model, streaming, choices, output cap: `max_completion_tokens` and the older `max_tokens`,
    of which servers heed the one or the other."""
    request = read_request(body)
    caps = [
        wanted_count(request.get(name), name) for name in ("max_completion_tokens", "max_tokens")
    ]
    return Peek(
        model=wanted_text(request, "model"),
        stream=wanted_flag(request, "stream"),
        max_output_tokens=max((cap for cap in caps if cap is not None), default=None),
        choices=choices(request.get("n")),
        answer_in="anthropic" if request.get("style") == "claude" else None,
    )


def wants_usage(body: bytes) -> bool:
    """Whether a streamed answer will carry usage (`stream_options.include_usage`).

    Without it OpenAI streams no usage at all, and the tokens can only be estimated.
    """
    return inner(read_request(body).get("stream_options")).get("include_usage") is True


def rename_model(body: bytes, model: str) -> bytes:
    """The same bytes with another value for the top-level `model`."""
    return edit.replace_model(body, model)


def request_path(model: str, streamed: bool) -> str:
    """The path after the version; the body names the model and says whether to stream."""
    return "/chat/completions"


__all__ = [
    "decode_request",
    "encode_request",
    "peek",
    "rename_model",
    "request_path",
    "wants_usage",
]
