"""Chat Completions streams, read into parts: every recording, and what servers do differently."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.translators.openai_chat_reading import (
    ISSUER,
    PAIRED,
    SSE,
    STREAMED,
    WHOLE,
    answer,
    check_order,
    heard,
    name,
    put_together,
    stream,
)
from tests.translators.replay import places
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.response import Response, fold, unfold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    PartBegun,
    PartDelta,
    PartEnded,
    Truncated,
)
from translators.openai_chat import PROTOCOL
from translators.openai_chat.stream_decoding import ChatDecoder

DONE = b"data: [DONE]\n\n"


def chunk(*choices: Any, **more: Any) -> bytes:
    body = {"id": "chatcmpl-1", "model": "m", "choices": list(choices), **more}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def delta(finish: str | None = None, index: Any = 0, **fields: Any) -> bytes:
    return chunk({"index": index, "delta": fields, "finish_reason": finish})


def read(*pieces: bytes) -> Response:
    return fold(heard([*pieces, DONE]))


def entry(arguments: Any = None, **fields: Any) -> dict[str, Any]:
    function = {"name": fields.pop("name", None), "arguments": arguments}
    said = {key: value for key, value in function.items() if value is not None}
    return {**fields, "function": said}


def called(*entries: Any) -> bytes:
    return delta(tool_calls=list(entries))


# ------------------------------------------------------------------------------------- recordings


@pytest.mark.parametrize("case", STREAMED, ids=name)
def test_a_stream_keeps_the_rules_and_is_the_same_in_pieces(case: Path) -> None:
    data = stream(case)
    whole = heard([data])
    check_order(whole)
    assert isinstance(whole[-1], Ended | Failed)
    assert heard([bytes([byte]) for byte in data]) == whole
    for other in (data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r")):
        assert heard([other]) == whole
        assert heard([bytes([byte]) for byte in other]) == whole


@pytest.mark.parametrize("case", STREAMED, ids=name)
def test_a_stream_is_the_same_split_anywhere(case: Path) -> None:
    data = stream(case)
    whole = heard([data])
    for at in places(data):
        assert heard([data[:at], data[at:]]) == whole, f"split at byte {at}"


@pytest.mark.parametrize("case", STREAMED, ids=name)
def test_a_stream_cut_anywhere_has_one_ending(case: Path) -> None:
    data = stream(case)
    for at in [0, *places(data), len(data)]:
        events = heard([data[:at]])
        endings = [e for e in events if isinstance(e, Ended | Failed | Truncated)]
        assert len(endings) == 1, f"cut at byte {at}"
        check_order(events)


@pytest.mark.parametrize("case", PAIRED, ids=name)
def test_a_stream_says_what_the_whole_answer_says(case: Path) -> None:
    assert put_together(case) == answer(case)


@pytest.mark.parametrize("case", WHOLE, ids=name)
def test_a_whole_answer_to_a_request_for_a_stream(case: Path) -> None:
    """10.12: read at its end and unfolded; half of it is Truncated."""
    body = (case / "response.json").read_bytes()
    events = heard([body[:9], body[9:]], "application/json")
    assert events == list(unfold(answer(case)))
    assert heard([body[:-9]], "application/json") == [Truncated()]


def test_interleaved_calls_are_open_side_by_side() -> None:
    events = heard(
        [
            called(entry("1", index=0, id="a", name="f")),
            called(entry("2", index=1, id="b", name="g")),
            called(entry("3", index=0)),
            DONE,
        ]
    )
    said = [(e.key, e.text) for e in events if isinstance(e, PartDelta)]
    assert said == [(0, "1"), (1, "2"), (0, "3")]


def test_content_and_finish_in_one_chunk_and_more_after_it() -> None:
    response = read(delta(content="a", finish="stop"), delta(content="b"), delta(finish="length"))
    assert response.parts == (Text("ab"),)
    assert response.finish == Finish(Reason.LENGTH, "length"), "the last word counts"


def test_stop_beside_calls_is_a_call_for_tools() -> None:
    """7.1"""
    response = read(called(entry("{}", index=0, id="a", name="f")), delta(finish="stop"))
    assert response.finish == Finish(Reason.TOOL_CALLS, "stop")


def test_text_and_reasoning_follow_each_other() -> None:
    """1.12: each switch ends one part and begins another."""
    pieces = [delta(reasoning="a"), delta(content="b"), delta(reasoning="c"), delta(content="d")]
    seal = Sealed("openai_chat-acme", "reasoning")
    assert read(*pieces).parts == (
        Reasoning("a", seal),
        Text("b"),
        Reasoning("c", seal),
        Text("d"),
    )


def test_text_ends_where_a_call_begins() -> None:
    """So that a client that can have one part open at a time sees the call as it comes."""
    events = heard([delta(content="a"), called(entry("{}", index=0, id="a", name="f"))])
    kinds = [type(event) for event in events]
    assert kinds == [Begun, PartBegun, PartDelta, PartEnded, PartBegun, PartDelta, Truncated]


def details(*items: dict[str, Any], **more: Any) -> bytes:
    return delta(reasoning_details=list(items), **more)


def test_details_of_reasoning_seal_it() -> None:
    """Those that come before the text ends, and those that come without any text, or too late."""
    secret = {"type": "reasoning.encrypted", "data": "x"}
    spoken = {"type": "reasoning.text", "text": "a", "index": 0}
    sealed = Sealed("openai_chat-acme", '[{"type":"reasoning.encrypted","data":"x"}]')
    assert read(details(secret), delta(content="b")).parts == (
        Reasoning("", sealed),
        Text("b"),
    )
    assert read(delta(content="b"), details(secret)).parts == (Text("b"), Reasoning("", sealed))
    assert read(details(spoken), delta(content="b")).parts == (
        Reasoning("a", Sealed("openai_chat-acme", "reasoning")),
        Text("b"),
    )
    signed = {"type": "reasoning.text", "index": 0, "signature": "s"}
    (thought, _) = read(details(spoken), details(spoken, signed), delta(content="b")).parts
    assert thought == Reasoning(
        "aa",
        Sealed(
            "openai_chat-acme",
            '[{"type":"reasoning.text","text":"aa","index":0,"signature":"s"}]',
        ),
    )


def test_both_names_filled_alike_are_one_reasoning() -> None:
    thought = Reasoning("a", Sealed("openai_chat-acme", "reasoning_content"))
    assert read(delta(reasoning_content="a", reasoning="a")).parts == (thought,)


def test_only_the_first_choice_counts() -> None:
    first = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    second = {"index": 1, "delta": {"content": "b"}, "finish_reason": "length"}
    assert read(chunk(second, first)).parts == (Text("a"),)
    assert read(chunk(first, second)).finish == Finish(Reason.STOP, "stop")


def test_a_stream_without_its_mark_is_truncated_whatever_it_said() -> None:
    """10.7, as the observer has it: no end is invented."""
    events = heard([delta(content="a"), delta(finish="stop"), chunk(usage={"prompt_tokens": 1})])
    assert events[-1] == Truncated()
    assert not [event for event in events if isinstance(event, Finished)]


def test_an_error_is_the_end() -> None:
    """10.6, 10.8: also inside a choice, and as bare JSON."""
    error = {"message": "m", "code": "server_error"}
    for broken in (
        b"data: " + orjson.dumps({"error": error}) + b"\n\n",
        chunk({"index": 0, "delta": {"content": ""}, "error": error, "finish_reason": "error"}),
        orjson.dumps({"error": error}) + b"\n",
    ):
        events = heard([delta(content="a"), broken])
        assert isinstance(events[-1], Failed)
        check_order(events)
    later = heard([delta(content="a"), chunk(error=error), delta(content="b"), DONE])
    assert isinstance(later[-1], Failed), "nothing is read after it"


def test_an_answer_without_a_name_begins_all_the_same() -> None:
    nameless = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    assert heard([nameless])[:2] == [Begun(None, None), PartBegun(0, Text(""))]
    empty = b'data: {"choices":[],"id":"","model":""}\n\n'
    assert heard([empty, delta(content="a")])[0] == Begun("chatcmpl-1", "m")


def test_sound_is_one_opaque_part() -> None:
    pieces = [
        delta(audio={"id": "audio_1", "transcript": "Hel"}),
        delta(audio={"data": "AA", "transcript": "lo"}),
        delta(audio={"data": "BB", "expires_at": 9}),
    ]
    audio: dict[str, Any] = {
        "id": "audio_1", "expires_at": 9, "transcript": "Hello", "data": "AABB",
    }  # fmt: skip
    assert read(*pieces).parts == (Opaque("openai_chat", "audio", audio),)


def test_sources_belong_to_the_text() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}
    response = read(delta(content="a"), delta(annotations=[cited, 7, {"url_citation": 7}]))
    assert response.parts == (Text("a", (Citation("https://x", "X"),)),)
    assert read(delta(annotations=[cited])).parts == ()


def test_groqs_usage_is_read() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    response = read(delta(content="a"), chunk(x_groq={"usage": usage}))
    assert response.usage is not None
    assert response.usage.input_tokens == 3


def test_a_custom_tools_call_is_free_text() -> None:
    """2.16"""
    opened = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": "l"}}
    parts: tuple[Part, ...] = read(
        called(opened), called({"index": 0, "custom": {"input": "s"}})
    ).parts
    assert parts == (ToolCall("a", "sh", "ls", kind=ToolKind.FREEFORM),)


def test_what_is_no_json_is_skipped() -> None:
    assert read(b"data: {\n\n", b"data: 7\n\n", b": ping\n\n", delta(content="a")).parts == (
        Text("a"),
    )


def test_the_decoder_is_chosen_by_the_type_of_the_answer() -> None:
    assert isinstance(PROTOCOL.stream_decoder(SSE, ISSUER), ChatDecoder)
    assert isinstance(PROTOCOL.stream_decoder("", ISSUER), ChatDecoder)
    assert not isinstance(PROTOCOL.stream_decoder("application/json", ISSUER), ChatDecoder)
