"""Which call of a stream a delta belongs to.

Met in the field, and taken as they come: several calls in one chunk; no `index`; one index for all
calls, told apart by their ids; an id and a name that are repeated in every delta; a new id in every
delta of one call; arguments all at once, or as an object; a name that comes after its arguments.
"""

from collections.abc import Callable, Mapping
from typing import Any

from translators.canonical.parts import ToolCall, ToolKind
from translators.canonical.sealed import Sealed
from translators.canonical.stream import Begun, PartBegun, PartDelta, PartEnded, StreamEvent
from translators.fields import text
from translators.openai_chat.response_parts import arguments_in, call_id, signature_in

_OLDER = -1  # the place of the one call that `function_call` knows


class _Call:
    """One call. `early` holds arguments that came before its name."""

    __slots__ = ("custom", "early", "id", "key", "name", "ordinal", "sealed")

    def __init__(self, ordinal: int, id: str | None, custom: bool) -> None:
        self.ordinal = ordinal
        self.id = id
        self.custom = custom
        self.name: str | None = None
        self.key: int | None = None
        self.early: list[str] = []
        self.sealed: Sealed | None = None


class Calls:
    """The calls so far. `read` a delta, `ended` at the end; both give the events."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    @property
    def any(self) -> bool:
        return bool(self._calls)

    def read(
        self, delta: Mapping[str, Any], begun: Begun | None, key: Callable[[], int]
    ) -> list[StreamEvent]:
        """The events of a delta's calls; `key` gives the next part's."""
        events: list[StreamEvent] = []
        entries = delta.get("tool_calls")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                self._entry(entry, begun, key, events)
        older = delta.get("function_call")
        if isinstance(older, dict) and older:
            self._entry({"index": _OLDER, "function": older}, begun, key, events)
        return events

    def ended(self, begun: Begun | None, key: Callable[[], int]) -> list[StreamEvent]:
        """The ends of all calls. One that never got a name is told without."""
        events: list[StreamEvent] = []
        for call in self._calls:
            if call.key is None:
                self._start(call, begun, key, events)
            if call.key is not None:
                events.append(PartEnded(call.key, call.sealed))
        return events

    def _entry(
        self,
        entry: Mapping[str, Any],
        begun: Begun | None,
        key: Callable[[], int],
        events: list[StreamEvent],
    ) -> None:
        custom = isinstance(entry.get("custom"), dict)
        holder = entry.get("custom" if custom else "function")
        if not isinstance(holder, dict):
            holder = {}
        name = text(holder.get("name"))
        call = self._find(entry.get("index"), text(entry.get("id")), name, custom)
        call.name = call.name or name
        call.sealed = call.sealed or signature_in(entry, self._issuer)
        said = arguments_in(holder.get("input" if custom else "arguments"))
        if call.key is None:
            if said:
                call.early.append(said)
            if call.name is not None:
                self._start(call, begun, key, events)
        elif said:
            events.append(PartDelta(call.key, said))

    def _start(
        self,
        call: _Call,
        begun: Begun | None,
        key: Callable[[], int],
        events: list[StreamEvent],
    ) -> None:
        call.key = key()
        answer_id = begun.id if begun is not None else None
        id = call.id or call_id(answer_id, call.ordinal)
        kind = ToolKind.FREEFORM if call.custom else ToolKind.FUNCTION
        events.append(PartBegun(call.key, ToolCall(id, call.name or "", "", kind=kind)))
        if early := "".join(call.early):
            events.append(PartDelta(call.key, early))
        call.early.clear()

    def _find(self, index: object, id: str | None, name: str | None, custom: bool) -> _Call:
        """The call that is meant, or a new one."""
        place = index if isinstance(index, int) and not isinstance(index, bool) else None
        call = self._known(place, id, name)
        if call is None:
            call = _Call(len(self._calls), id, custom)
            self._calls.append(call)
        if place is not None:
            self._by_index[place] = call
        if id is not None:
            self._by_id.setdefault(id, call)
            call.id = call.id or id
        return call

    def _known(self, place: int | None, id: str | None, name: str | None) -> _Call | None:
        if place is None:
            known = self._by_id.get(id) if id is not None else None
            if known is None and name is None and self._calls:
                return self._calls[-1]
            return known
        call = self._by_index.get(place)
        if call is None or id is None or call.id in (None, id) or name is None:
            return call
        return self._by_id.get(id)  # one index for several calls
