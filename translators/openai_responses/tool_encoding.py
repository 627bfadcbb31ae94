"""Tools and the choice among them, written for an upstream.

Functions say `strict` explicitly, for the server takes an absent one as true and then demands of
the schema what callers of other dialects never promised (2.12). Tools of one namespace stand
together, where the first of them stood.
"""

from collections.abc import Iterable
from typing import Any, assert_never

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, foreign
from translators.canonical.parts import ToolKind
from translators.canonical.request import (
    WEB_SEARCH,
    AnyTool,
    HostedTool,
    Request,
    Tool,
    ToolMode,
    WebSearch,
)
from translators.openai_responses import schemas
from translators.openai_responses.builtin import TOOLS as BUILT_IN
from translators.openai_responses.vocabulary import NAME, WEB_SEARCH_TYPES
from translators.tools import DUPLICATE

# Only the newer of the two spellings takes filters.
_PREVIEW = WEB_SEARCH + "_preview"

# `tool_choice` can name the older search tools; the newer ones can be the only ones allowed.
_ONLY_ALLOWED = WEB_SEARCH_TYPES - {_PREVIEW, "web_search_preview_2025_03_11"}

Sent = dict[str, Any]


def encode_tools(
    tools: Iterable[AnyTool], capabilities: Capabilities, losses: list[Loss]
) -> list[Sent]:
    """The `tools` of the request, in the caller's order."""
    sent: list[Sent] = []
    spaces: dict[str, Sent] = {}
    for tool in _unique(tools, losses):
        match tool:
            case Tool():
                item = _tool(tool, losses)
                if tool.namespace is None:
                    sent.append(item)
                    continue
                if tool.namespace not in spaces:
                    spaces[tool.namespace] = _space(tool, tool.namespace)
                    sent.append(spaces[tool.namespace])
                spaces[tool.namespace]["tools"].append(item)
            case WebSearch():
                if capabilities.web_search:
                    sent.append(_web_search(tool, losses))
                else:
                    losses.append(Loss(Neutral.WEB_SEARCH, LossKind.DROPPED))
            case HostedTool():
                if tool.issuer == NAME:
                    sent.append(dict(tool.data))
                else:
                    losses.append(Loss(foreign(Neutral.TOOLS, tool.type), LossKind.DROPPED))
            case _:
                assert_never(tool)
    return sent


def _unique(tools: Iterable[AnyTool], losses: list[Loss]) -> list[AnyTool]:
    """Of tools with one name the last counts, in the place of the first."""
    found: dict[object, AnyTool] = {}
    for place, tool in enumerate(tools):
        if isinstance(tool, Tool):
            key: object = (tool.namespace, tool.name)
        else:
            key = WebSearch if isinstance(tool, WebSearch) else place
        if key in found:
            losses.append(DUPLICATE)
        found[key] = tool
    return list(found.values())


def _space(tool: Tool, name: str) -> Sent:
    description = tool.namespace_description or name
    return {"type": "namespace", "name": name, "description": description, "tools": []}


def _tool(tool: Tool, losses: list[Loss]) -> Sent:
    if tool.cache is not None:
        losses.append(Loss(Neutral.CACHE, LossKind.DROPPED, "caching is automatic"))
    if tool.origin in BUILT_IN:
        return {"type": tool.origin}
    if tool.kind is ToolKind.FREEFORM:
        return _custom(tool)
    schema, changed = schemas.parameters(tool.schema)
    if changed:
        note = "parameters must be an object without alternatives at its top"
        losses.append(Loss(Neutral.TOOL_SCHEMA, LossKind.CHANGED, note))
    strict = bool(tool.strict) and not changed and schemas.is_strict(schema)
    if tool.strict and not strict:
        losses.append(Loss(Neutral.TOOL_STRICT, LossKind.DROPPED, "the schema is not strict"))
    sent: Sent = {"type": "function", "name": tool.name}
    if tool.description is not None:
        sent["description"] = tool.description
    return sent | {"parameters": schema, "strict": strict}


