"""What real clients send is accepted: one request for each client's habits, as recorded from them."""

from typing import Any

import httpx
import pytest

from simulator.signature import seal
from tests.simulator.running import Json, Running

SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["city", "n"],
    "additionalProperties": False,
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"
MARK: Json = {"type": "ephemeral"}
CALLED: Json = {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "ls"}}
FUNCTION: Json = {"type": "function", "name": "shell", "strict": False, "parameters": SCHEMA}
NO_TEXT = seal("anthropic", "withheld")


def thinking(text: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": seal("anthropic", text)}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def user(*parts: Any) -> Json:
    return {"role": "user", "content": list(parts)}


ANTHROPIC: dict[str, tuple[str, Json, Json]] = {
    "claude code, newest model": (
        "?beta=true",
        {
            "anthropic-beta": "claude-code-20250219,context-management-2025-06-27,"
            "per-turn-control-2026-07-01,mid-conversation-tool-changes-2026-07-01,odd-2031-01-01",
            "anthropic-dangerous-direct-browser-access": "true",
            "x-app": "cli",
            "x-api-key": "k",
        },
        {
            "model": "claude-opus-5-5",
            "max_tokens": 128000,
            "stream": True,
            "system": [
                text("x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"),
                text("You are Claude Code.", cache_control={"type": "ephemeral", "ttl": "1h"}),
            ],
            "tools": [
                {
                    "name": "Bash",
                    "description": "d",
                    "input_schema": {"$schema": "https://json-schema.org/x", **SCHEMA},
                    "eager_input_streaming": True,
                    "defer_loading": True,
                }
            ],
            "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "medium"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "messages": [
                user(text("list", cache_control=MARK)),
                {
                    "role": "assistant",
                    "content": [{**thinking("x"), "thinking": ""}, CALLED],
                },
                user(
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_01",
                        "content": [text("a")],
                        "is_error": False,
                    },
                    text("<system-reminder>b</system-reminder>"),
                ),
                {"role": "system", "content": "be quick", "output_config": {"effort": "low"}},
            ],
        },
    ),
    "claude code, older model": (
        "?beta=true",
        {"anthropic-beta": "interleaved-thinking-2025-05-14", "authorization": "Bearer k"},
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 32000,
            "thinking": {"budget_tokens": 31999, "type": "enabled", "display": "omitted"},
            "messages": [{"role": "user", "content": "hi"}],
        },
    ),
    "the python sdk": (
        "",
        {"anthropic-version": "2026-10-21", "authorization": "Bearer k"},
        {
            "model": "claude-opus-5-5",
            "max_tokens": 100,
            "thinking": {"type": "adaptive", "display": "summarized"},
            "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            "messages": [
                user(
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                    },
                    text("see"),
                )
            ],
        },
    ),
    "opencode": (
        "",
        {"anthropic-beta": "thinking-binding-controls-2026-08-01", "x-session-affinity": "s"},
        {
            "model": "claude-opus-5-5",
            "max_tokens": 8192,
            "thinking": {
                "type": "adaptive",
                "display": "summarized",
                "block_binding": {"prefix_mismatch_behavior": "drop_block"},
            },
            "tools": [{"name": "read", "description": "d", "input_schema": SCHEMA}],
            "tool_choice": {"type": "auto"},
            "output_config": {"effort": "low"},
            "messages": [{"role": "user", "content": [text("hi")]}],
        },
    ),
    "cline with a server tool": (
        "",
        {"anthropic-beta": "structured-outputs-2025-11-13"},
        {
            "model": "claude-opus-5-5",
            "max_tokens": 38400,
            "system": [text("s", cache_control=MARK)],
            "tools": [
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
                {"name": "read", "input_schema": SCHEMA},
            ],
            "tool_choice": {"type": "auto"},
            "messages": [{"role": "user", "content": [text("hi")]}],
        },
    ),
    "litellm and mini-swe-agent": (
        "",
        {},
        {
            "model": "claude-opus-5-5",
            "max_tokens": 128000,
            "tools": [{"type": "custom", "name": "bash", "input_schema": SCHEMA}],
            "messages": [{"role": "user", "content": [text("hi")]}],
        },
    ),
    "llm": (
        "",
        {},
        {
            "model": "claude-opus-5-5",
            "max_tokens": 128000,
            "temperature": 1.0,
            "thinking": {"type": "adaptive", "display": "summarized"},
            "messages": [{"role": "user", "content": "hi"}],
        },
    ),
    "pi": (
        "",
        {"anthropic-beta": "interleaved-thinking-2025-05-14"},
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 8192,
            "thinking": {"type": "disabled"},
            "messages": [
                user(text("a")),
                {"role": "assistant", "content": [thinking("b"), text("c")]},
                user(text("d")),
            ],
        },
    ),
}

