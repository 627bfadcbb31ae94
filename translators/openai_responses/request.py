"""What the gateway reads of a Responses or Images request, and the one thing it may change.

Image edits come as multipart forms instead, and only the request's own content-type says how to
read them: that is translators.edit.multipart_field.
"""

from translators import edit
from translators.fields import read_request, wanted_count, wanted_flag, wanted_text
from translators.protocol import Peek


def peek(body: bytes) -> Peek:
    """Model, streaming and the output cap. A stored prompt may bring the model instead."""
    request = read_request(body)
    return Peek(
        model=wanted_text(request, "model"),
        stream=wanted_flag(request, "stream"),
        max_output_tokens=wanted_count(request.get("max_output_tokens"), "max_output_tokens"),
    )


def rename_model(body: bytes, model: str) -> bytes:
    """The same bytes with another value for the top-level `model`."""
    return edit.replace_model(body, model)
