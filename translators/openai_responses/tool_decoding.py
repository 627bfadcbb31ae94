"""Tools and the choice among them, read from a request.

Namespaces are flattened into their tools. Built-in tools that the caller runs become functions with
an `origin` (builtin.py), the web search is neutral, and whatever else the provider runs is a
HostedTool that only this dialect knows.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from translators.canonical.loss import Loss, LossKind
from translators.canonical.parts import ToolKind
from translators.canonical.request import (
    WEB_SEARCH,
    AnyTool,
    HostedTool,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.openai_responses.builtin import ENVIRONMENT, runs_at_the_provider
from translators.openai_responses.builtin import TOOLS as BUILT_IN
from translators.openai_responses.typed import (
    entries,
    flag,
    lost,
    mapping,
    one_of,
    optional,
    said,
    strings,
    unknown,
    wanted,
    wrong,
)
from translators.openai_responses.vocabulary import HOSTED_TOOLS, NAME
from translators.protocol import NotUnderstood

_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"type", "name", "description", "format"})
_NAMESPACE = frozenset({"type", "name", "description", "tools"})
_SEARCH = frozenset(
    {"type", "filters", "user_location", "search_context_size", "external_web_access"}
)
_FILTERS = frozenset({"allowed_domains", "blocked_domains"})
_PLACE = ("city", "region", "country", "timezone")
_LOCATION = frozenset({"type", *_PLACE})
_BUILT_IN = frozenset({"type", "environment"})
_FREE = frozenset({"type"})
_GRAMMAR = frozenset({"type", "syntax", "definition"})

# Fields of tools whose usual value says nothing.
_USUAL = ({"defer_loading": False}, {"allowed_callers": ["direct"]}, {"async": False})


def decode_tools(value: object, param: str, losses: list[Loss]) -> list[AnyTool]:
    """The tools of a request's list, in its order."""
    found: list[AnyTool] = []
    for place, item in enumerate(entries(value, param)):
        found.extend(_tools_of(mapping(item, f"{param}[{place}]"), f"{param}[{place}]", losses))
    return found


def _tools_of(tool: dict[str, Any], param: str, losses: list[Loss]) -> list[AnyTool]:
    kind = wanted(tool.get("type"), f"{param}.type")
    if kind == "function":
        return [_function(tool, param, losses)]
    if kind == "custom":
        return [_custom(tool, param, losses)]
    if kind == "namespace":
        return _namespace(tool, param, losses)
    if kind.startswith(WEB_SEARCH):
        return [_web_search(tool, kind, param, losses)]
    if kind in BUILT_IN and not runs_at_the_provider(tool):
        _leave_out(tool, _BUILT_IN, param, losses)
        environment = optional(tool.get("environment"), f"{param}.environment")
        unknown(environment, ENVIRONMENT, f"{param}.environment", losses)
        return [BUILT_IN[kind]]
    return [HostedTool(NAME, kind, tool)]


def _function(tool: dict[str, Any], param: str, losses: list[Loss]) -> Tool:
    _leave_out(tool, _FUNCTION, param, losses)
    schema = tool.get("parameters")
    return Tool(
        wanted(tool.get("name"), f"{param}.name"),
        said(tool.get("description"), f"{param}.description"),
        None if schema is None else mapping(schema, f"{param}.parameters"),
        flag(tool.get("strict"), f"{param}.strict"),
    )


def _custom(tool: dict[str, Any], param: str, losses: list[Loss]) -> Tool:
    _leave_out(tool, _CUSTOM, param, losses)
    format_ = optional(tool.get("format"), f"{param}.format")
    grammar = None
    kind = one_of(format_.get("type"), ("text", "grammar"), f"{param}.format.type")
    unknown(format_, _GRAMMAR if kind == "grammar" else _FREE, f"{param}.format", losses)
    if kind == "grammar":
        grammar = {
            word: wanted(format_.get(word), f"{param}.format.{word}")
            for word in ("syntax", "definition")
        }
    return Tool(
        wanted(tool.get("name"), f"{param}.name"),
        said(tool.get("description"), f"{param}.description"),
        kind=ToolKind.FREEFORM,
        grammar=grammar,
    )