CHAT: dict[str, Json] = {
    "pi": {
        "model": "deepseek-chat",
        "store": False,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 8192,
        "reasoning_effort": "medium",
        "messages": [
            {"role": "developer", "content": "s"},
            user(
                text("a"),
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ),
        ],
    },
    "opencode": {
        "model": "deepseek-chat",
        "max_tokens": 8192,
        "temperature": 0.5,
        "reasoning_effort": "low",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}],
    },
    "an agent on litellm": {
        "model": "deepseek-chat",
        "tools": [{"type": "function", "function": {"name": "bash", "parameters": SCHEMA}}],
        "messages": [
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": None,
                "function_call": None,
                "provider_specific_fields": {"refusal": None},
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "bash", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "name": "bash", "content": "x"},
        ],
    },
    "pydantic-ai": {
        "model": "gpt-5-mini",
        "stream": False,
        "tool_choice": "required",
        "tools": [
            {"type": "function", "function": {"name": "f", "strict": True, "parameters": SCHEMA}}
        ],
        "messages": [{"role": "user", "content": "a"}],
    },
    "langchain": {
        "model": "gpt-5-mini",
        "stream": False,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "Ans", "strict": True, "schema": SCHEMA},
        },
        "messages": [user(text("a"))],
    },
}

RESPONSES: dict[str, Json] = {
    "codex, current models": {
        "model": "gpt-5",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low", "context": "all_turns"},
        "text": {"verbosity": "low"},
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "prompt_cache_key": "01a1",
        "client_metadata": {"session_id": "01a1", "x-codex-turn-metadata": "{}"},
        "input": [
            {
                "type": "additional_tools",
                "role": "developer",
                "tools": [
                    {
                        "type": "custom",
                        "name": "exec",
                        "description": "d",
                        "format": {"type": "text"},
                    },
                    {"type": "namespace", "name": "mcp", "description": "d", "tools": [FUNCTION]},
                    {"type": "web_search", "external_web_access": False},
                    {
                        "type": "tool_search",
                        "execution": "client",
                        "description": "d",
                        "parameters": {},
                    },
                ],
            },
            {
                "type": "message",
                "role": "developer",
                "content": [{"type": "input_text", "text": "s"}],
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "image_url": "https://x/y.png"},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [],
                "content": None,
                "encrypted_content": seal("openai", "x"),
            },
            {
                "type": "custom_tool_call",
                "id": "ctc_1",
                "status": "completed",
                "call_id": "call_1",
                "name": "exec",
                "input": "ls",
            },
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "b"},
        ],
    },
    "opencode": {
        "model": "gpt-5",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "minimal", "summary": "auto"},
        "max_output_tokens": 8192,
        "tools": [FUNCTION],
        "tool_choice": "auto",
        "prompt_cache_key": "ses_1",
        "input": [
            {"role": "developer", "content": "s"},
            {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "c"}]},
        ],
    },
    "cline": {
        "model": "gpt-5",
        "include": ["web_search_call.action.sources"],
        "truncation": "auto",
        "tools": [{"type": "web_search"}, {"type": "image_generation"}, FUNCTION],
        "tool_choice": "auto",
        "reasoning": {"effort": "medium", "summary": "detailed"},
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "b"},
        ],
    },
    "openai-agents": {
        "model": "gpt-5",
        "include": [],
        "tools": [],
        "input": [{"role": "user", "content": "a"}],
    },
    "pi": {"model": "gpt-5", "reasoning": {"effort": "none"}, "store": False, "input": "a"},
    "instructor": {
        "model": "gpt-5",
        "input": "a",
        "tools": [{**FUNCTION, "name": "Order"}],
        "tool_choice": {"type": "function", "name": "Order"},
    },
}

