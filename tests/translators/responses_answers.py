"""Answers in the neutral form, to be written as Responses answers and streams."""

import json
from typing import Any

import httpx2
import openai

from tests.translators.responses_grammar import parsed
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Found,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, unfold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.openai_responses import PROTOCOL

TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "weather", "parameters": {"type": "object"}},
    {"type": "custom", "name": "exec", "format": {"type": "grammar", "syntax": "lark",
                                                  "definition": "start: /.+/"}},
    {"type": "namespace", "name": "mcp", "description": "d", "tools": []},
    {"type": "web_search"},
    {"type": "local_shell"},
]  # fmt: skip


ASKED: dict[str, Any] = {
    "model": "gpt-5",
    "input": "Hi",
    "instructions": "Be brief.",
    "tools": TOOLS,
    "tool_choice": {"type": "function", "name": "weather"},
    "parallel_tool_calls": False,
    "temperature": 0.5,
    "top_p": 0.9,
    "max_output_tokens": 500,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low"},
    "metadata": {"a": "b"},
    "truncation": "auto",
    "store": False,
    "user": "u",
    "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
    "stream": True,
}


ECHO = PROTOCOL.decode_request(json.dumps(ASKED).encode()).echo


CONTEXT = ReplyContext("seed01", "gpt-5", 1_759_478_873, echo=ECHO)


USAGE = Usage(
    input_tokens=10,
    cache_read_tokens=20,
    cache_write_5m_tokens=3,
    cache_write_1h_tokens=4,
    output_tokens=5,
    reasoning_tokens=6,
    web_searches=1,
)


OWN, FOREIGN = Sealed("openai_responses", "gAAA"), Sealed("anthropic", "EqQB/=+")


CITED = Citation("https://a.example/", "A", None, 0, 4)


PARTS: dict[str, tuple[Part, ...]] = {
    "text": (Text("Hello 😀\u2028!"),),
    "nothing at all": (),
    "empty text": (Text(""),),
    "two texts of one message": (Text("a"), Text("b")),
    "refusal": (Refusal("No."),),
    "text and refusal": (Text("Well: "), Refusal("no.")),
    "citations": (Text("Rain in Oslo.", (CITED, Citation("https://b.example/"))),),
    "reasoning": (Reasoning("Hm.\n\nWell.", OWN), Text("42")),
    "reasoning that is not shown": (Reasoning("", FOREIGN), Text("42")),
    "reasoning without a seal": (Reasoning("Hm."), Text("42")),
    "withheld reasoning": (Reasoning("", FOREIGN, redacted=True), Text("42")),
    "call": (Text("Look."), ToolCall("call_1", "weather", '{"city": "Oslo"}')),
    "calls without arguments": (ToolCall("a", "f", ""), ToolCall("b", "f", "{}")),
    "freeform": (ToolCall("call_1", "exec", "ls -la\n", ToolKind.FREEFORM),),
    "namespace": (ToolCall("call_1", "weather", "{}", namespace="mcp"),),
    "signed call": (ToolCall("c1", "f", "{}", sealed=FOREIGN), ToolCall("c2", "g", "{}")),
    "local shell": (ToolCall("c", "local_shell", '{"command":["ls"]}', origin="local_shell"),),
    "shell": (ToolCall("c", "shell", '{"commands":["ls"],"timeout_ms":5}', origin="shell"),),
    "apply patch": (
        ToolCall(
            "c",
            "apply_patch",
            '{"type":"update_file","path":"a","diff":"@@"}',
            origin="apply_patch",
        ),
    ),
    "search": (
        SearchCall("srv_1", ("oslo", "rome"), (Found("https://a.example/", "A"),)),
        Text("Rain.", (CITED,)),
    ),
    "failed search": (SearchCall("ws_9", ("oslo",), error="unavailable"),),
    "image": (Media(MediaKind.IMAGE, Inline("aGk="), "image/webp"), Text("Here.")),
    "text between": (Text("a"), ToolCall("c", "f", "{}"), Text("b"), Reasoning("c"), Text("d")),
    "own item": (
        Opaque(
            "openai_responses",
            "compaction",
            {"id": "cmp_1", "type": "compaction", "encrypted_content": "g"},
        ),
    ),
}


def answer(*parts: Part, reason: Reason = Reason.STOP) -> Response:
    return Response("msg_1", "claude", parts, Finish(reason, "x"), USAGE)


def streamed(response: Response, context: ReplyContext = CONTEXT) -> bytes:
    encoder = PROTOCOL.stream_encoder(context)
    return b"".join(encoder.write(event) for event in unfold(response))


def written(*events: StreamEvent) -> bytes:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    return b"".join(encoder.write(event) for event in events)


def client(content: bytes) -> openai.OpenAI:
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers=headers, content=content)
    )
    return openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport), max_retries=0)


def types(stream: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in parsed(stream)]


OVERLOADED = Failure(Kind.OVERLOADED, "The servers are overloaded.", retry_after_s=3)
