"""Answers and chunks with a value of every wrong type at every place: read, never raised at."""

from typing import Any

import orjson

from tests.translators.openai_chat_reading import ISSUER, check_order, heard
from tests.translators.test_wrong_types import replaced
from translators.canonical.reply import ReplyContext
from translators.canonical.response import fold, unfold
from translators.openai_chat import PROTOCOL
from translators.protocol import NotUnderstood

CONTEXT = ReplyContext("s", "m", 1)
DONE = b"data: [DONE]\n\n"
MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": [{"type": "text", "text": "x"}, {"type": "thinking", "thinking": [{"text": "x"}]}],
    "reasoning_content": "x",
    "reasoning": "x",
    "reasoning_details": [
        {"type": "reasoning.text", "text": "x", "index": 0},
        {"type": "reasoning.text", "signature": "x", "index": 0},
        {"type": "reasoning.encrypted", "data": "x"},
    ],
    "refusal": "x",
    "images": [{"image_url": {"url": "data:image/png;base64,AA"}}],
    "audio": {"id": "x", "data": "x", "transcript": "x"},
    "annotations": [{"url_citation": {"url": "x", "start_index": 1, "end_index": 2}}],
    "function_call": {"name": "f", "arguments": "x"},
    "tool_calls": [
        {
            "index": 0,
            "id": "x",
            "function": {"name": "f", "arguments": "x"},
            "extra_content": {"google": {"thought_signature": "x"}},
        },
        {"index": 1, "id": "y", "type": "custom", "custom": {"name": "f", "input": "x"}},
    ],
}
USAGE = {"prompt_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 1}}


def answer(place: str) -> dict[str, Any]:
    choice = {"index": 0, place: MESSAGE, "finish_reason": "stop", "error": None}
    return {
        "id": "x",
        "model": "m",
        "choices": [choice],
        "usage": USAGE,
        "x_groq": {"usage": USAGE},
    }


def test_whole_answers() -> None:
    for other in replaced(answer("message")):
        try:
            response = PROTOCOL.decode_response(orjson.dumps(other), ISSUER)
        except NotUnderstood:
            assert not isinstance(other, dict)
            continue
        PROTOCOL.encode_response(response, CONTEXT)
        assert fold(unfold(response)) == response


def test_chunks() -> None:
    first = b"data: " + orjson.dumps(answer("delta")) + b"\n\n"
    for other in replaced(answer("delta")):
        piece = b"data: " + orjson.dumps(other) + b"\n\n"
        for pieces in ([piece, DONE], [first, piece, DONE]):
            events = heard(pieces)
            check_order(events)
            encoder = PROTOCOL.stream_encoder(CONTEXT)
            for event in events:
                encoder.write(event)
