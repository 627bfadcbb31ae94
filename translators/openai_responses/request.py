"""Requests: read whole (request_decoding.py) and written (request_encoding.py).

Here stands what the gateway reads of one that passes unchanged, and the one thing it may change.

Image edits come as multipart forms instead, and only the request's own content-type says how to
read them: that is translators.edit.multipart_field.
"""

from collections.abc import Mapping
from typing import Any

from translators import edit
from translators.fields import choices, read_request, wanted_count, wanted_flag, wanted_text
from translators.openai_responses.request_decoding import decode_request
from translators.openai_responses.request_encoding import encode_request
from translators.protocol import Peek

__all__ = ["decode_request", "encode_request", "peek", "rename_model", "request_path"]


def peek(body: bytes) -> Peek:
    """Model, streaming and the output cap. A stored prompt may bring the model instead."""
    request = read_request(body)
    return Peek(
        model=wanted_text(request, "model"),
        stream=wanted_flag(request, "stream"),
        max_output_tokens=wanted_count(request.get("max_output_tokens"), "max_output_tokens"),
        choices=choices(request.get("n")),  # of pictures
        previous_id=wanted_text(request, "previous_response_id"),
        stored=request.get("store") is not False,
        unserved=_unserved(request),
    )


def _unserved(request: Mapping[str, Any]) -> str | None:
    """What refers to state at the upstream that cannot be told apart by customer, or billed."""
    if request.get("background"):
        return "background"
    if request.get("conversation"):
        return "conversation"
    items = request.get("input")
    if isinstance(items, list) and any(
        isinstance(item, dict) and item.get("type") == "item_reference" for item in items
    ):
        return "input"
    return None


def rename_model(body: bytes, model: str) -> bytes:
    """The same bytes with another value for the top-level `model`."""
    return edit.replace_model(body, model)


def request_path(model: str, streamed: bool) -> str:
    """One path for every model, streamed or not: the body says both."""
    return "/responses"
