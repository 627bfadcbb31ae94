"""`tools` and `toolConfig` of a request, read."""

from typing import Any

from translators.canonical.loss import Loss, LossKind
from translators.canonical.request import (
    AnyTool,
    HostedTool,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.gemini.media_parts import NAME
from translators.gemini.schema_reading import standard_schema
from translators.gemini.vocabulary import HEARD_MODES
from translators.gemini.wire import Fields
from translators.protocol import NotUnderstood

_SEARCHES = ("googleSearch", "googleSearchRetrieval")
_MODE = "toolConfig.functionCallingConfig.mode"


def read_tools(request: Fields, losses: list[Loss]) -> list[AnyTool]:
    """Every tool, in the order in which they are declared."""
    found: list[AnyTool] = []
    for tool in request.objects("tools"):
        for name in tool.names():
            if name == "functionDeclarations":
                found += (_declared(fn, losses) for fn in tool.objects(name))
            elif name in _SEARCHES:
                found.append(_search(Fields(tool.get(name), tool.at(name)), name, losses))
            else:
                found.append(HostedTool(NAME, name, {name: tool.get(name)}))
    return found


def _declared(declared: Fields, losses: list[Loss]) -> Tool:
    name = declared.text("name")
    if not name:
        raise declared.wrong("name", "the name of a function")
    description = declared.text("description")
    schema = _schema(declared)
    if declared.word("behavior") not in (None, "UNSPECIFIED", "BLOCKING"):
        losses.append(Loss("tools[].functionDeclarations[].behavior", LossKind.DROPPED))
    losses += declared.unread()
    return Tool(name, description or None, schema)


def _schema(declared: Fields) -> dict[str, Any] | None:
    plain = declared.get("parametersJsonSchema")
    proto = declared.get("parameters")
    if plain is not None and proto is not None:
        path = declared.at("parametersJsonSchema")
        raise NotUnderstood(
            "only one of parameters and parameters_json_schema can be set", param=path
        )
    if proto is not None:
        return standard_schema(proto, declared.at("parameters"))
    if plain is not None and not isinstance(plain, dict):
        raise declared.wrong("parametersJsonSchema", "a schema object")
    return plain


def _search(search: Fields, name: str, losses: list[Loss]) -> WebSearch:
    blocked = search.texts("excludeDomains")
    losses += search.unread()
    return WebSearch(blocked_domains=blocked, native_type=name)


def read_tool_choice(request: Fields, losses: list[Loss]) -> ToolChoice | None:
    """`functionCallingConfig`; None where it says nothing."""
    config = request.inner("toolConfig")
    if config is None:
        return None
    calling = config.inner("functionCallingConfig")
    choice = None if calling is None else _choice(calling, losses)
    losses += config.unread()
    return choice


def _choice(calling: Fields, losses: list[Loss]) -> ToolChoice | None:
    word = calling.word("mode")
    names = calling.texts("allowedFunctionNames")
    losses += calling.unread()
    if word in (None, "MODE_UNSPECIFIED"):
        return ToolChoice(ToolMode.AUTO, names) if names else None
    if word not in HEARD_MODES:
        raise calling.wrong("mode", "one of AUTO, ANY, NONE, VALIDATED")
    if word == "VALIDATED":
        losses.append(Loss(_MODE, LossKind.CHANGED, "calls are not held to their schemas"))
    return ToolChoice(HEARD_MODES[word], names)
