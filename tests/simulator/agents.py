"""Requests as real clients send them to Responses and Gemini; see clients.py."""

from simulator.signature import seal
from tests.simulator.clients import PNG, SCHEMA
from tests.simulator.running import Json

FUNCTION: Json = {"type": "function", "name": "shell", "strict": False, "parameters": SCHEMA}
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
