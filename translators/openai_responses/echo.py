"""What an answer repeats of its request, and the rest of the response object around the output.

OpenAI's server repeats every parameter, with its default where the caller said nothing; the SDKs
validate some of them.
"""

from collections.abc import Mapping
from typing import Any

from translators.canonical.reply import ReplyContext

# The parameters that a response repeats, in the server's order, each with its default.
_PARAMETERS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
# What those have that are objects, where the caller said a part of them only.
_MERGED = ("reasoning", "text")

_TOOL_DEFAULTS: dict[str, dict[str, Any]] = {
    "function": {"description": None, "parameters": None, "strict": True},
    "custom": {"description": None, "format": {"type": "text"}},
    "namespace": {"description": ""},
}


def echo_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's own words, as he gave them; `include` too, which answers obey."""
    kept = {name: body[name] for name in (*_PARAMETERS, "include") if body.get(name) is not None}
    if kept.get("service_tier") == "auto":
        del kept["service_tier"]
    if isinstance(kept.get("tools"), list):
        kept["tools"] = [_tool(tool) for tool in kept["tools"]]
    return kept


def _tool(tool: Any) -> Any:
    """A tool with the fields that the server adds."""
    if not isinstance(tool, dict):
        return tool
    defaults = _TOOL_DEFAULTS.get(str(tool.get("type")), {})
    return tool | {name: value for name, value in defaults.items() if tool.get(name) is None}


def envelope(context: ReplyContext) -> dict[str, Any]:
    """The response object without status, error, output and usage."""
    said = context.echo
    if context.previous_id is not None:
        said = {**said, "previous_response_id": context.previous_id}
    head: dict[str, Any] = {
        "id": f"resp_{context.seed}",
        "object": "response",
        "created_at": context.created_at_s,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": context.model,
        "output": [],
        "usage": None,
    }
    for name, default in _PARAMETERS.items():
        value = said.get(name, default)
        if name in _MERGED and isinstance(value, Mapping):
            value = {**default, **value}
        head[name] = value
    if context.previous_id is not None:
        head["previous_response_id"] = context.previous_id
    return head
