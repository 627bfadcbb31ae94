"""countTokens: the question to an upstream, its answer, and an answer of our own."""

from translators import text_json
from translators.fields import count
from translators.gemini.request_encoding import count_path, encode_count
from translators.gemini.wire import either
from translators.protocol import Counting, NotUnderstood


def decode_count(body: bytes) -> int:
    try:
        parsed = text_json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    tokens = count(either(parsed, "totalTokens"))
    if tokens is None:
        raise NotUnderstood("The upstream's answer does not tell 'totalTokens'.")
    return tokens


def render_count(tokens: int) -> bytes:
    return text_json.dumps({"totalTokens": tokens})


COUNTING = Counting(count_path, encode_count, decode_count, render_count)
