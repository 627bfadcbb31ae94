"""Tools fitted to a dialect that lacks some of their kinds, and given back their own names after.

Towards the upstream: names are made to match the target's rules, namespaces flattened, freeform and
foreign built-in tools turned into functions, ids of calls made to match. Towards the client: the
inverse, on the events of the answer. Everything is deterministic, so that a longer conversation has
the shorter one's bytes as its beginning.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from translators import freeform
from translators.canonical.loss import Loss, LossKind, Neutral, unique
from translators.canonical.parts import Part, ToolCall, ToolKind, ToolResult
from translators.canonical.request import AnyTool, Request, Tool, ToolChoice, Turn, WebSearch
from translators.canonical.stream import (
    PartBegun,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
)
from translators.fitting import Fitting
from translators.protocol import ToolRules
from translators.unanswered import Unanswered

DUPLICATE = Loss(Neutral.TOOLS, LossKind.DROPPED, "of tools with one name the last is used")
RENAMED = Loss(Neutral.TOOL_NAME, LossKind.CHANGED, "the model sees a permitted name")
FLATTENED = Loss(Neutral.TOOL_NAMESPACE, LossKind.CHANGED, "it became a part of the name")
AS_FUNCTION = Loss(Neutral.TOOL_TYPE, LossKind.CHANGED, "a tool of another kind became a function")
UNENFORCED = Loss(Neutral.TOOL_FORMAT, LossKind.CHANGED, "the grammar is told, not enforced")
LIVE = Loss(Neutral.WEB_SEARCH, LossKind.DROPPED, "no live page may be read")


@dataclass(frozen=True, slots=True)
class ToolMap:
    """From the names that the upstream knows back to the caller's tools. A value that can be
    written down.

    A key is a name, or a namespace, a line feed and a name where the upstream has namespaces. A
    value is the caller's name, kind, namespace and origin, the last two empty where there is none.
    Tools that were not changed are not in it.
    """

    entries: dict[str, tuple[str, ...]] = field(default_factory=dict)


def fitted(request: Request, rules: ToolRules) -> tuple[Request, ToolMap, tuple[Loss, ...]]:
    """The request with tools, calls, results and choice as the target can take them."""
    names = _Names(request, rules)
    tools = names.tools()
    turns = tuple(names.turn(turn) for turn in request.turns)
    choice = names.choice(request.tool_choice)
    fitting = replace(request, tools=tools, turns=turns, tool_choice=choice)
    return fitting, ToolMap(names.entries), unique(names.losses)


def _key(namespace: str | None, name: str) -> str:
    return f"{namespace}\n{name}" if namespace else name


class _Names:
    """What one conversation's tools and calls are called at the target."""

    def __init__(self, request: Request, rules: ToolRules) -> None:
        self.entries: dict[str, tuple[str, ...]] = {}
        self.losses: list[Loss] = []
        self._rules = rules
        self._tools = self._distinct(request.tools)
        self._declared = {_key(t.namespace, t.name) for t in self._tools if isinstance(t, Tool)}
        calls = [part for part in _parts(request) if isinstance(part, ToolCall)]
        named: list[Tool | ToolCall] = [t for t in self._tools if isinstance(t, Tool)]
        self._natural: dict[str, list[str]] = {}
        for each in (*named, *calls):
            if self._scope(each.namespace) == (each.namespace or ""):
                self._natural.setdefault(each.namespace or "", []).append(each.name)
        self._fittings: dict[str, Fitting] = {}
        self._ids = _Ids(rules, calls)

    def _distinct(self, tools: Iterable[AnyTool]) -> list[AnyTool]:
        """Of tools with one name the last, in the place of the first. A search that may ask nobody
        is none where it would: what the model looks for tells what the caller works on."""
        found: dict[object, AnyTool] = {}
        for place, tool in enumerate(tools):
            if isinstance(tool, WebSearch) and tool.cached and not self._rules.cached_search:
                self.losses.append(LIVE)
                continue
            key = (tool.namespace, tool.name) if isinstance(tool, Tool) else place
            if key in found:
                self.losses.append(DUPLICATE)
            found[key] = tool
        return list(found.values())

    def _scope(self, namespace: str | None) -> str:
        """Within what a name must be unique: the target's namespace, or everything."""
        return (namespace or "") if self._rules.namespaces else ""

    def _wire(self, namespace: str | None, name: str) -> str:
        scope = self._scope(namespace)
        fitting = self._fittings.get(scope)
        if fitting is None:
            rules = self._rules
            natural = self._natural.get(scope, ())
            fitting = Fitting(rules.name_pattern, rules.name_most, natural)
            self._fittings[scope] = fitting
        flattened = bool(namespace) and not scope
        wanted = f"{namespace}__{name}" if flattened else name
        return fitting.given((namespace or "", name), wanted, natural=not flattened)

    def _is_foreign(self, origin: str | None) -> bool:
        return origin is not None and not origin.startswith(self._rules.origins)

    def _remember(self, wire: str, of: Tool | ToolCall) -> None:
        """How to give the answer's calls of this tool back to the caller."""
        scope = self._scope(of.namespace)
        unchanged = (
            wire == of.name
            and scope == (of.namespace or "")
            and (of.kind is ToolKind.FUNCTION or self._rules.freeform)
            and not self._is_foreign(of.origin)
        )
        if not unchanged:
            entry = (of.name, of.kind.value, of.namespace or "", of.origin or "")
            self.entries.setdefault(_key(scope, wire), entry)

    # ------------------------------------------------------------------------------------- tools

    def tools(self) -> tuple[AnyTool, ...]:
        described: set[str] = set()
        return tuple(
            self._tool(tool, described) if isinstance(tool, Tool) else tool for tool in self._tools
        )

    def _tool(self, tool: Tool, described: set[str]) -> Tool:
        wire = self._wire(tool.namespace, tool.name)
        self._remember(wire, tool)
        if tool.namespace and not self._rules.namespaces:
            self.losses.append(FLATTENED)
            tool = _flattened(tool, described)
        elif wire != tool.name:
            self.losses.append(RENAMED)
        if tool.kind is ToolKind.FREEFORM and not self._rules.freeform:
            self.losses.append(AS_FUNCTION)
            if tool.grammar:
                self.losses.append(UNENFORCED)
            tool = freeform.as_function(tool)
        if self._is_foreign(tool.origin):
            self.losses.append(AS_FUNCTION)
            tool = replace(tool, origin=None)
        return tool if wire == tool.name else replace(tool, name=wire)

    def choice(self, choice: ToolChoice | None) -> ToolChoice | None:
        """The choice under the target's names. One name may mean a tool in each of several
        namespaces; a name that no tool has is left as it is."""
        if choice is None or not choice.names:
            return choice
        wires: dict[str, list[str]] = {}
        for tool in self._tools:
            if isinstance(tool, Tool):
                wires.setdefault(tool.name, []).append(self._wire(tool.namespace, tool.name))
        names = (wire for name in choice.names for wire in wires.get(name, (name,)))
        return replace(choice, names=tuple(dict.fromkeys(names)))

    # ------------------------------------------------------------------------------------- turns

    def turn(self, turn: Turn) -> Turn:
        if not any(isinstance(part, ToolCall | ToolResult) for part in turn.parts):
            return turn
        self._ids.next_turn()
        return replace(turn, parts=tuple(self._part(part) for part in turn.parts))

    def _part(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, ToolResult):
            return self._result(part)
        return part

    def _call(self, call: ToolCall) -> ToolCall:
        wire = self._wire(call.namespace, call.name)
        if _key(call.namespace, call.name) not in self._declared:
            self._remember(wire, call)
        given = self._ids.of_call(call.id, wire)
        scope = self._scope(call.namespace) or None
        if call.kind is ToolKind.FREEFORM and not self._rules.freeform:
            arguments = freeform.wrapped(call.arguments)
            call = replace(call, kind=ToolKind.FUNCTION, arguments=arguments)
        if self._is_foreign(call.origin):
            call = replace(call, origin=None)
        if (given, wire, scope) == (call.id, call.name, call.namespace):
            return call
        return replace(call, id=given, name=wire, namespace=scope)

    def _result(self, result: ToolResult) -> ToolResult:
        call_id, wire = self._ids.of_result(result.call_id)
        name = None if result.name is None else wire or self._wire(None, result.name)
        if result.kind is ToolKind.FREEFORM and not self._rules.freeform:
            result = replace(result, kind=ToolKind.FUNCTION)
        if self._is_foreign(result.origin):
            result = replace(result, origin=None)
        if (call_id, name) == (result.call_id, result.name):
            return result
        return replace(result, call_id=call_id, name=name)


