"""Requests: what the gateway reads of one that passes unchanged and the one thing it changes; where
they are sent; and, by name, the two that translate."""

from translators import edit
from translators.anthropic.request_decoding import decode_request
from translators.anthropic.request_encoding import encode_request
from translators.fields import read_request, wanted_count, wanted_flag, wanted_text
from translators.protocol import Peek

__all__ = ["decode_request", "encode_request", "peek", "rename_model", "request_path"]


def peek(body: bytes) -> Peek:
    """Model, streaming and `max_tokens`, which the counting of tokens goes without."""
    request = read_request(body)
    return Peek(
        model=wanted_text(request, "model"),
        stream=wanted_flag(request, "stream"),
        max_output_tokens=wanted_count(request.get("max_tokens"), "max_tokens"),
    )


def rename_model(body: bytes, model: str) -> bytes:
    """The same bytes with another value for the top-level `model`."""
    return edit.replace_model(body, model)


def request_path(model: str, streamed: bool) -> str:
    """The model and whether to stream stand in the body."""
    return "/messages"
