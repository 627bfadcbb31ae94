"""Tools and the choice among them, as a caller declares them.

A tool without a type, or of type `custom`, is the caller's own. Types with a version are this
dialect's: the web search, which other dialects have too; tools that the caller runs and that get
their known schema here; and the rest, which stays with this dialect.
"""

import re
from typing import Any

from translators.anthropic import client_tools
from translators.anthropic.citations import OWN
from translators.anthropic.request_fields import Field, cache_mark, refusal
from translators.anthropic.vocabulary import HEARD_MODES
from translators.canonical.request import (
    WEB_SEARCH,
    AnyTool,
    HostedTool,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)

WEB_SEARCH_TYPE = re.compile(r"web_search_20\d{6}")

# `eager_input_streaming` says how the input is sent, not what it is.
_CUSTOM = frozenset(
    {
        "type",
        "name",
        "description",
        "input_schema",
        "strict",
        "cache_control",
        "allowed_callers",
        "eager_input_streaming",
    }
)
_CLIENT = frozenset(
    {
        "type",
        "name",
        "strict",
        "cache_control",
        "allowed_callers",
        "display_width_px",
        "display_height_px",
    }
)
_SEARCH = frozenset(
    {
        "type",
        "name",
        "allowed_domains",
        "blocked_domains",
        "max_uses",
        "user_location",
        "allowed_callers",
    }
)
_LOCATION = frozenset({"type", "city", "region", "country", "timezone"})
_PLACES = ("city", "region", "country", "timezone")
_CHOICE = frozenset({"type", "name", "disable_parallel_tool_use"})


def read_tools(request: Field) -> tuple[AnyTool, ...]:
    return tuple(_tool(tool) for tool in request.objects("tools"))


def origins(tools: tuple[AnyTool, ...]) -> dict[str, str]:
    """The names under which the caller's built-in tools are called, with their types."""
    return {tool.name: tool.origin for tool in tools if isinstance(tool, Tool) and tool.origin}


def _tool(tool: Field) -> AnyTool:
    kind = tool.text("type")
    if tool.value.get("allowed_callers") not in (None, ["direct"]):
        tool.lose("allowed_callers")
    if kind is None or kind == "custom":
        return _custom(tool)
    if WEB_SEARCH_TYPE.fullmatch(kind):
        return _web_search(tool, kind)
    family = client_tools.family(kind)
    if family is not None:
        return _client(tool, kind, family)
    tool.text("name")  # a toolset has none
    return HostedTool(OWN, kind, tool.value)


def _custom(tool: Field) -> Tool:
    tool.left(_CUSTOM)
    schema = tool.object("input_schema")
    return Tool(
        name=tool.needed_text("name"),
        description=tool.text("description"),
        schema=schema.value if schema is not None else None,
        strict=tool.flag("strict"),
        cache=cache_mark(tool),
    )


def _client(tool: Field, kind: str, family: str) -> Tool:
    tool.left(_CLIENT)
    description = client_tools.DESCRIPTIONS[family]
    width, height = tool.count("display_width_px"), tool.count("display_height_px")
    if width is not None and height is not None:
        description = f"{description} The screen has {width} x {height} pixels."
    return Tool(
        name=tool.needed_text("name"),
        description=description,
        schema=client_tools.schema(kind),
        strict=tool.flag("strict"),
        origin=kind,
        cache=cache_mark(tool),
    )


def _web_search(tool: Field, kind: str) -> WebSearch:
    tool.left(_SEARCH)
    place = tool.object("user_location")
    location: dict[str, str] = {}
    if place is not None:
        place.left(_LOCATION)
        for name in _PLACES:
            if (value := place.text(name)) is not None:
                location[name] = value
    return WebSearch(
        allowed_domains=tool.texts("allowed_domains"),
        blocked_domains=tool.texts("blocked_domains"),
        location=location or None,
        max_uses=tool.count("max_uses"),
        native_type=kind,
    )


def read_choice(
    request: Field, tools: tuple[AnyTool, ...]
) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether calls may come in parallel (None: not said)."""
    choice = request.object("tool_choice")
    if choice is None:
        return None, None
    choice.left(_CHOICE)
    alone = choice.flag("disable_parallel_tool_use")
    parallel = None if alone is None else not alone
    kind = choice.needed_text("type")
    if kind == "tool":
        name = choice.needed_text("name")
        if name == WEB_SEARCH and not _is_callers(name, tools):
            name = WEB_SEARCH
        return ToolChoice(ToolMode.REQUIRED, (name,)), parallel
    mode: Any = HEARD_MODES.get(kind)
    if mode is None:
        raise refusal(choice.at("type"), f"one of {', '.join(HEARD_MODES)}, tool")
    return ToolChoice(mode), parallel


def _is_callers(name: str, tools: tuple[AnyTool, ...]) -> bool:
    return any(isinstance(tool, Tool) and tool.name == name for tool in tools)
