"""The grammar of each dialect's stream, read from the bytes alone.

Written after the vendors' documents and apart from the translators' own decoders, so that a mistake
that a decoder and an encoder share is seen. `endings` says how often the stream ended and how.
"""

import json
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

COMPLETE, BROKEN = "complete", "broken"


def frames(data: bytes) -> list[tuple[str | None, str]]:
    """Name and data of every event; comments are left out. Google ends lines with CRLF."""
    found: list[tuple[str | None, str]] = []
    text = data.decode().replace("\r\n", "\n")
    assert text.endswith("\n\n") or not text, "the last event is finished"
    for block in text.split("\n\n"):
        name, payload = None, []
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                payload.append(value)
            else:
                assert not line or line.startswith(":"), f"no line of an event stream: {line!r}"
        if payload:
            found.append((name, "\n".join(payload)))
    return found


def named(data: bytes) -> list[Json]:
    """Events whose name is their type."""
    found = [(name, json.loads(payload)) for name, payload in frames(data)]
    assert all(name == event["type"] for name, event in found)
    return [event for _, event in found]


def anthropic(data: bytes) -> list[str]:
    events = [event for event in named(data) if event["type"] != "ping"]
    endings: list[str] = []
    opened, blocks, told = None, 0, False
    for place, event in enumerate(events):
        assert not endings, "an event after the end"
        match event["type"]:
            case "message_start":
                assert place == 0
            case "content_block_start":
                assert opened is None and event["index"] == blocks and not told
                opened, blocks = blocks, blocks + 1
            case "content_block_delta":
                assert event["index"] == opened
            case "content_block_stop":
                assert event["index"] == opened
                opened = None
            case "message_delta":
                assert opened is None
                told = True
            case "message_stop":
                assert told
                endings.append(COMPLETE)
            case "error":
                endings.append(BROKEN)
            case other:
                raise AssertionError(f"no event of the protocol: {other}")
    assert not events or events[0]["type"] in ("message_start", "error")
    return endings


def openai_responses(data: bytes) -> list[str]:
    events = named(data)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    types = [event["type"] for event in events]
    over = [t for t in types if t in ("response.completed", "response.incomplete")]
    broken = [t for t in types if t in ("response.failed", "error")]
    assert not over or (types[-1:] == over and not broken), "the end comes last"
    assert not broken or types[-len(broken) :] == broken, "the end comes last"
    assert broken in ([], ["error"], ["response.failed"], ["error", "response.failed"])
    if types[:1] not in (["error"], ["response.failed"]):
        assert types[:2] == ["response.created", "response.in_progress"][: len(types)]
    added = [e["output_index"] for e in events if e["type"] == "response.output_item.added"]
    done = [e["output_index"] for e in events if e["type"] == "response.output_item.done"]
    assert added == list(range(len(added)))
    if over:
        assert sorted(done) == added, "every item is done"
        assert len(events[-1]["response"]["output"]) == len(added)
    return [COMPLETE] * len(over) + [BROKEN] * bool(broken)


def openai_chat(data: bytes) -> list[str]:
    endings: list[str] = []
    ids: set[str] = set()
    for name, payload in frames(data):
        assert name is None and not endings
        if payload == "[DONE]":
            endings.append(COMPLETE)
            continue
        chunk = json.loads(payload)
        if "error" in chunk:
            endings.append(BROKEN)
            continue
        assert chunk["object"] == "chat.completion.chunk"
        if not ids:
            assert chunk["choices"][0]["delta"]["role"] == "assistant"
        ids.add(chunk["id"])
    assert len(ids) <= 1
    return endings


def gemini(data: bytes) -> list[str]:
    endings: list[str] = []
    for name, payload in frames(data):
        assert name is None and BROKEN not in endings
        chunk = json.loads(payload)
        if "error" in chunk:
            endings.append(BROKEN)
        finished = [c for c in chunk.get("candidates", []) if c.get("finishReason")]
        blocked = chunk.get("promptFeedback", {}).get("blockReason")
        if finished or blocked:
            endings.append(COMPLETE)
    return endings


ENDINGS: dict[str, Callable[[bytes], list[str]]] = {
    "anthropic": anthropic,
    "gemini": gemini,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
}
