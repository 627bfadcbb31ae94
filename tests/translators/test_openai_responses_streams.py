"""Streams of the Responses API, every part read, however they are cut up."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.translators.replay import RECORDINGS, label, places
from translators.canonical.parts import (
    Citation,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.response import Response, fold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Metered,
    PartBegun,
    PartCited,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
    Truncated,
)
from translators.openai_responses import PROTOCOL
from translators.ordering import Grammar
from translators.protocol import NotUnderstood

CASES = sorted(
    case
    for case in (RECORDINGS / "openai_responses").iterdir()
    if (case / "stream.sse").exists() and not case.name.startswith(("image_edit", "image_stream"))
)
PAIRED = [case for case in CASES if (case / "response.json").exists()]
SSE = "text/event-stream; charset=utf-8"


def read(pieces: Iterable[bytes]) -> list[StreamEvent]:
    decoder = PROTOCOL.stream_decoder(SSE, "family")
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.close() == [], "a second close says nothing"
    return events


def stream(case: Path | str) -> bytes:
    return (RECORDINGS / "openai_responses" / case / "stream.sse").read_bytes()


def lawful(events: list[StreamEvent]) -> None:
    """The rules of a decoder's stream (canonical/stream.py), and the gate that holds it to them."""
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    known: set[int] = set()
    open_: set[int] = set()
    for place, event in enumerate(events):
        last = place == len(events) - 1
        assert isinstance(event, Ended | Failed | Truncated) == last
        if isinstance(event, Begun):
            assert place == 0
        elif isinstance(event, PartBegun | PartWhole):
            assert event.key not in known
            known.add(event.key)
            if isinstance(event, PartBegun):
                open_.add(event.key)
        elif isinstance(event, PartDelta | PartCited):
            assert event.key in open_
        elif isinstance(event, PartEnded):
            open_.remove(event.key)
        elif isinstance(event, Ended):
            assert open_ == set()
    for once in (Finished, Begun):
        assert sum(isinstance(event, once) for event in events) <= 1


@pytest.mark.parametrize("case", CASES, ids=label)
def test_a_stream_is_lawful_whole_and_in_single_bytes(case: Path) -> None:
    data = stream(case)
    events = read([data])
    lawful(events)
    assert not isinstance(events[-1], Truncated)
    assert read(bytes([byte]) for byte in data) == events
    assert read([data.replace(b"\n", b"\r\n")]) == events
    assert read([data.replace(b"\n", b"\r")]) == events


@pytest.mark.parametrize("case", CASES, ids=label)
def test_a_stream_is_the_same_wherever_it_is_split(case: Path) -> None:
    data = stream(case)
    whole = read([data])
    for at in places(data):
        assert read([data[:at], data[at:]]) == whole


@pytest.mark.parametrize("case", CASES, ids=label)
def test_a_stream_that_is_cut_off_has_one_ending(case: Path) -> None:
    data = stream(case)
    for at in [0, *places(data)]:
        lawful(read([data[:at]]))


@pytest.mark.parametrize("case", PAIRED, ids=label)
def test_a_stream_says_what_the_whole_answer_says(case: Path) -> None:
    whole = PROTOCOL.decode_response((case / "response.json").read_bytes(), "family")
    streamed = fold(read([stream(case)]))
    assert streamed == whole


@pytest.mark.parametrize("case", PAIRED, ids=label)
def test_an_upstream_that_answers_a_stream_whole_is_read_too(case: Path) -> None:
    body = (case / "response.json").read_bytes()
    decoder = PROTOCOL.stream_decoder("application/json", "family")
    events = decoder.feed(body[:50]) + decoder.feed(body[50:]) + decoder.close()
    lawful(events)
    assert fold(events) == PROTOCOL.decode_response(body, "family")
    cut = PROTOCOL.stream_decoder("application/json", "family")
    assert cut.feed(body[:-9]) + cut.close() == [Truncated()]