def _parts(request: Request) -> Iterator[Part]:
    return (part for turn in request.turns for part in turn.parts)


def _flattened(tool: Tool, described: set[str]) -> Tool:
    """Without its namespace, whose description goes to the first tool of it."""
    description = tool.description
    namespace = tool.namespace or ""
    if tool.namespace_description and namespace not in described:
        described.add(namespace)
        about = f"{namespace}: {tool.namespace_description}"
        description = f"{description}\n\n{about}" if description else about
    return replace(tool, namespace=None, namespace_description=None, description=description)


class _Ids:
    """Ids of calls as the target can take them, each once, the same in a call and in its result."""

    def __init__(self, rules: ToolRules, calls: Iterable[ToolCall]) -> None:
        self._fitting = Fitting(rules.id_pattern, rules.id_most, (call.id for call in calls))
        self._times: dict[str, int] = {}
        self._waiting: Unanswered[tuple[str, str]] = Unanswered()
        self._turn = 0

    def next_turn(self) -> None:
        self._turn += 1

    def of_call(self, call_id: str, name: str) -> str:
        """The first call of an id keeps it if it can, a later one gets another."""
        times = self._times.get(call_id, 0)
        self._times[call_id] = times + 1
        given = self._given(call_id, times)
        self._waiting.called(call_id, self._turn, (given, name))
        return given

    def of_result(self, call_id: str) -> tuple[str, str | None]:
        """The id that the result's call was given, and that call's name if there is such a call."""
        answered = self._waiting.answered(call_id)
        if answered is not None:
            return answered
        return self._given(call_id, max(self._times.get(call_id, 1) - 1, 0)), None

    def _given(self, call_id: str, times: int) -> str:
        return self._fitting.given((call_id, str(times)), call_id, natural=times == 0)


