"""How many tokens a request has: `/responses/input_tokens`, which answers with the number alone."""

from translators import text_json
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded
from translators.canonical.request import Request
from translators.fields import count
from translators.openai_chat.observed import read_answer
from translators.openai_responses.request_encoding import encode_request
from translators.protocol import Counting, NotUnderstood

# What of a request's body the endpoint takes.
_COUNTED = (
    "model",
    "instructions",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
)


def _path(model: str) -> str:
    return "/responses/input_tokens"


def _encode(request: Request, capabilities: Capabilities) -> Encoded:
    encoded = encode_request(request, capabilities)
    body = text_json.loads(encoded.body)
    return Encoded(
        text_json.dumps({name: body[name] for name in _COUNTED if name in body}), encoded.losses
    )


def _decode(body: bytes) -> int:
    tokens = count(read_answer(body).get("input_tokens"))
    if tokens is None:
        raise NotUnderstood("The upstream's answer has no number of tokens.")
    return tokens


def _render(tokens: int) -> bytes:
    return text_json.dumps({"object": "response.input_tokens", "input_tokens": tokens})


COUNTING = Counting(_path, _encode, _decode, _render)
