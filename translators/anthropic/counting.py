"""The counting of tokens: `POST /v1/messages/count_tokens`."""

import orjson

from translators.anthropic.request_encoding import encode_count
from translators.fields import count
from translators.protocol import Counting, NotUnderstood


def count_path(model: str) -> str:
    return "/messages/count_tokens"


def decode_count(body: bytes) -> int:
    """The figure of an answer. NotUnderstood where it has none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    tokens = count(answer.get("input_tokens")) if isinstance(answer, dict) else None
    if tokens is None:
        raise NotUnderstood("The upstream's answer has no count of tokens.")
    return tokens


def render_count(tokens: int) -> bytes:
    return orjson.dumps({"input_tokens": tokens})


COUNTING = Counting(path=count_path, encode=encode_count, decode=decode_count, render=render_count)