CALL = ToolCall("call_1", "f", '{"a":1}', item_id="fc_1")
SEAL = Sealed("family", "gAAAAABo-opaque")
PARTS: dict[str, tuple[Part, ...]] = {
    "text": (Text("Hello there, friend."),),
    "reasoning": (Reasoning("**Thinking**\n\nSecond part", SEAL, id="rs_1"), Text("42")),
    "raw_reasoning": (Reasoning("We need to say hello.", id="rs_1"), Text("Hello")),
    "refusal": (Refusal("I can't help with that."),),
    "text_then_custom_tool": (
        Reasoning("", SEAL, id="rs_1"),
        Text("Let me look."),
        ToolCall(
            "call_x", "exec", "ls -la\ncat <<'X'\n\u2028\nX", ToolKind.FREEFORM, item_id="ctc_1"
        ),
    ),
    "url_citations": (
        Text(
            "Rain in Oslo.",
            (
                Citation("https://example.com/oslo", "Weather", None, 0, 4),
                Citation(
                    issuer="openai_responses",
                    native={
                        "type": "file_citation",
                        "file_id": "file-1",
                        "filename": "a.txt",
                        "index": 5,
                    },
                ),
            ),
        ),
    ),
    "interleaved_items": (
        Text("Let me look."),
        ToolCall("call_1", "f", '{"a":1}', namespace="mcp__a", item_id="fc_1"),
    ),
    "two_contents": (
        Reasoning("", Sealed("family", "gAAAAABo-final"), id="rs_1"),
        Text("A"),
        Text("B"),
    ),
    "no_deltas": (Text("Hello"), CALL),
    "terminal_event_only": (Text("Hello"), CALL),
    "one_output_index": (Text("Hello"), CALL),
    "built_in_calls": (
        ToolCall(
            "call_l",
            "local_shell",
            '{"command":["ls","-la"],"env":{}}',
            origin="local_shell",
            item_id="lsh_1",
        ),
        ToolCall(
            "call_s",
            "shell",
            '{"commands":["ls"],"timeout_ms":1000}',
            origin="shell",
            item_id="sh_1",
        ),
        ToolCall(
            "call_p",
            "apply_patch",
            '{"type":"update_file","path":"a.txt","diff":"@@\\n-a\\n+b\\n"}',
            origin="apply_patch",
            item_id="apc_1",
        ),
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts(name: str) -> None:
    answer = fold(read([stream(name)]))
    assert answer.parts == PARTS[name]


def test_no_character_of_a_text_is_lost() -> None:
    (text,) = fold(read([stream("unknown_events")])).parts
    assert isinstance(text, Text)
    assert text.text.startswith("Hello 😀")
    assert "\u2028" in text.text


def test_searches_pages_and_what_ran_at_the_provider() -> None:
    search, page, other, text = fold(read([stream("web_search")])).parts
    assert search == SearchCall("ws_1", ("weather oslo",))
    assert isinstance(page, Opaque)
    assert other == SearchCall("ws_3", ("weather rome",))
    assert text == Text("Rain.")
    shell, output, _ = fold(read([stream("hosted_shell")])).parts
    assert [getattr(p, "type", None) for p in (shell, output)] == [
        "shell_call",
        "shell_call_output",
    ]
    picture, _ = fold(read([stream("image_generation_tool")])).parts
    assert isinstance(picture, Media)
    assert (picture.kind, picture.source) == (MediaKind.IMAGE, Inline("aVZCT1I="))


def test_texts_arrive_in_pieces_and_reasoning_gets_its_seal_at_its_end() -> None:
    events = read([stream("reasoning")])
    assert events[1:6] == [
        PartBegun(0, Reasoning("", id="rs_1")),
        PartDelta(0, "**Thinking**"),
        PartDelta(0, "\n\n"),
        PartDelta(0, "Second part"),
        PartEnded(0, SEAL),
    ]


def test_an_error_waits_for_the_response_that_failed_with_it() -> None:
    events = read([stream("error_then_failed")])
    assert [type(event) for event in events] == [Begun, Finished, Failed]
    alone = read([stream("error_overloaded")])
    assert [type(event) for event in alone] == [Begun, Failed]
    failed = read([stream("failed")])
    assert [type(event) for event in failed[-3:]] == [Finished, Metered, Failed]


def test_an_error_as_bare_json_is_an_error() -> None:
    cut = stream("text").split(b"event: response.output_text.done")[0]
    events = read([cut + b'\n{"error":{"message":"Overloaded","code":"server_is_overloaded"}}\n'])
    lawful(events)
    assert isinstance(events[-1], Failed)


def test_a_stream_whose_beginning_was_lost_does_not_begin_later() -> None:
    blocks = stream("text").split(b"\n\n")
    events = read([b"\n\n".join(blocks[2:])])
    lawful(events)
    assert isinstance(events[0], PartBegun)
    assert read([b"\n\n".join([blocks[1], *blocks[2:]])])[0] == read([stream("text")])[0]


def test_nothing_is_read_after_the_terminal_event() -> None:
    once = read([stream("text")])
    assert read([stream("text"), stream("refusal"), b"data: [DONE]\n\n"]) == once


WRONG: list[Any] = [None, True, -1, 1.5, 10**30, "x", [], {}, [[]], [{}], {"type": 1}, ["x"]]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the output of an answer, or an event, can be wrong."""
    if isinstance(value, dict):
        return [p for key, one in value.items() for p in [(*path, key), *paths(one, (*path, key))]]
    if isinstance(value, list):
        return [p for n, one in enumerate(value) for p in [(*path, n), *paths(one, (*path, n))]]
    return []


def put(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    copy = json.loads(json.dumps(value))
    target = copy
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = wrong
    return copy


@pytest.mark.parametrize(
    "case", ["text_then_custom_tool", "url_citations", "web_search", "built_in_calls", "reasoning"]
)
def test_wrong_types_in_events_are_never_an_error(case: str) -> None:
    blocks = [block for block in stream(case).split(b"\n\n") if block]
    for place, block in enumerate(blocks[2:-1], 2):
        name, data = block.split(b"\n")
        event = json.loads(data[6:])
        for path in paths(event):
            for wrong in WRONG:
                bad = b"%b\ndata: %b" % (name, json.dumps(put(event, path, wrong)).encode())
                lawful(read([b"\n\n".join([*blocks[:place], bad, *blocks[place + 1 :]])]))


@pytest.mark.parametrize("case", PAIRED, ids=label)
def test_wrong_types_in_whole_answers_are_refused_or_read(case: Path) -> None:
    answer = json.loads((case / "response.json").read_bytes())
    for path in paths(answer):
        for wrong in WRONG:
            body = json.dumps(put(answer, path, wrong)).encode()
            try:
                found = PROTOCOL.decode_response(body, "family")
            except NotUnderstood:
                continue
            assert isinstance(found, Response)
