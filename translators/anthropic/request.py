"""What the gateway reads of a Messages or count_tokens request, and the one thing it changes."""

from translators import edit
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded
from translators.canonical.request import Request
from translators.fields import read_request, wanted_count, wanted_flag, wanted_text
from translators.protocol import Peek


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


def decode_request(body: bytes) -> Request:
    raise NotImplementedError


def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    raise NotImplementedError


def request_path(model: str, streamed: bool) -> str:
    raise NotImplementedError
