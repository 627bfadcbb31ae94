"""What a Responses request can say, with what must be read of it."""

import json
from typing import Any

from translators.canonical.parts import (
    CacheMark,
    Citation,
    Filed,
    Found,
    Inline,
    Located,
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
    ToolResult,
)
from translators.canonical.request import (
    HostedTool,
    Request,
    Role,
    Tool,
    WebSearch,
)
from translators.canonical.sealed import Sealed
from translators.openai_responses import PROTOCOL

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def decoded(**fields: Any) -> Request:
    body = {"model": "gpt-5", "input": "Hi"} | fields
    return PROTOCOL.decode_request(json.dumps(body).encode())


def items(*found: dict[str, Any]) -> list[tuple[Role, tuple[Part, ...]]]:
    return [(turn.role, turn.parts) for turn in decoded(input=list(found)).turns]


def losses(**fields: Any) -> list[str]:
    return [str(loss) for loss in decoded(**fields).losses]


INPUT = {"type": "input_text", "text": "a"}


CONTENTS: list[tuple[dict[str, Any], Part]] = [
    (INPUT, Text("a")),
    ({"type": "text", "text": "a"}, Text("a")),
    (INPUT | {"prompt_cache_breakpoint": {"mode": "explicit"}}, Text("a", cache=CacheMark())),
    (
        INPUT | {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        Text("a", cache=CacheMark("1h")),
    ),
    (
        {
            "type": "output_text",
            "text": "a",
            "annotations": [
                {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
            ],
        },
        Text("a", (Citation("u", "t", None, 0, 1),)),
    ),
    ({"type": "refusal", "refusal": "No."}, Refusal("No.")),
    (
        {"type": "input_image", "image_url": "https://a/b.png", "detail": "low"},
        Media(MediaKind.IMAGE, Located("https://a/b.png"), detail="low"),
    ),
    (
        {"type": "input_image", "image_url": "data:image/png;charset=utf-8;base64,aGk="},
        Media(MediaKind.IMAGE, Inline("aGk="), "image/png"),
    ),
    (
        {"type": "input_image", "file_id": "file-1"},
        Media(MediaKind.IMAGE, Filed("openai_responses", "file-1")),
    ),
    (
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,aGk=",
        },
        Media(MediaKind.DOCUMENT, Inline("aGk="), "application/pdf", "a.pdf"),
    ),
    (
        {"type": "input_file", "filename": "a.txt", "file_data": "aGk="},
        Media(MediaKind.DOCUMENT, Inline("aGk="), "text/plain", "a.txt"),
    ),
    (
        {"type": "input_file", "file_url": "https://a/b.pdf"},
        Media(MediaKind.DOCUMENT, Located("https://a/b.pdf")),
    ),
    (
        {"type": "input_file", "file_id": "file-1"},
        Media(MediaKind.DOCUMENT, Filed("openai_responses", "file-1")),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        Media(MediaKind.AUDIO, Inline("aGk="), "audio/mpeg"),
    ),
    ({"type": "new", "x": 1}, Opaque("openai_responses", "content.new", {"type": "new", "x": 1})),
]


CALL = {"call_id": "c", "id": "x_1", "status": "completed"}


ITEMS: list[tuple[str, dict[str, Any], Part]] = [
    (
        "reasoning with summaries",
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [
                {"type": "summary_text", "text": "a"},
                {"type": "summary_text", "text": "b"},
            ],
            "content": None,
            "encrypted_content": "gA",
        },
        Reasoning("a\n\nb", Sealed("openai_responses", "gA"), id="rs_1"),
    ),
    (
        "raw reasoning",
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "a"}]},
        Reasoning("a"),
    ),
    (
        "reasoning sealed by another",
        {"type": "reasoning", "summary": [], "encrypted_content": "clv1.anthropic.Eq=="},
        Reasoning("", Sealed("anthropic", "Eq==")),
    ),
    (
        "function_call",
        {"type": "function_call", "name": "f", "arguments": '{"a": 1}', "namespace": "n"} | CALL,
        ToolCall("c", "f", '{"a": 1}', namespace="n", item_id="x_1"),
    ),
    (
        "custom_tool_call",
        {"type": "custom_tool_call", "name": "exec", "input": "ls"} | CALL,
        ToolCall("c", "exec", "ls", ToolKind.FREEFORM, item_id="x_1"),
    ),
    (
        "local_shell_call",
        {
            "type": "local_shell_call",
            "action": {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": None},
        }
        | CALL,
        ToolCall(
            "c", "local_shell", '{"command":["ls"],"env":{}}', origin="local_shell", item_id="x_1"
        ),
    ),
    (
        "shell_call",
        {"type": "shell_call", "action": {"commands": ["ls"]}, "environment": {"type": "local"}}
        | CALL,
        ToolCall("c", "shell", '{"commands":["ls"]}', origin="shell", item_id="x_1"),
    ),
    (
        "apply_patch_call",
        {
            "type": "apply_patch_call",
            "operation": {"type": "update_file", "path": "a", "diff": "@@"},
        }
        | CALL,
        ToolCall(
            "c",
            "apply_patch",
            '{"type":"update_file","path":"a","diff":"@@"}',
            origin="apply_patch",
            item_id="x_1",
        ),
    ),
    (
        "web_search_call",
        {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {
                "type": "search",
                "query": "a",
                "queries": ["a", "b"],
                "sources": [{"type": "url", "url": "https://a"}],
            },
        },
        SearchCall("ws_1", ("a", "b"), (Found("https://a"),)),
    ),
    (
        "an image that was made",
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="},
        Media(MediaKind.IMAGE, Inline("aGk="), "image/png"),
    ),
]