def _namespace(tool: dict[str, Any], param: str, losses: list[Loss]) -> list[AnyTool]:
    _leave_out(tool, _NAMESPACE, param, losses)
    name = wanted(tool.get("name"), f"{param}.name")
    description = said(tool.get("description"), f"{param}.description")
    found: list[AnyTool] = []
    for place, item in enumerate(entries(tool.get("tools"), f"{param}.tools")):
        path = f"{param}.tools[{place}]"
        inner = mapping(item, path)
        kind = wanted(inner.get("type"), f"{path}.type")
        if kind not in ("function", "custom"):
            lost(path, losses, "a kind not known here")
            continue
        read = _function if kind == "function" else _custom
        one = read(inner, path, losses)
        found.append(replace(one, namespace=name, namespace_description=description))
    return found


def _leave_out(
    tool: Mapping[str, Any], known: frozenset[str], param: str, losses: list[Loss]
) -> None:
    if not known.issuperset(tool):
        usual = (name for name, value in tool.items() if {name: value} in _USUAL or value == [])
        unknown(tool, known.union(usual), param, losses)


def _web_search(tool: dict[str, Any], kind: str, param: str, losses: list[Loss]) -> WebSearch:
    unknown(tool, _SEARCH, param, losses)
    live = flag(tool.get("external_web_access"), f"{param}.external_web_access")
    filters = optional(tool.get("filters"), f"{param}.filters")
    unknown(filters, _FILTERS, f"{param}.filters", losses)
    place = optional(tool.get("user_location"), f"{param}.user_location")
    unknown(place, _LOCATION, f"{param}.user_location", losses)
    location = {
        name: word
        for name in _PLACE
        if (word := said(place.get(name), f"{param}.user_location.{name}"))
    }
    return WebSearch(
        allowed_domains=strings(filters.get("allowed_domains"), f"{param}.filters.allowed_domains"),
        blocked_domains=strings(filters.get("blocked_domains"), f"{param}.filters.blocked_domains"),
        location=location or None,
        context_size=said(tool.get("search_context_size"), f"{param}.search_context_size"),
        native_type=kind,
        cached=live is False,
    )


# ------------------------------------------------------------------------------------------- choice

_ALLOWED = frozenset({"type", "mode", "tools"})
_CHOSEN = frozenset({"type", "name"})
_MODES = {"auto": ToolMode.AUTO, "required": ToolMode.REQUIRED, "none": ToolMode.NONE}


def decode_choice(value: object, losses: list[Loss]) -> ToolChoice | None:
    """`tool_choice` in all its forms. A hosted tool cannot be chosen elsewhere: that is a loss."""
    if value is None:
        return None
    if isinstance(value, str):
        if value in _MODES:
            return ToolChoice(_MODES[value])
        raise wrong("tool_choice", "'none', 'auto', 'required' or an object")
    choice = mapping(value, "tool_choice")
    if wanted(choice.get("type"), "tool_choice.type") == "allowed_tools":
        return _allowed(choice, losses)
    name = _chosen(choice, "tool_choice", losses)
    if name is None:
        losses.append(Loss("tool_choice", LossKind.CHANGED, "a hosted tool cannot be forced"))
        return ToolChoice(ToolMode.AUTO)
    return ToolChoice(ToolMode.REQUIRED, (name,))


def _allowed(choice: dict[str, Any], losses: list[Loss]) -> ToolChoice:
    unknown(choice, _ALLOWED, "tool_choice", losses)
    mode = one_of(choice.get("mode"), ("auto", "required"), "tool_choice.mode") or "auto"
    names: list[str] = []
    for place, item in enumerate(entries(choice.get("tools"), "tool_choice.tools")):
        path = f"tool_choice.tools[{place}]"
        name = _chosen(mapping(item, path), path, losses)
        if name is None:
            lost(path, losses, "a hosted tool")
        else:
            names.append(name)
    if not names:
        return ToolChoice(ToolMode.NONE)
    return ToolChoice(_MODES[mode], tuple(names))


def _chosen(choice: dict[str, Any], param: str, losses: list[Loss]) -> str | None:
    """The neutral name of a chosen tool; None for one that only this dialect knows."""
    kind = wanted(choice.get("type"), f"{param}.type")
    if kind not in HOSTED_TOOLS or kind in BUILT_IN:
        unknown(choice, _CHOSEN, param, losses)
    if kind in ("function", "custom"):
        return wanted(choice.get("name"), f"{param}.name")
    if kind.startswith(WEB_SEARCH):
        return WEB_SEARCH
    if kind in BUILT_IN:
        return kind
    if kind in HOSTED_TOOLS:
        return None
    raise NotUnderstood(f"Invalid value for '{param}.type'.", param=f"{param}.type")
