"""Tools and the choice among them, as the API takes them.

A forced choice and thinking exclude each other; which of them gives way is decided in
request_encoding_thinking.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, assert_never

from translators.anthropic import client_tools
from translators.anthropic.citations import OWN
from translators.anthropic.request_decoding_tools import WEB_SEARCH_TYPE
from translators.anthropic.request_encoding_blocks import Block, cache_control
from translators.anthropic.schemas import NotEnforceable, arguments_schema, enforced_schema
from translators.anthropic.vocabulary import SPOKEN_MODES
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, foreign
from translators.canonical.parts import ToolCall
from translators.canonical.request import (
    WEB_SEARCH,
    AnyTool,
    HostedTool,
    Request,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.protocol import NotUnderstood, ToolRules
from translators.tools import DUPLICATE

# The web search that every model with any has.
WEB_SEARCH_VERSION = "web_search_20250305"

# The API's own limits. Of its built-in tools `computer_*` is not declared natively, for it needs
# the size of the screen, which the neutral form does not have.
TOOL_RULES = ToolRules(
    name_pattern=r"[a-zA-Z0-9_-]+",
    name_most=128,
    id_pattern=r"[a-zA-Z0-9_-]+",
    id_most=64,
    origins=("bash_20", "text_editor_20", "memory_20"),
)

NO_SEARCH = Loss(Neutral.WEB_SEARCH, LossKind.DROPPED, "this model has no web search")
NOT_STRICT = Loss(Neutral.TOOL_STRICT, LossKind.DROPPED, "the schema is told, not enforced")
OTHER_SCHEMA = Loss(Neutral.TOOL_SCHEMA, LossKind.CHANGED, "alternatives became one object")
ONE_LIST = Loss(Neutral.BLOCKED_DOMAINS, LossKind.DROPPED, "not beside allowed domains")
NO_SIZE = Loss(Neutral.SEARCH_SIZE, LossKind.DROPPED)
PAST_TOOLS = Loss(Neutral.TOOLS, LossKind.ADDED, "tools of the history, which may not be called")
FILTERED = Loss(Neutral.TOOL_CHOICE, LossKind.CHANGED, "the other tools are not shown")
NO_CHOICE = Loss(Neutral.TOOL_CHOICE, LossKind.DROPPED, "there are no tools")
NOT_FORCED = Loss(Neutral.TOOL_CHOICE, LossKind.CHANGED, "this model decides whether to call")

_NOT_OURS = "a tool that another provider runs"


@dataclass(slots=True)
class Toolbox:
    """What the body says of tools: `tools` and `tool_choice` as they are written."""

    tools: list[Block]
    choice: Block | None = None

    @property
    def forced(self) -> bool:
        return self.choice is not None and self.choice["type"] in ("any", "tool")

    def unforce(self) -> None:
        """Leaves it to the model whether to call."""
        assert self.choice is not None
        self.choice = {**self.choice, "type": "auto"}
        self.choice.pop("name", None)


def toolbox(request: Request, capabilities: Capabilities, losses: list[Loss]) -> Toolbox:
    choice = request.tool_choice
    shown: Iterable[AnyTool] = request.tools
    if choice is not None and choice.names and not _is_one(choice):
        shown = [tool for tool in shown if _name(tool) in choice.names]
        losses.append(FILTERED)
    box = Toolbox(_distinct(_tools(shown, capabilities, losses), losses))
    if not box.tools:
        if choice is not None and choice.mode is not ToolMode.NONE:
            losses.append(NO_CHOICE)
        return _of_the_past(request, losses)
    box.choice = _choice(choice, box.tools)
    if request.parallel_tool_calls is False:
        box.choice = box.choice or {"type": "auto"}
        if box.choice["type"] != "none":
            box.choice["disable_parallel_tool_use"] = True
    if box.forced and not capabilities.forced_tools:
        losses.append(NOT_FORCED)
        box.unforce()
    return box


def _of_the_past(request: Request, losses: list[Loss]) -> Toolbox:
    """Where nothing may be called any more, but something was: the API wants to know the tools of
    calls in the history."""
    calls = (part for turn in request.turns for part in turn.parts if isinstance(part, ToolCall))
    names = list(dict.fromkeys(call.name for call in calls))
    if not names:
        return Toolbox([])
    losses.append(PAST_TOOLS)
    schema, _ = arguments_schema(None)
    return Toolbox([{"name": n, "input_schema": schema} for n in names], {"type": "none"})


def _is_one(choice: ToolChoice) -> bool:
    """Whether it is 'call this one', which the dialect can say."""
    return choice.mode is ToolMode.REQUIRED and len(choice.names) == 1


def _name(tool: AnyTool) -> str | None:
    match tool:
        case Tool():
            return tool.name
        case WebSearch():
            return WEB_SEARCH
        case HostedTool():
            name = tool.data.get("name")
            return name if isinstance(name, str) else None
        case _:
            assert_never(tool)


def _choice(choice: ToolChoice | None, tools: list[Block]) -> Block | None:
    if choice is None:
        return None
    if not _is_one(choice):
        return {"type": SPOKEN_MODES[choice.mode]}
    name = choice.names[0]
    if all(tool.get("name") != name for tool in tools):
        message = "The tool that must be called is not among the tools of the request."
        raise NotUnderstood(message, param=Neutral.TOOL_CHOICE)
    return {"type": "tool", "name": name}


def _tools(tools: Iterable[AnyTool], capabilities: Capabilities, losses: list[Loss]) -> list[Block]:
    written: list[Block] = []
    for tool in tools:
        match tool:
            case Tool():
                written.append(_tool(tool, capabilities, losses))
            case WebSearch():
                if capabilities.web_search:
                    written.append(_web_search(tool, losses))
                else:
                    losses.append(NO_SEARCH)
            case HostedTool():
                if tool.issuer == OWN:
                    written.append(dict(tool.data))
                else:
                    named = foreign(Neutral.TOOLS, tool.type)
                    losses.append(Loss(named, LossKind.DROPPED, _NOT_OURS))
            case _:
                assert_never(tool)
    return written


def _distinct(tools: list[Block], losses: list[Loss]) -> list[Block]:
    """Of tools with one name the last: the API refuses two. Toolsets have no name."""
    found: dict[object, Block] = {}
    for place, tool in enumerate(tools):
        name = tool.get("name")
        found[name if isinstance(name, str) else place] = tool
    if len(found) < len(tools):
        losses.append(DUPLICATE)
    return list(found.values())


def _tool(tool: Tool, capabilities: Capabilities, losses: list[Loss]) -> Block:
    if _is_native(tool):
        written: Block = {"type": tool.origin, "name": tool.name}
    else:
        schema, changed = arguments_schema(tool.schema)
        if changed:
            losses.append(OTHER_SCHEMA)
        written = {"name": tool.name}
        if tool.description:
            written["description"] = tool.description
        written["input_schema"] = schema
        if tool.strict:
            if capabilities.structured_output and _is_enforceable(schema):
                written["strict"] = True
            else:
                losses.append(NOT_STRICT)
    if tool.cache is not None:
        written["cache_control"] = cache_control(tool.cache)
    return written


def _is_native(tool: Tool) -> bool:
    """Whether the API knows the tool by its type: then it needs neither schema nor description."""
    origin = tool.origin or ""
    return origin.startswith(TOOL_RULES.origins) and client_tools.own_name(origin) == tool.name


def _is_enforceable(schema: dict[str, Any]) -> bool:
    """Whether the API would take the schema for a strict tool as it is."""
    try:
        written, told = enforced_schema(schema)
    except NotEnforceable:
        return False
    try:
        return not told and "$ref" not in written and _is_closed(schema)
    except RecursionError:
        return False  # nested more deeply than anybody enforces


def _is_closed(schema: object) -> bool:
    """Whether every object in a schema forbids further properties, as strict tools must."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    return all(map(_is_closed, schema.values()))


def _web_search(tool: WebSearch, losses: list[Loss]) -> Block:
    native = tool.native_type or ""
    kind = native if WEB_SEARCH_TYPE.fullmatch(native) else WEB_SEARCH_VERSION
    written: Block = {"type": kind, "name": WEB_SEARCH}
    if tool.max_uses is not None:
        written["max_uses"] = tool.max_uses
    if tool.allowed_domains:
        written["allowed_domains"] = list(tool.allowed_domains)
        if tool.blocked_domains:
            losses.append(ONE_LIST)
    elif tool.blocked_domains:
        written["blocked_domains"] = list(tool.blocked_domains)
    if tool.location:
        written["user_location"] = {"type": "approximate", **tool.location}
    if tool.context_size not in (None, "medium"):
        losses.append(NO_SIZE)
    return written
