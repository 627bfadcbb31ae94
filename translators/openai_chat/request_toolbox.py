"""Tools, the choice among them, and web search: written into a body."""

from typing import Any, assert_never

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, foreign
from translators.canonical.parts import ToolKind
from translators.canonical.request import (
    WEB_SEARCH,
    HostedTool,
    Request,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.openai_chat.request_content import AUTOMATIC
from translators.openai_chat.request_tools import SEARCH_FIELD
from translators.openai_chat.strict_schema import is_strict, parameters
from translators.openai_chat.vocabulary import CONTEXT_SIZES, NAME, SPOKEN_TOOL_MODES
from translators.protocol import NotUnderstood
from translators.tools import DUPLICATE

Json = dict[str, Any]


def write_tools(
    request: Request, capabilities: Capabilities, body: Json, losses: list[Loss]
) -> None:
    """Adds what the request has of tools to the body."""
    box = _Toolbox(capabilities, losses)
    for tool in request.tools:
        match tool:
            case Tool():
                box.own(tool)
            case WebSearch():
                box.search(tool, body)
            case HostedTool(issuer, _, data) if issuer == NAME:
                box.hosted.append(dict(data))
            case HostedTool(_, kind):
                box.lose(foreign(Neutral.TOOLS, kind), note="a tool that another provider runs")
            case _:
                assert_never(tool)
    tools = [*box.declared.values(), *box.hosted]
    if tools:
        body["tools"] = tools
    if request.tool_choice is not None:
        box.choice(request.tool_choice, body)
    if request.parallel_tool_calls is not None:
        box.parallel(request.parallel_tool_calls, body)


class _Toolbox:
    """The tools so far, each name once."""

    def __init__(self, capabilities: Capabilities, losses: list[Loss]) -> None:
        self._knows = capabilities
        self._losses = losses
        self.declared: dict[str, Json] = {}
        self.hosted: list[Json] = []

    def lose(self, field: str, kind: LossKind = LossKind.DROPPED, note: str = "") -> None:
        self._losses.append(Loss(field, kind, note))

    def own(self, tool: Tool) -> None:
        if tool.name in self.declared:
            self._losses.append(DUPLICATE)
        if tool.cache is not None:
            self.lose(Neutral.CACHE, note=AUTOMATIC)
        if tool.kind is ToolKind.FREEFORM:
            self.declared[tool.name] = _custom(tool)
        else:
            self.declared[tool.name] = self._function(tool)

    def _function(self, tool: Tool) -> Json:
        schema, changed = parameters(tool.schema)
        if changed:
            self.lose(Neutral.TOOL_SCHEMA, LossKind.CHANGED, "alternatives on top, put together")
        function: Json = {"name": tool.name}
        if tool.description:
            function["description"] = tool.description
        function["parameters"] = schema
        if tool.strict and self._knows.structured_output and is_strict(schema):
            function["strict"] = True
        elif tool.strict:
            self.lose(Neutral.TOOL_STRICT, note="the schema or the model is not strict")
        return {"type": "function", "function": function}

    def search(self, search: WebSearch, body: Json) -> None:
        if not self._knows.web_search:
            self.lose(Neutral.WEB_SEARCH)
            return
        options: Json = {}
        if search.context_size in CONTEXT_SIZES:
            options["search_context_size"] = search.context_size
        if search.location:
            options["user_location"] = {
                "type": "approximate",
                "approximate": dict(search.location),
            }
        for name, said in (
            (Neutral.ALLOWED_DOMAINS, search.allowed_domains),
            (Neutral.BLOCKED_DOMAINS, search.blocked_domains),
            (Neutral.SEARCH_USES, search.max_uses),
        ):
            if said:
                self.lose(name)
        body[SEARCH_FIELD] = options

    # ------------------------------------------------------------------------------- choice

    def choice(self, choice: ToolChoice, body: Json) -> None:
        """Without tools there is nothing to choose from, and the field would be refused."""
        if not (self.declared or self.hosted):
            if choice.mode is ToolMode.REQUIRED:
                self.lose(Neutral.TOOL_CHOICE)
            return
        names = [name for name in choice.names if name in self.declared]
        if choice.names and not names:
            self._unknown(choice)
            return
        if len(names) < len(choice.names):
            self.lose(Neutral.TOOL_CHOICE, LossKind.CHANGED, "a tool that cannot be chosen here")
        mode = choice.mode
        if mode is ToolMode.REQUIRED and not self._knows.forced_tools:
            self.lose(Neutral.TOOL_CHOICE, LossKind.CHANGED, "this model cannot be made to call")
            mode = ToolMode.AUTO
        body["tool_choice"] = self._chosen(mode, names)

    def _unknown(self, choice: ToolChoice) -> None:
        if WEB_SEARCH in choice.names or choice.mode is not ToolMode.REQUIRED:
            self.lose(Neutral.TOOL_CHOICE, note="a tool that cannot be chosen here")
            return
        message = "The tool that must be called is not declared."
        raise NotUnderstood(message, param=Neutral.TOOL_CHOICE)

    def _chosen(self, mode: ToolMode, names: list[str]) -> str | Json:
        if not names or mode is ToolMode.NONE:
            return SPOKEN_TOOL_MODES[mode]
        named = [_named(self.declared[name]) for name in names]
        if mode is ToolMode.REQUIRED and len(named) == 1:
            return named[0]
        allowed = {"mode": SPOKEN_TOOL_MODES[mode], "tools": named}
        return {"type": "allowed_tools", "allowed_tools": allowed}

    def parallel(self, wanted: bool, body: Json) -> None:
        if not (self.declared or self.hosted):
            return
        if self._knows.parallel_tool_calls:
            body["parallel_tool_calls"] = wanted
        elif not wanted:
            self.lose(Neutral.PARALLEL_TOOL_CALLS)


def _custom(tool: Tool) -> Json:
    custom: Json = {"name": tool.name}
    if tool.description:
        custom["description"] = tool.description
    if tool.grammar is not None:
        grammar = {name: tool.grammar.get(name) for name in ("syntax", "definition")}
        custom["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": custom}


def _named(declared: Json) -> Json:
    kind = declared["type"]
    return {"type": kind, kind: {"name": declared[kind]["name"]}}
