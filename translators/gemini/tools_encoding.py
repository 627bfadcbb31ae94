"""`tools` and `toolConfig` of a neutral request."""

from collections.abc import Mapping
from typing import Any, assert_never

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, foreign
from translators.canonical.request import (
    WEB_SEARCH,
    HostedTool,
    Request,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.gemini.media_parts import NAME
from translators.gemini.schema import cleaned, with_properties
from translators.gemini.vocabulary import SPOKEN_MODES

_FUNCTIONS = "functionDeclarations"


def wire_tools(
    request: Request, capabilities: Capabilities, losses: list[Loss]
) -> list[dict[str, Any]]:
    """All functions in one tool, as the API's own examples have them, then the hosted ones."""
    functions: dict[str, dict[str, Any]] = {}
    hosted: list[dict[str, Any]] = []
    searches: list[WebSearch] = []
    for tool in request.tools:
        match tool:
            case Tool():
                functions[tool.name] = _declaration(tool, capabilities, losses)
            case WebSearch():
                searches.append(tool)
            case HostedTool():
                if tool.issuer == NAME:
                    hosted.append(dict(tool.data))
                else:
                    losses.append(Loss(foreign(Neutral.TOOLS, tool.type), LossKind.DROPPED))
            case _:
                assert_never(tool)
    if functions and searches and capabilities.web_search and _only_search(request.tool_choice):
        losses.append(
            Loss(Neutral.TOOLS, LossKind.DROPPED, "functions beside the search that is asked")
        )
        functions.clear()
    if searches and _can_search(functions, capabilities, losses):
        _tell_search(searches[0], losses)
        hosted.insert(0, {"googleSearch": {}})
    declared = [{_FUNCTIONS: list(functions.values())}] if functions else []
    return declared + hosted


def _can_search(
    functions: Mapping[str, object], capabilities: Capabilities, losses: list[Loss]
) -> bool:
    """The API refuses a search beside functions, except where it may answer with parts that every
    later request must bring back."""
    if functions or not capabilities.web_search:
        note = "not beside functions" if functions else "the model cannot search"
        losses.append(Loss(Neutral.WEB_SEARCH, LossKind.DROPPED, note))
        return False
    return True


def _only_search(choice: ToolChoice | None) -> bool:
    """Whether the caller wants the search and nothing else."""
    return choice is not None and choice.mode is ToolMode.REQUIRED and choice.names == (WEB_SEARCH,)


def _tell_search(search: WebSearch, losses: list[Loss]) -> None:
    for name, said in (
        (Neutral.ALLOWED_DOMAINS, search.allowed_domains),
        (Neutral.BLOCKED_DOMAINS, search.blocked_domains),
        (Neutral.SEARCH_LOCATION, search.location),
        (Neutral.SEARCH_USES, search.max_uses),
        (Neutral.SEARCH_SIZE, search.context_size),
    ):
        if said:
            losses.append(Loss(name, LossKind.DROPPED))


def _declaration(tool: Tool, capabilities: Capabilities, losses: list[Loss]) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.schema is not None:
        _add_schema(tool.schema, capabilities, declared, losses)
    if tool.strict:
        losses.append(Loss(Neutral.TOOL_STRICT, LossKind.DROPPED))
    if tool.cache is not None:
        losses.append(Loss(Neutral.CACHE, LossKind.DROPPED))
    return declared


def _add_schema(
    schema: Mapping[str, Any],
    capabilities: Capabilities,
    declared: dict[str, Any],
    losses: list[Loss],
) -> None:
    schema = _as_object(with_properties(schema))
    if capabilities.full_json_schema:
        declared["parametersJsonSchema"] = schema
        return
    parameters, changed = cleaned(schema)
    if changed:
        losses.append(Loss(Neutral.TOOL_SCHEMA, LossKind.CHANGED, "parts became hints"))
    # An object without properties is refused; no parameters are none.
    if parameters.get("type") != "OBJECT" or parameters.get("properties"):
        declared["parameters"] = parameters


_ALTERNATIVES = frozenset({"type", "$ref", "anyOf", "oneOf", "allOf"})


def _as_object(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of a function are an object, also where the caller did not say so."""
    if _ALTERNATIVES & set(schema):
        return schema
    return {"type": "object", **schema} if schema else {"type": "object", "properties": {}}


# -------------------------------------------------------------------------------------- choice


def tool_config(
    request: Request,
    tools: list[dict[str, Any]],
    capabilities: Capabilities,
    losses: list[Loss],
) -> dict[str, Any]:
    """`functionCallingConfig`, where there is anything to choose from."""
    choice = request.tool_choice
    if choice is None:
        return {}
    declared = [fn["name"] for tool in tools for fn in tool.get(_FUNCTIONS, ())]
    if not declared:
        if choice.mode is ToolMode.REQUIRED:
            losses.append(Loss(Neutral.TOOL_CHOICE, LossKind.DROPPED))
        return {}
    names = [name for name in dict.fromkeys(choice.names) if name in declared]
    if len(names) < len(set(choice.names)):
        losses.append(Loss(Neutral.TOOL_CHOICE, LossKind.CHANGED, "a tool that is not offered"))
    return {"functionCallingConfig": _calling(choice, names, capabilities, losses)}


def _calling(
    choice: ToolChoice, names: list[str], capabilities: Capabilities, losses: list[Loss]
) -> dict[str, Any]:
    mode = choice.mode
    if mode is ToolMode.NONE:
        return {"mode": SPOKEN_MODES[mode]}
    if mode is ToolMode.REQUIRED and (not capabilities.forced_tools or _only_search(choice)):
        losses.append(Loss(Neutral.TOOL_CHOICE, LossKind.CHANGED, "a call cannot be forced"))
        mode = ToolMode.AUTO
    if not names:
        return {"mode": SPOKEN_MODES[mode]}
    # Names may stand beside ANY and VALIDATED alone; the latter also lets the model just answer.
    word = "VALIDATED" if mode is ToolMode.AUTO else SPOKEN_MODES[mode]
    return {"mode": word, "allowedFunctionNames": names}
