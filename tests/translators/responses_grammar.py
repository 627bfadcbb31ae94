"""The grammar of a Responses stream, checked on bytes: what a client may rely on.

Source: the API reference, 'Streaming events', and what the official SDK's accumulator asserts.
"""

import json
from typing import Any

Event = dict[str, Any]

TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def parsed(stream: bytes) -> list[Event]:
    """The events; their names and types must agree, and nothing else may be in the stream."""
    assert stream.endswith(b"\n\n")
    events = []
    for block in stream.split(b"\n\n")[:-1]:
        lines = block.split(b"\n")
        if lines == [b": ping"]:
            continue
        assert len(lines) == 2, block
        name, data = lines
        assert name.startswith(b"event: "), block
        assert data.startswith(b"data: {"), block
        event = json.loads(data[6:])
        assert event["type"] == name[7:].decode()
        events.append(event)
    return events


class Checker:
    """Reads events in turn; every rule is an assertion."""

    def __init__(self) -> None:
        self.items: dict[int, Event] = {}
        self.done: dict[int, Event] = {}
        self.texts: dict[tuple[Any, ...], str] = {}
        self.open_parts: set[tuple[int, int]] = set()

    def check(self, events: list[Event]) -> Event:
        """The terminal event's response."""
        assert [e["sequence_number"] for e in events] == list(range(len(events)))
        assert [e["type"] for e in events[:2]] == ["response.created", "response.in_progress"]
        for event in events[:2]:
            assert event["response"]["status"] == "in_progress"
            assert event["response"]["output"] == []
        failed = events[-1]["type"] == "response.failed"
        last = -2 if failed and events[-2]["type"] == "error" else -1
        for event in events[2:last]:
            self.read(event)
        return self.end(events[-1], failed)

    def end(self, terminal: Event, failed: bool) -> Event:
        assert terminal["type"] in TERMINAL
        response: Event = terminal["response"]
        assert terminal["type"] == f"response.{response['status']}"
        assert response["output"] == [self.done[index] for index in sorted(self.done)]
        if not failed:
            assert self.items.keys() == self.done.keys(), "an item was never done"
            assert self.open_parts == set()
        return response

    def read(self, event: Event) -> None:
        kind = event["type"]
        if kind == "response.output_item.added":
            assert event["output_index"] == len(self.items)
            self.items[event["output_index"]] = event["item"]
            return
        item = self.items[event["output_index"]]
        assert event["output_index"] not in self.done, "an event after its item was done"
        if kind == "response.output_item.done":
            self.item_done(event, item)
            return
        assert event["item_id"] == item["id"]
        if kind.endswith(".delta"):
            self.delta(event, kind)
        elif kind.startswith("response.content_part."):
            self.content(event, kind)
        else:
            self.other(event, kind)

    def delta(self, event: Event, kind: str) -> None:
        place = (event["output_index"], event.get("content_index", 0))
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            assert place in self.open_parts
        if kind == "response.output_text.delta":
            assert event["logprobs"] == []
        assert event["delta"] != ""
        self.texts[place] = self.texts.get(place, "") + event["delta"]

    def content(self, event: Event, kind: str) -> None:
        place = (event["output_index"], event["content_index"])
        part = event["part"]
        if kind.endswith(".added"):
            assert place not in self.texts
            self.open_parts.add(place)
            self.texts[place] = ""
            assert part.get("text", part.get("refusal")) == ""
            return
        self.open_parts.remove(place)
        assert part.get("text", part.get("refusal")) == self.texts[place]

    def other(self, event: Event, kind: str) -> None:
        place = (event["output_index"], event.get("content_index", 0))
        for field in ("text", "refusal", "arguments", "input"):
            if kind.endswith(".done") and field in event:
                assert event[field] == self.texts[place]
        if kind == "response.output_text.annotation.added":
            assert place in self.open_parts
        if kind == "response.reasoning_summary_part.done":
            assert event["part"]["text"] == self.texts[place]

    def item_done(self, event: Event, begun: Event) -> None:
        item = event["item"]
        index = event["output_index"]
        assert (item["id"], item["type"]) == (begun["id"], begun["type"])
        self.done[index] = item
        texts = {place: text for place, text in self.texts.items() if place[0] == index}
        if item["type"] == "message":
            said = [p.get("text", p.get("refusal")) for p in item["content"]]
            assert said == [texts[place] for place in sorted(texts)]
        elif item["type"] == "reasoning" and item["summary"]:
            assert [p["text"] for p in item["summary"]] == list(texts.values())
        elif item["type"] in ("function_call", "custom_tool_call"):
            assert item.get("arguments", item.get("input")) == "".join(texts.values())


def checked(stream: bytes) -> Event:
    """The response that a stream ends with, once every rule was seen to hold."""
    return Checker().check(parsed(stream))
