"""Tools, the choice among them, and web search: read from a request."""

from translators.canonical.loss import LossKind
from translators.canonical.parts import ToolKind
from translators.canonical.request import (
    AnyTool,
    HostedTool,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.openai_chat.request_fields import Fields, wrong
from translators.openai_chat.request_parts import cache_mark
from translators.openai_chat.vocabulary import (
    CONTEXT_SIZES,
    HEARD_TOOL_MODES,
    NAME,
    TOOL_MODES,
)

SEARCH_FIELD = "web_search_options"


def read_tools(body: Fields) -> tuple[AnyTool, ...]:
    """`tools`, then the older `functions`, then the search that a field of its own asks for."""
    found: list[AnyTool] = [_tool(tool) for tool in body.objects("tools")]
    for function in body.objects("functions"):
        found.append(_function(function, function))
        function.done()
    if (options := body.inner(SEARCH_FIELD)) is not None:
        found.append(_search(options))
    return tuple(found)


def _tool(tool: Fields) -> AnyTool:
    kind = tool.needed_text("type")
    if kind == "function":
        holder = tool.needed("function")
        made = _function(holder, tool)
    elif kind == "custom":
        holder = tool.needed("custom")
        made = _custom(holder, tool)
    else:
        return HostedTool(NAME, kind, tool.value)
    holder.done()
    tool.done()
    return made


def _function(holder: Fields, marked: Fields) -> Tool:
    return Tool(
        holder.needed_text("name"),
        holder.text("description"),
        holder.mapping("parameters"),
        holder.flag("strict"),
        cache=cache_mark(marked),
    )


def _custom(holder: Fields, marked: Fields) -> Tool:
    return Tool(
        holder.needed_text("name"),
        holder.text("description"),
        kind=ToolKind.FREEFORM,
        grammar=_grammar(holder.inner("format")),
        cache=cache_mark(marked),
    )


def _grammar(format: Fields | None) -> dict[str, str] | None:
    if format is None:
        return None
    kind = format.needed_text("type")
    if kind == "text":
        return None
    if kind != "grammar":
        raise wrong(format.at("type"), "one of text, grammar")
    grammar = format.needed("grammar")
    found = {name: grammar.needed_text(name) for name in ("syntax", "definition")}
    grammar.done()
    format.done()
    return found


def _search(options: Fields) -> WebSearch:
    size = options.word("search_context_size", CONTEXT_SIZES)
    location: dict[str, str] = {}
    if (place := options.inner("user_location")) is not None:
        place.ignore("type")
        if (near := place.inner("approximate")) is not None:
            for name in ("city", "region", "country", "timezone"):
                if value := near.text(name):
                    location[name] = value
            near.done()
        place.done()
    options.done()
    return WebSearch(location=location or None, context_size=size, native_type=SEARCH_FIELD)


# ------------------------------------------------------------------------------------- choice


def read_choice(body: Fields) -> ToolChoice | None:
    """`tool_choice`, else the older `function_call`."""
    choice, older = body.take("tool_choice"), body.take("function_call")
    if choice is None and isinstance(older, dict):
        name = _only_name(Fields(older, "function_call", body.losses))
        return ToolChoice(ToolMode.REQUIRED, (name,))
    place = "tool_choice" if choice is not None else "function_call"
    value = choice if choice is not None else older
    if value is None:
        return None
    if isinstance(value, str):
        mode = HEARD_TOOL_MODES.get(value)
        if mode is None:
            raise wrong(place, "one of " + ", ".join(TOOL_MODES))
        return ToolChoice(mode)
    return _chosen(Fields(value, place, body.losses))


def _chosen(choice: Fields) -> ToolChoice:
    kind = choice.needed_text("type")
    if kind in ("function", "custom"):
        found = ToolChoice(ToolMode.REQUIRED, (_only_name(choice.needed(kind)),))
    elif kind == "allowed_tools":
        found = _allowed(choice.needed("allowed_tools"))
    else:
        raise wrong(choice.at("type"), "one of function, custom, allowed_tools")
    choice.done()
    return found


def _only_name(holder: Fields) -> str:
    """The one thing that is said of a chosen tool."""
    name = holder.needed_text("name")
    holder.done()
    return name


def _allowed(allowed: Fields) -> ToolChoice:
    mode = allowed.word("mode", TOOL_MODES) or ToolMode.AUTO
    names: list[str] = []
    for tool in allowed.objects("tools"):
        kind = tool.needed_text("type")
        if kind in ("function", "custom"):
            names.append(_only_name(tool.needed(kind)))
            tool.done()
        else:
            allowed.lose("tools[]", LossKind.DROPPED, "a tool that is not the caller's own")
    allowed.done()
    if not names:
        raise wrong(allowed.at("tools"), "an array that names at least one tool")
    return ToolChoice(mode, tuple(names))