def _custom(tool: Tool) -> Sent:
    sent: Sent = {"type": "custom", "name": tool.name}
    if tool.description is not None:
        sent["description"] = tool.description
    if tool.grammar is not None:
        sent["format"] = {"type": "grammar", **tool.grammar}
    return sent


def _web_search(tool: WebSearch, losses: list[Loss]) -> Sent:
    kind = tool.native_type if tool.native_type in WEB_SEARCH_TYPES else WEB_SEARCH
    if tool.allowed_domains and kind is not None and kind.startswith(_PREVIEW):
        kind = WEB_SEARCH
    sent: Sent = {"type": kind}
    if tool.allowed_domains:
        sent["filters"] = {"allowed_domains": list(tool.allowed_domains)}
    if tool.blocked_domains:
        losses.append(Loss(Neutral.BLOCKED_DOMAINS, LossKind.DROPPED))
    if tool.context_size in ("low", "medium", "high"):
        sent["search_context_size"] = tool.context_size
    if tool.location:
        sent["user_location"] = {"type": "approximate", **tool.location}
    if tool.cached:
        sent["external_web_access"] = False
    return sent


def most_tool_calls(tools: Iterable[AnyTool], sent: list[Sent], losses: list[Loss]) -> int | None:
    """`max_tool_calls`, which counts every hosted tool's: right if the search is the only one."""
    uses = [t.max_uses for t in tools if isinstance(t, WebSearch) and t.max_uses is not None]
    if not uses:
        return None
    hosted = [t for t in sent if t["type"] not in ("function", "custom", "namespace", *BUILT_IN)]
    if len(hosted) == 1 and hosted[0]["type"] in WEB_SEARCH_TYPES:
        return uses[0]
    losses.append(Loss(Neutral.SEARCH_USES, LossKind.DROPPED))
    return None


# ------------------------------------------------------------------------------------------- choice


def encode_choice(
    request: Request, sent: list[Sent], capabilities: Capabilities, losses: list[Loss]
) -> object:
    """`tool_choice`; None where it is better left out."""
    choice = request.tool_choice
    if choice is None:
        return None
    if not sent:
        if choice.mode is ToolMode.REQUIRED:
            losses.append(Loss(Neutral.TOOL_CHOICE, LossKind.DROPPED, "there are no tools"))
        return None
    mode = choice.mode
    if mode is ToolMode.REQUIRED and not capabilities.forced_tools:
        losses.append(Loss(Neutral.TOOL_CHOICE, LossKind.CHANGED, "this model cannot be forced"))
        mode = ToolMode.AUTO
    if mode is ToolMode.NONE or not choice.names:
        return mode.value
    chosen = [item for name in choice.names if (item := _choosable(name, request, sent))]
    if len(chosen) < len(choice.names):
        losses.append(Loss(Neutral.TOOL_CHOICE, LossKind.CHANGED, "a tool that cannot be named"))
        return mode.value
    if mode is ToolMode.REQUIRED and len(chosen) == 1 and chosen[0]["type"] not in _ONLY_ALLOWED:
        return chosen[0]
    return {"type": "allowed_tools", "mode": mode.value, "tools": chosen}


def _choosable(name: str, request: Request, sent: list[Sent]) -> Sent | None:
    """How a tool of this name is chosen; None where the dialect has no word for it."""
    for tool in request.tools:
        if isinstance(tool, Tool) and tool.name == name:
            if tool.namespace is not None or tool.origin == "local_shell":
                return None
            if tool.origin in BUILT_IN:
                return {"type": tool.origin}
            kind = "custom" if tool.kind is ToolKind.FREEFORM else "function"
            return {"type": kind, "name": name}
    if name == WEB_SEARCH:
        for item in sent:
            if item["type"] in WEB_SEARCH_TYPES:
                return {"type": item["type"]}
    return None
