"""Anthropic's rules for everything but the conversation: limits, sampling, thinking, tools,
caching.

What newer models refuse is told by their names; a name that is not Claude's is a model without
limits.
"""

import re
from collections.abc import Iterator
from typing import Any

from simulator.call import Call, mapping, refused

MAX_BREAKPOINTS = 4
MAX_OUTPUT_TOKENS = 128_000
MIN_BUDGET = 1024
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ADAPTIVE = re.compile(r"claude-((opus|sonnet|haiku|fable|mythos)-5|opus-4-[78]|mythos-preview).*")
_NEWEST = re.compile(r"claude-(opus-5-5|fable-5-[12]|mythos-5-[12]).*")
_OLDER = re.compile(r"claude-(3|2|instant|(opus|sonnet|haiku)-[34]).*")


_BUDGETED = re.compile(r"claude-(3.*|(opus|sonnet|haiku)-4(-[015])?(-\d{8})?)")


def is_adaptive(model: str) -> bool:
    """Models that refuse sampling parameters, budgets and prefill."""
    return _ADAPTIVE.fullmatch(model) is not None


def is_older(model: str) -> bool:
    """Models that know no system messages in mid-conversation."""
    return _OLDER.fullmatch(model) is not None and not is_adaptive(model)


def check(call: Call) -> None:
    """Raises Refused for the first rule broken."""
    _limits(call)
    _sampling(call)
    _thinking(call)
    _tools(call)
    _tool_choice(call)
    _breakpoints(call)


def _limits(call: Call) -> None:
    limit = call.json["max_tokens"]
    if limit < 0:
        raise refused(400, "max_tokens: Input should be greater than or equal to 0")
    if limit > MAX_OUTPUT_TOKENS and call.model.startswith("claude-"):
        message = f"max_tokens: {limit} > {MAX_OUTPUT_TOKENS}, which is the maximum allowed number "
        raise refused(400, f"{message}of output tokens for {call.model}")
    for stop in call.json.get("stop_sequences") or []:
        if not stop.strip():
            message = "stop_sequences: each stop sequence must contain non-whitespace"
            raise refused(400, message)


def _sampling(call: Call) -> None:
    body = call.json
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is not None and not 0 <= value <= 1:
            raise refused(400, f"{name}: range: 0..1")
    temperature = body.get("temperature")
    if is_adaptive(call.model):
        for name in ("top_p", "top_k"):
            if body.get(name) is not None:
                raise refused(400, f"`{name}` is deprecated for this model.")
        if temperature not in (None, 1):
            raise refused(400, "`temperature` is deprecated for this model.")
    if temperature not in (None, 1) and mapping(body.get("thinking")).get("type") == "enabled":
        message = "`temperature` may only be set to 1 when thinking is enabled."
        raise refused(400, message)


def _thinking(call: Call) -> None:
    thinking = mapping(call.json.get("thinking"))
    kind = thinking.get("type")
    if kind == "enabled":
        if is_adaptive(call.model):
            message = '"thinking.type.enabled" is not supported for this model. Use '
            message += (
                '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
            )
            raise refused(400, message)
        _budget(call, thinking["budget_tokens"])
    if kind == "adaptive" and _BUDGETED.fullmatch(call.model):
        raise refused(400, "adaptive thinking is not supported on this model")
    effort = mapping(call.json.get("output_config")).get("effort")
    if effort and _BUDGETED.fullmatch(call.model) and "opus-4-5" not in call.model:
        raise refused(400, "This model does not support the effort parameter.")
    if kind == "disabled" and _NEWEST.fullmatch(call.model):
        raise refused(400, '"thinking.type.disabled" is not supported for this model.')


def _budget(call: Call, budget: int) -> None:
    if budget < MIN_BUDGET:
        message = (
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {MIN_BUDGET}"
        )
        raise refused(400, message)
    interleaved = "interleaved-thinking" in call.headers.get("anthropic-beta", "")
    if budget >= call.json["max_tokens"] and not interleaved:
        message = "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
        message += (
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )
        raise refused(400, message)


def _tools(call: Call) -> None:
    names: set[str] = set()
    for index, tool in enumerate(call.json.get("tools") or []):
        name = tool.get("name")
        if not isinstance(name, str):
            continue  # a toolset
        kind = tool.get("type") or "custom"
        if not _TOOL_NAME.fullmatch(name):
            message = (
                f"tools.{index}.{kind}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )
            raise refused(400, message)
        if name in names:
            raise refused(400, "tools: Tool names must be unique.")
        names.add(name)
        if "input_schema" in tool:
            _schema(f"tools.{index}.{kind}.input_schema", tool["input_schema"])


def _schema(where: str, schema: dict[str, Any]) -> None:
    if "type" not in schema:
        raise refused(400, f"{where}.type: Field required")
    if schema["type"] != "object":
        raise refused(400, f"{where}.type: Input should be 'object'")
    if {"oneOf", "allOf", "anyOf"} & schema.keys():
        message = "input_schema does not support oneOf, allOf, or anyOf at the top level"
        raise refused(400, f"{where}: {message}")


def _tool_choice(call: Call) -> None:
    choice = mapping(call.json.get("tool_choice"))
    if not choice:
        return
    tools = call.json.get("tools") or []
    if not tools and choice["type"] != "none":
        message = "tool_choice: tool_choice may only be specified while providing tools."
        raise refused(400, message)
    if choice["type"] not in ("any", "tool"):
        return
    if choice["type"] == "tool" and choice["name"] not in [tool.get("name") for tool in tools]:
        raise refused(400, f"Tool '{choice['name']}' not found in provided tools")
    if _NEWEST.fullmatch(call.model):
        raise refused(400, "tool_choice: forced tool use is not supported for this model.")
    if mapping(call.json.get("thinking")).get("type") == "enabled":
        raise refused(400, "Thinking may not be enabled when tool_choice forces tool use.")


def _breakpoints(call: Call) -> None:
    marks = list(_marks(call.json))
    if len(marks) > MAX_BREAKPOINTS:
        message = f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. "
        raise refused(400, f"{message}Found {len(marks)}.")
    shorter = False
    for where, ttl in marks:
        if ttl == "1h" and shorter:
            message = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control "
            message += "block. Note that blocks are processed in the following order: `tools`, "
            raise refused(400, f"{where}.cache_control.ttl: {message}`system`, `messages`.")
        shorter = shorter or ttl == "5m"


def _marks(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Where cache breakpoints are, in the order in which they are processed, and their ttl."""
    for name in ("tools", "system"):
        blocks = body.get(name)
        yield from _marked(name, blocks if isinstance(blocks, list) else [])
    for index, message in enumerate(body["messages"]):
        content = message.get("content")
        if isinstance(content, list):
            yield from _marked(f"messages.{index}.content", content)
    if isinstance(body.get("cache_control"), dict):
        yield "cache_control", body["cache_control"].get("ttl") or "5m"


def _marked(where: str, blocks: list[Any]) -> Iterator[tuple[str, str]]:
    for index, block in enumerate(blocks):
        inner = block.get("content")
        if isinstance(inner, list):
            yield from _marked(f"{where}.{index}.content", inner)
        if isinstance(block.get("cache_control"), dict):
            yield f"{where}.{index}", block["cache_control"].get("ttl") or "5m"