SIGNED: Json = {
    "functionCall": {"name": "read", "args": {"path": "a"}},
    "thoughtSignature": seal("gemini", "x"),
}
ANSWER: Json = {"functionResponse": {"name": "read", "response": {"output": "b"}}}
LOOP: list[Json] = [
    {"role": "user", "parts": [{"text": "a"}]},
    {"role": "model", "parts": [{"text": "hm", "thought": True}, SIGNED]},
    {"role": "user", "parts": [ANSWER]},
]
GEMINI: dict[str, Json] = {
    "gemini cli": {
        "contents": LOOP,
        "systemInstruction": {"role": "user", "parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "read", "parametersJsonSchema": SCHEMA}]}],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "thinkingConfig": {"includeThoughts": True},
        },
    },
    "qwen code": {
        "contents": LOOP,
        "generationConfig": {
            "maxOutputTokens": 64000,
            "thinkingConfig": {
                "includeThoughts": True,
                "thinkingLevel": "THINKING_LEVEL_UNSPECIFIED",
            },
        },
    },
    "cline": {
        "contents": LOOP,
        "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "read"}]}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "VALIDATED"},
            "includeServerSideToolInvocations": True,
        },
        "generationConfig": {},
    },
    "litellm": {
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]},
            {
                "role": "model",
                "parts": [
                    {"function_call": {"name": "read"}, "thoughtSignature": seal("gemini", "x")}
                ],
            },
            {"role": "user", "parts": [{"function_response": {"name": "read", "response": {}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "read"}]}],
        "generationConfig": {"temperature": 1.0},
    },
    "instructor": {
        "contents": [{"role": "user", "parts": [{"text": "a"}]}],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseSchema": {
                "type": "OBJECT",
                "properties": {"qty": {"minimum": 0.0, "title": "Qty", "type": "INTEGER"}},
                "property_ordering": ["qty"],
                "required": ["qty"],
            },
        },
    },
    "aider": {
        "contents": [{"role": "user", "parts": [{"text": "a"}]}],
        "generationConfig": {"temperature": 0, "thinkingConfig": {"thinkingLevel": "low"}},
    },
    "pydantic-ai": {
        "contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"name": "read"},
                        "thoughtSignature": "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
                    }
                ],
            },
            {"role": "user", "parts": [ANSWER]},
        ],
        "generationConfig": {"responseModalities": ["TEXT"]},
    },
}


def accepted(sim: Running, path: str, body: Json, headers: Json) -> httpx.Response:
    answer = sim.post(path, body, headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("client", ANTHROPIC)
def test_anthropic_clients(sim: Running, client: str) -> None:
    query, headers, body = ANTHROPIC[client]
    sent = {"anthropic-version": "2023-06-01", "x-api-key": "k", **headers}
    accepted(sim, f"/v1/messages{query}", body, sent)
    outside = ("max_tokens", "stream", "metadata", "temperature")
    counted = {name: value for name, value in body.items() if name not in outside}
    accepted(sim, f"/v1/messages/count_tokens{query}", counted, sent)


@pytest.mark.parametrize("client", CHAT)
def test_chat_clients(sim: Running, client: str) -> None:
    accepted(sim, "/v1/chat/completions", CHAT[client], {"authorization": "Bearer k"})


@pytest.mark.parametrize("client", RESPONSES)
def test_responses_clients(sim: Running, client: str) -> None:
    accepted(sim, "/v1/responses", RESPONSES[client], {"authorization": "Bearer k"})


@pytest.mark.parametrize("action", ["generateContent", "streamGenerateContent?alt=sse"])
@pytest.mark.parametrize("client", GEMINI)
def test_gemini_clients(sim: Running, client: str, action: str) -> None:
    path = f"/v1beta/models/gemini-3-pro:{action}"
    accepted(sim, path, GEMINI[client], {"x-goog-api-key": "k"})
