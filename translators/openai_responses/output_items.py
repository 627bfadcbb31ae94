"""The output items of an answer that is being written: each from its first event to its last.

An item takes its place in the output when its first event is written, so that places are given in
the order of `response.output_item.added`, as the SDKs expect.
"""

from typing import Any

from translators.canonical.parts import Citation, ToolCall, ToolKind
from translators.openai_responses.citations import annotation
from translators.openai_responses.wire import Deltas, Wire

Item = dict[str, Any]

_NO_LOGPROBS = b',"logprobs":[]'


class Output:
    """All items so far, in their places; an item that is not finished yet is None."""

    def __init__(self, wire: Wire, seed: str) -> None:
        self.wire = wire
        self._seed = seed
        self._items: list[Item | None] = []

    @property
    def finished(self) -> list[Item]:
        return [item for item in self._items if item is not None]

    def add(self, prefix: str, item: Item, item_id: str | None = None) -> tuple[int, str]:
        """Write that an item begins: its place, and its id."""
        index = len(self._items)
        self._items.append(None)
        name = item_id or f"{prefix}_{self._seed}{index:02d}"
        self.wire.event("response.output_item.added", output_index=index, item={"id": name} | item)
        return index, name

    def done(self, index: int, item: Item) -> None:
        self._items[index] = item
        self.wire.event("response.output_item.done", output_index=index, item=item)

    def whole(
        self, prefix: str, begun: Item, item: Item, steps: tuple[str, ...] = (), **ids: str | None
    ) -> None:
        """An item that comes at once: begun, its steps, done."""
        index, name = self.add(prefix, begun, ids.get("item_id"))
        for step in steps:
            self.wire.event(step, item_id=name, output_index=index)
        self.done(index, {"id": name} | item)


class OpenMessage:
    """A message: the texts between two other items."""

    def __init__(self, output: Output) -> None:
        head = {"type": "message", "status": "in_progress", "content": [], "role": "assistant"}
        self._output = output
        self.index, self.id = output.add("msg", head)
        self.content: list[Item | None] = []
        self.open = 0  # parts that are not finished
        self.left = False  # another item came: no further part belongs here

    def close_if_over(self) -> None:
        if self.left and not self.open:
            item = {
                "id": self.id,
                "type": "message",
                "status": "completed",
                "content": [part for part in self.content if part is not None],
                "role": "assistant",
            }
            self._output.done(self.index, item)


class OpenText:
    """A text or a refusal, as a part of a message."""

    def __init__(self, output: Output, message: OpenMessage, refusal: bool) -> None:
        self._wire = output.wire
        self._message = message
        self._refusal = refusal
        self._pieces: list[str] = []
        self._length = 0
        self._annotations: list[Any] = []
        self._held: list[Citation] = []
        self._index = len(message.content)
        self._place: Item = {
            "item_id": message.id,
            "output_index": message.index,
            "content_index": self._index,
        }
        message.content.append(None)
        message.open += 1
        self._name = "response.refusal" if refusal else "response.output_text"
        tail = b"" if refusal else _NO_LOGPROBS
        self._deltas = Deltas(self._wire, f"{self._name}.delta", tail, **self._place)
        self._wire.event("response.content_part.added", **self._place, part=self._part(""))

    def _part(self, text: str) -> Item:
        if self._refusal:
            return {"type": "refusal", "refusal": text}
        notes = list(self._annotations)
        return {"type": "output_text", "annotations": notes, "logprobs": [], "text": text}

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)
        self._deltas.write(text)

    def cite(self, citation: Citation) -> None:
        """A citation that does not say where it belongs is about the whole part: it waits."""
        if citation.native is None and citation.end is None:
            self._held.append(citation)
        else:
            self._annotate(citation)

    def _annotate(self, citation: Citation) -> None:
        note = annotation(citation, self._length)
        self._wire.event(
            "response.output_text.annotation.added",
            **self._place,
            annotation_index=len(self._annotations),
            annotation=note,
        )
        self._annotations.append(note)

    def end(self) -> None:
        for citation in self._held:
            self._annotate(citation)
        text = "".join(self._pieces)
        said: Item = {"refusal": text} if self._refusal else {"text": text, "logprobs": []}
        self._wire.event(f"{self._name}.done", **self._place, **said)
        part = self._part(text)
        self._wire.event("response.content_part.done", **self._place, part=part)
        self._message.content[self._index] = part
        self._message.open -= 1
        self._message.close_if_over()


class OpenReasoning:
    """Reasoning, told as one summary."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._wire = output.wire
        self._pieces: list[str] = []
        self.index, self.id = output.add("rs", {"type": "reasoning", "summary": []})
        self._place: Item = {"item_id": self.id, "output_index": self.index, "summary_index": 0}
        name = "response.reasoning_summary_text.delta"
        self._deltas = Deltas(self._wire, name, **self._place)

    def add(self, text: str) -> None:
        if not self._pieces:
            part = {"type": "summary_text", "text": ""}
            self._wire.event("response.reasoning_summary_part.added", **self._place, part=part)
        self._pieces.append(text)
        self._deltas.write(text)

    def end(self, encrypted: str) -> None:
        item: Item = {"id": self.id, "type": "reasoning", "summary": []}
        if self._pieces:
            text = "".join(self._pieces)
            part = {"type": "summary_text", "text": text}
            self._wire.event("response.reasoning_summary_text.done", **self._place, text=text)
            self._wire.event("response.reasoning_summary_part.done", **self._place, part=part)
            item["summary"] = [part]
        item["encrypted_content"] = encrypted
        self._output.done(self.index, item)


class OpenCall:
    """A call of a function or of a freeform tool."""

    def __init__(self, output: Output, call: ToolCall) -> None:
        self._output = output
        self._wire = output.wire
        self._freeform = call.kind is ToolKind.FREEFORM
        self._field = "input" if self._freeform else "arguments"
        self._call = call
        self._pieces: list[str] = []
        prefix = "ctc" if self._freeform else "fc"
        self.index, self.id = output.add(prefix, self._item("in_progress", ""))
        self._place: Item = {"item_id": self.id, "output_index": self.index}
        name = "custom_tool_call_input" if self._freeform else "function_call_arguments"
        self._name = f"response.{name}"
        self._deltas = Deltas(self._wire, f"{self._name}.delta", **self._place)

    def _item(self, status: str, given: str) -> Item:
        kind = "custom_tool_call" if self._freeform else "function_call"
        item = {"type": kind, "status": status, self._field: given}
        item |= {"call_id": self._call.id, "name": self._call.name}
        if self._call.namespace is not None:
            item["namespace"] = self._call.namespace
        return item

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._deltas.write(text)

    def end(self) -> None:
        if not self._pieces and not self._freeform:
            self.add("{}")  # no arguments are an empty object here
        given = "".join(self._pieces)
        self._wire.event(f"{self._name}.done", **self._place, **{self._field: given})
        self._output.done(self.index, {"id": self.id} | self._item("completed", given))