# ---------------------------------------------------------------------------------- the answer

# Shorter ids are those of upstreams that count from 0 in every answer, or none at all.
_LEAST_ID_CHARACTERS = 9


class Restorer:
    """Events of the answer with the caller's own tools in them. One for each answer."""

    def __init__(self, tools: ToolMap, rules: ToolRules, seed: str) -> None:
        """`rules` are the client's dialect's, `seed` as in ReplyContext."""
        self._entries = tools.entries
        self._id_pattern = re.compile(rules.id_pattern)
        self._id_most = rules.id_most
        self._seed = seed
        self._calls = 0
        self._ids: set[str] = set()
        self._unwrapping: dict[int, freeform.Unwrapper] = {}

    def restored(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        result: list[StreamEvent] = []
        for event in events:
            if isinstance(event, PartDelta | PartEnded):
                if event.key in self._unwrapping:
                    result += self._unwrapped(event)
                else:
                    result.append(event)
            elif isinstance(event, PartBegun | PartWhole) and isinstance(event.part, ToolCall):
                result.append(self._begun(event, event.part))
            else:
                result.append(event)
        return result

    def _begun(self, event: PartBegun | PartWhole, call: ToolCall) -> StreamEvent:
        call = replace(call, id=self._id(call.id))
        entry = self._entries.get(_key(call.namespace, call.name))
        if entry is None:
            return replace(event, part=call)
        name, kind, namespace, origin = entry
        if kind == ToolKind.FREEFORM and call.kind is ToolKind.FUNCTION:
            if isinstance(event, PartBegun):
                self._unwrapping[event.key] = freeform.Unwrapper(name)
            else:
                call = replace(call, arguments=freeform.unwrapped(call.arguments, name))
        call = replace(
            call,
            name=name,
            kind=ToolKind(kind),
            namespace=namespace or None,
            origin=origin or None,
        )
        return replace(event, part=call)

    def _unwrapped(self, event: PartDelta | PartEnded) -> list[StreamEvent]:
        if isinstance(event, PartDelta):
            text = self._unwrapping[event.key].feed(event.text)
            return [PartDelta(event.key, text)] if text else []
        text = self._unwrapping.pop(event.key).close()
        return [PartDelta(event.key, text), event] if text else [event]

    def _id(self, call_id: str) -> str:
        """The upstream's id where the client's dialect permits it and it is the only one."""
        ordinal = self._calls
        self._calls += 1
        fits = (
            _LEAST_ID_CHARACTERS <= len(call_id) <= self._id_most
            and call_id not in self._ids
            and self._id_pattern.fullmatch(call_id) is not None
        )
        if not fits:
            digest = hashlib.sha256(f"{self._seed}/{ordinal}".encode()).hexdigest()
            call_id = f"call_{digest[:24]}"[: self._id_most]
        self._ids.add(call_id)
        return call_id