OUTPUTS: list[tuple[str, dict[str, Any], ToolResult]] = [
    (
        "text",
        {"type": "function_call_output", "call_id": "c", "output": "a"},
        ToolResult("c", (Text("a"),)),
    ),
    (
        "failed",
        {"type": "function_call_output", "call_id": "c", "output": "a", "status": "incomplete"},
        ToolResult("c", (Text("a"),), is_error=True),
    ),
    (
        "parts",
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [INPUT, {"type": "input_image", "image_url": "https://a"}],
        },
        ToolResult("c", (Text("a"), Media(MediaKind.IMAGE, Located("https://a")))),
    ),
    (
        "freeform",
        {"type": "custom_tool_call_output", "call_id": "c", "output": [INPUT]},
        ToolResult("c", (Text("a"),), kind=ToolKind.FREEFORM),
    ),
    (
        "apply_patch",
        {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no"},
        ToolResult("c", (Text("no"),), True, "apply_patch", origin="apply_patch"),
    ),
    (
        "apply_patch without words",
        {"type": "apply_patch_call_output", "call_id": "c", "status": "completed"},
        ToolResult("c", (Text("done"),), False, "apply_patch", origin="apply_patch"),
    ),
    (
        "shell",
        {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a"}]},
        ToolResult("c", (Text('[{"stdout":"a"}]'),), False, "shell", origin="shell"),
    ),
]


TOOLS: list[tuple[str, dict[str, Any], Tool | WebSearch | HostedTool]] = [
    (
        "function",
        {
            "type": "function",
            "name": "f",
            "description": "d",
            "parameters": SCHEMA,
            "strict": True,
            "defer_loading": False,
        },
        Tool("f", "d", SCHEMA, True),
    ),
    ("bare function", {"type": "function", "name": "f", "parameters": None}, Tool("f")),
    (
        "custom",
        {"type": "custom", "name": "exec", "format": {"type": "text"}},
        Tool("exec", kind=ToolKind.FREEFORM),
    ),
    (
        "grammar",
        {
            "type": "custom",
            "name": "p",
            "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
        },
        Tool("p", kind=ToolKind.FREEFORM, grammar={"syntax": "lark", "definition": "x"}),
    ),
    (
        "web_search",
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["a.example"]},
            "user_location": {"type": "approximate", "city": "Oslo", "country": None},
            "search_context_size": "low",
        },
        WebSearch(("a.example",), (), {"city": "Oslo"}, None, "low", "web_search"),
    ),
    (
        "preview",
        {"type": "web_search_preview_2025_03_11"},
        WebSearch(native_type="web_search_preview_2025_03_11"),
    ),
    (
        "mcp",
        {"type": "mcp", "server_label": "l"},
        HostedTool("openai_responses", "mcp", {"type": "mcp", "server_label": "l"}),
    ),
    (
        "shell in a container",
        {"type": "shell", "environment": {"type": "container_auto"}},
        HostedTool(
            "openai_responses",
            "shell",
            {"type": "shell", "environment": {"type": "container_auto"}},
        ),
    ),
]


HARMLESS: dict[str, Any] = {
    "store": True,
    "previous_response_id": "resp_1",
    "client_metadata": {"a": "b"},
    "stream_options": {"include_obfuscation": False},
    "background": False,
    "truncation": "disabled",
    "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
    "reasoning": {"effort": "low", "context": "auto", "mode": "standard"},
}
