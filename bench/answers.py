"""The work: what the load asks and what the upstream answers, byte for byte the same in every run.

One question of some 1.5 KB (a system prompt, a little history, one tool) and two answers to it, one
whole and one as a stream of EVENTS events, in both dialects that a peer may be asked in. Sizes are
those of an ordinary chat turn; nothing here is random.
"""

from dataclasses import dataclass, replace

import orjson

EVENTS = 53  # of one stream, the terminal marker included
MODEL = "bench-model"
CLAUDE_MODEL = "bench-claude-model"  # served by Anthropic's protocol alone
CHAT_MODEL = "bench-chat-model"  # served by Chat Completions alone
IDLE_MODEL = "bench-idle-model"  # its streams stop after the first words, until the client goes
FAILING_MODEL = "bench-failing-model"  # its first account answers 503, its second one answers
_WORDS = "The floor is what remains when a processor decides nothing at all, and still must speak. "
_HISTORY = [
    {"role": "user", "content": _WORDS * 4},
    {"role": "assistant", "content": _WORDS * 4},
    {"role": "user", "content": "And what is above it?"},
]


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request. A good answer has status 200 and holds `end`; `first` is in the first
    piece of it that a person could read."""

    name: str
    path: str
    body: bytes
    streamed: bool
    first: bytes
    end: bytes


def _chat_question(stream: bool, model: str = MODEL) -> bytes:
    question = {
        "model": model,
        "messages": [{"role": "system", "content": _WORDS * 4}, *_HISTORY],
        "max_tokens": 1024,
        "temperature": 0.2,
    }
    if stream:
        question |= {"stream": True, "stream_options": {"include_usage": True}}
    return orjson.dumps(question)


def _anthropic_question(stream: bool, model: str = MODEL) -> bytes:
    question = {
        "model": model,
        "system": _WORDS * 4,
        "messages": _HISTORY,
        "max_tokens": 1024,
        "temperature": 0.2,
    }
    return orjson.dumps(question | {"stream": True} if stream else question)


_CHAT_PATH, _ANTHROPIC_PATH = "/v1/chat/completions", "/v1/messages"

CHAT_PLAIN = Work(
    "chat_plain", _CHAT_PATH, _chat_question(False), False, b'"content"', b'"finish_reason":"stop"'
)
CHAT_STREAM = Work(
    "chat_stream", _CHAT_PATH, _chat_question(True), True, b'"content":"w', b"data: [DONE]"
)
ANTHROPIC_PLAIN = Work(
    "anthropic_plain",
    _ANTHROPIC_PATH,
    _anthropic_question(False),
    False,
    b'"text"',
    b'"stop_reason":"end_turn"',
)
ANTHROPIC_STREAM = Work(
    "anthropic_stream",
    _ANTHROPIC_PATH,
    _anthropic_question(True),
    True,
    b'"text":"w',
    b'"type":"message_stop"',
)
CHAT_IDLE = replace(CHAT_STREAM, name="chat_idle", body=_chat_question(True, IDLE_MODEL))

# The same questions to a model that is served by the other protocol. The floor sends them where the
# path says, to the same canned upstream.
CHAT_TO_CLAUDE_PLAIN = replace(
    CHAT_PLAIN, name="chat_to_claude_plain", body=_chat_question(False, CLAUDE_MODEL)
)
CHAT_TO_CLAUDE_STREAM = replace(
    CHAT_STREAM, name="chat_to_claude_stream", body=_chat_question(True, CLAUDE_MODEL)
)
ANTHROPIC_TO_CHAT_PLAIN = replace(
    ANTHROPIC_PLAIN, name="anthropic_to_chat_plain", body=_anthropic_question(False, CHAT_MODEL)
)
ANTHROPIC_TO_CHAT_STREAM = replace(
    ANTHROPIC_STREAM, name="anthropic_to_chat_stream", body=_anthropic_question(True, CHAT_MODEL)
)

FAILING_PLAIN = replace(CHAT_PLAIN, name="failing_plain", body=_chat_question(False, FAILING_MODEL))

WORKS = (
    CHAT_PLAIN,
    CHAT_STREAM,
    ANTHROPIC_PLAIN,
    ANTHROPIC_STREAM,
    CHAT_TO_CLAUDE_PLAIN,
    CHAT_TO_CLAUDE_STREAM,
    ANTHROPIC_TO_CHAT_PLAIN,
    ANTHROPIC_TO_CHAT_STREAM,
)


def chat_whole() -> bytes:
    """A chat completion."""
    return orjson.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _WORDS * 6},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 210, "completion_tokens": 98, "total_tokens": 308},
        }
    )


def anthropic_whole() -> bytes:
    """A message."""
    return orjson.dumps(
        {
            "id": "msg_bench",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [{"type": "text", "text": _WORDS * 6}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 210, "output_tokens": 98},
        }
    )


def chat_events() -> list[bytes]:
    """The same as a stream: role, words, finish, usage, the marker."""

    def chunk(delta: object, finish: str | None = None) -> bytes:
        return _data(
            {
                "id": "chatcmpl-bench",
                "object": "chat.completion.chunk",
                "created": 1_700_000_000,
                "model": MODEL,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
                "usage": None,
            }
        )

    usage = {"prompt_tokens": 210, "completion_tokens": 98, "total_tokens": 308}
    last = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000}
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": f"word {number} of "}) for number in range(EVENTS - 4)),
        chunk({}, "stop"),
        _data({**last, "model": MODEL, "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]


def anthropic_events() -> list[bytes]:
    """The same as a stream: start, ping, one block of words, its end, usage, stop."""
    usage = {"input_tokens": 210, "output_tokens": 1}
    message: dict[str, object] = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    text = {"type": "text", "text": ""}
    deltas = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": f"word {number} of "},
        }
        for number in range(EVENTS - 6)
    ]
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": text},
        {"type": "ping"},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 98},
        },
        {"type": "message_stop"},
    ]
    return [b"event: " + str(event["type"]).encode() + b"\n" + _data(event) for event in events]


def _data(event: object) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"
