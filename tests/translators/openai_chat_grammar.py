"""The wire grammar of a Chat Completions stream, and the message that its deltas add up to.

Written from the API reference and the SDK's types, without the translators: a mistake that both of
our halves share is seen here.
"""

import json
from typing import Any

from openai.types.chat import ChatCompletionChunk

FINISHES = {"stop", "length", "tool_calls", "content_filter"}


def payloads(stream: bytes) -> list[str]:
    """The data of every event; nothing else may stand in the stream."""
    assert stream.endswith(b"\n\n")
    found = []
    for block in stream.decode().removesuffix("\n\n").split("\n\n"):
        assert block.startswith("data: "), block
        assert "\n" not in block
        found.append(block.removeprefix("data: "))
    return found


def complete(stream: bytes, *, usage: bool) -> dict[str, Any]:
    """The choice that a complete stream amounts to, with `usage`. Asserts the grammar."""
    *bodies, done = payloads(stream)
    assert done == "[DONE]"
    chunks = [json.loads(body) for body in bodies]
    figures = chunks.pop()["usage"] if usage and chunks[-1]["choices"] == [] else None
    for chunk in chunks:
        ChatCompletionChunk.model_validate(_typed(chunk))
        assert chunk["object"] == "chat.completion.chunk"
        assert ("usage" in chunk) is usage
        assert chunk.get("usage") is None
        assert [choice["index"] for choice in chunk["choices"]] == [0]
    assert len({(c["id"], c["created"], c["model"]) for c in chunks}) == 1
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
    assert choices[-1]["delta"] == {}
    assert choices[-1]["finish_reason"] in FINISHES
    message = _added_up([choice["delta"] for choice in choices])
    return {"message": message, "finish_reason": choices[-1]["finish_reason"], "usage": figures}


def _typed(value: Any) -> Any:
    """A chunk without what the SDK does not type."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if isinstance(value, dict):
        if value.get("type") == "custom":
            return {"index": value["index"]}
        return {key: _typed(one) for key, one in value.items() if key not in {"custom"}}
    return value


def _added_up(deltas: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"content": "", "tool_calls": []}
    annotated = 0
    for delta in deltas[1:-1]:
        (kind, said), *more = delta.items()
        assert more == [], "one thing a chunk"
        if kind == "tool_calls":
            (entry,) = said
            _add_call(message["tool_calls"], entry)
        elif kind in ("annotations", "images"):
            message.setdefault(kind, []).extend(said)
            annotated += kind == "annotations"
        elif isinstance(said, str):
            assert said, "no empty deltas"
            message[kind] = message.get(kind, "") + said
        else:
            message[kind] = said
    assert annotated <= 1, "the SDK can add up one list of sources"
    return message


def _add_call(calls: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    """Indexes count the calls; a call's first delta names it, the others only add to it."""
    index = entry.pop("index")
    assert index <= len(calls)
    if index == len(calls):
        assert entry["id"]
        assert entry[entry["type"]]["name"]
        calls.append(entry)
        return
    assert "id" not in entry
    assert "type" not in entry
    call = calls[index]
    kind = call["type"]
    slot = "input" if kind == "custom" else "arguments"
    call[kind][slot] += entry[kind].pop(slot)
    assert entry.pop(kind) == {}
    call |= entry


def broken_off(stream: bytes) -> dict[str, Any]:
    """The error with which a stream ends that is not complete: no finish, no [DONE]."""
    *bodies, last = payloads(stream)
    for body in bodies:
        for choice in json.loads(body)["choices"]:
            assert choice["finish_reason"] is None
    error: dict[str, Any] = json.loads(last)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error
