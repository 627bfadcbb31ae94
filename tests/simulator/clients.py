"""Requests as real clients send them, one for each client's habits, recorded from them:
Anthropic's and Chat's. The two other protocols are in agents.py."""

from typing import Any

from simulator.signature import seal
from tests.simulator.running import Json

SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["city", "n"],
    "additionalProperties": False,
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"
MARK: Json = {"type": "ephemeral"}
CALLED: Json = {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "ls"}}


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
