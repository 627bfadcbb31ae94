"""What the gateway reads of a Chat Completions or embeddings request, and what it may change."""

from translators import edit
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded
from translators.canonical.request import Request
from translators.fields import inner, read_request, wanted_count, wanted_flag, wanted_text
from translators.protocol import Peek


def peek(body: bytes) -> Peek:
    """Model, streaming, output cap (`max_completion_tokens`, else the older `max_tokens`)."""
    request = read_request(body)
    newer, older = (
        wanted_count(request.get(name), name) for name in ("max_completion_tokens", "max_tokens")
    )
    return Peek(
        model=wanted_text(request, "model"),
        stream=wanted_flag(request, "stream"),
        max_output_tokens=newer if newer is not None else older,
    )


def wants_usage(body: bytes) -> bool:
    """Whether a streamed answer will carry usage (`stream_options.include_usage`).

    Without it OpenAI streams no usage at all, and the tokens can only be estimated.
    """
    return inner(read_request(body).get("stream_options")).get("include_usage") is True


def rename_model(body: bytes, model: str) -> bytes:
    """The same bytes with another value for the top-level `model`."""
    return edit.replace_model(body, model)


def decode_request(body: bytes) -> Request:
    raise NotImplementedError


def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    raise NotImplementedError


def request_path(model: str, streamed: bool) -> str:
    raise NotImplementedError
