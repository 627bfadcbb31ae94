"""The stream we write, at its edges: seals, parts side by side, failures, losses."""

import json
from dataclasses import replace

import openai
import pytest

from tests.translators.responses_answers import (
    CONTEXT,
    FOREIGN,
    OVERLOADED,
    OWN,
    PARTS,
    USAGE,
    answer,
    client,
    streamed,
    written,
)
from tests.translators.responses_grammar import checked, parsed
from translators.canonical.finish import Finish, Reason
from translators.canonical.loss import Loss, LossKind
from translators.canonical.parts import (
    Citation,
    Found,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    SearchCall,
    Text,
    ToolCall,
)
from translators.canonical.response import unfold
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
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.openai_responses import PROTOCOL
from translators.stripping import stripped


def test_what_others_seal_is_carried_in_reasoning_items() -> None:
    signed = checked(streamed(answer(*PARTS["signed call"])))["output"]
    assert [item["type"] for item in signed] == ["function_call", "reasoning", "function_call"]
    assert signed[1]["encrypted_content"] == "clv1.anthropic.@behind.EqQB/=+"
    withheld = checked(streamed(answer(*PARTS["withheld reasoning"])))["output"]
    assert withheld[0]["encrypted_content"] == "clv1.anthropic.@redacted.EqQB/=+"
    shown = checked(streamed(answer(*PARTS["reasoning that is not shown"])))["output"]
    assert shown[0]["encrypted_content"] == "clv1.anthropic.EqQB/=+"
    assert shown[0]["summary"] == []
    own = checked(streamed(answer(*PARTS["reasoning"])))["output"]
    assert own[0]["encrypted_content"] == "gAAA"


@pytest.mark.parametrize("name", ["signed call", "withheld reasoning", "reasoning", "call"])
def test_a_caller_who_sends_the_output_back_gives_the_seals_back(name: str) -> None:
    output = checked(streamed(answer(*PARTS[name])))["output"]
    request = PROTOCOL.decode_request(json.dumps({"model": "m", "input": output}).encode())
    assert [_bare(part) for turn in request.turns for part in turn.parts] == list(PARTS[name])


def _bare(part: Part) -> Part:
    match part:
        case ToolCall():
            return replace(part, item_id=None)
        case Reasoning():
            return replace(part, id=None)
        case _:
            return part


def test_parts_may_be_open_side_by_side() -> None:
    """Here nothing is held back: each item has its place, and its events name it."""
    stream = written(
        Begun("x", "y"),
        PartBegun(0, ToolCall("a", "f", "")),
        PartBegun(1, ToolCall("b", "g", "")),
        PartBegun(2, Text("")),
        PartDelta(1, '{"b":'),
        PartDelta(2, "Hel"),
        PartDelta(0, "{}"),
        PartDelta(1, "1}"),
        PartBegun(3, Text("")),
        PartDelta(3, "more"),
        PartEnded(1),
        PartDelta(2, "lo"),
        PartEnded(2),
        PartEnded(3),
        PartEnded(0),
        Ended(),
    )
    output = checked(stream)["output"]
    assert [item["type"] for item in output] == ["function_call", "function_call", "message"]
    assert [item.get("arguments") for item in output[:2]] == ["{}", '{"b":1}']
    assert [part["text"] for part in output[2]["content"]] == ["Hello", "more"]


def test_a_text_that_is_open_while_a_call_begins_closes_its_message_later() -> None:
    stream = written(
        PartBegun(0, Text("")),
        PartDelta(0, "a"),
        PartBegun(1, ToolCall("a", "f", "")),
        PartDelta(0, "b"),
        PartEnded(1),
        PartEnded(0),
        PartBegun(2, Text("")),
        PartDelta(2, "c"),
        PartEnded(2),
        Ended(),
    )
    output = checked(stream)["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert output[0]["content"][0]["text"] == "ab"


def test_a_citation_without_a_place_is_about_the_whole_part() -> None:
    stream = written(
        PartBegun(0, Text("")),
        PartCited(0, Citation("https://a.example/")),
        PartDelta(0, "Rain"),
        PartDelta(0, "."),
        PartEnded(0),
        Ended(),
    )
    note = checked(stream)["output"][0]["content"][0]["annotations"][0]
    assert (note["start_index"], note["end_index"]) == (0, 5)
    assert note["title"] == note["url"] == "https://a.example/"


@pytest.mark.parametrize("last", [Failed(OVERLOADED), Truncated()], ids=["failed", "cut off"])
def test_a_broken_stream_ends_with_its_error_and_nothing_more(last: StreamEvent) -> None:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    begun: list[StreamEvent] = [
        PartBegun(0, Reasoning("")),
        PartEnded(0, OWN),
        PartBegun(1, Text("")),
        PartDelta(1, "Hel"),
        Metered(USAGE),
    ]
    stream = b"".join(encoder.write(event) for event in (*begun, last))
    assert encoder.write(PartDelta(1, "lo")) == encoder.write(Ended()) == encoder.ping() == b""
    response = checked(stream)
    assert response["status"] == "failed"
    assert [item["type"] for item in response["output"]] == ["reasoning"]
    assert response["usage"]["total_tokens"] == 48
    error = parsed(stream)[-2]
    assert error["type"] == "error"
    assert error["message"] == error["error"]["message"] == response["error"]["message"]
    with (
        pytest.raises(openai.APIError),
        client(stream).responses.stream(model="gpt-5", input="Hi") as read,
    ):
        read.until_done()


def test_a_ping_is_a_comment_that_the_sdk_skips() -> None:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    stream = encoder.ping() + b"".join(
        encoder.write(event) + encoder.ping() for event in unfold(answer(Text("Hi")))
    )
    with client(stream).responses.stream(model="gpt-5", input="Hi") as read:
        assert read.get_final_response().output_text == "Hi"


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (
            Text("a", (Citation(quoted="q", issuer="anthropic", native={}),)),
            Loss("citations", LossKind.DROPPED),
        ),
        (
            SearchCall("s", ("q",), (Found("https://a", sealed=FOREIGN),)),
            Loss("search.found", LossKind.UNSEALED),
        ),
        (Media(MediaKind.AUDIO, Inline("aGk=")), Loss("audio", LossKind.DROPPED)),
        (Media(MediaKind.IMAGE, Located("https://a")), Loss("image", LossKind.DROPPED)),
        (Opaque("gemini", "codeResult", {}), Loss("parts[].codeResult", LossKind.DROPPED)),
    ],
)
def test_what_cannot_be_said_is_reported(part: Part, loss: Loss) -> None:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    for event in unfold(answer(part)):
        encoder.write(event)
    assert [str(found) for found in encoder.losses] == [str(loss)]
    assert encoder.losses == PROTOCOL.encode_response(answer(part), CONTEXT).losses


def test_bytes_are_the_same_for_the_same_answer_and_deltas_cost_their_own_length() -> None:
    assert streamed(answer(Text("Hi"))) == streamed(answer(Text("Hi")))
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    encoder.write(PartBegun(0, Text("")))
    encoder.write(PartDelta(0, "x"))
    sizes = {len(encoder.write(PartDelta(0, "x"))) for _ in range(90)}
    assert max(sizes) - min(sizes) <= 1, "nothing but the number grows"


def test_finished_may_come_before_the_last_figures() -> None:
    stream = written(
        Finished(Finish(Reason.LENGTH, "length")), Metered(Usage(output_tokens=3)), Ended()
    )
    response = checked(stream)
    assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 3)


def test_reasoning_that_nobody_sealed_is_marked_so_that_it_is_never_sent_home() -> None:
    part = Reasoning("so")
    output = checked(streamed(answer(part)))["output"]
    assert output[0]["encrypted_content"] == "clv1.none.@unsealed"
    body = json.dumps({"model": "m", "input": output}).encode()
    assert [_bare(p) for turn in PROTOCOL.decode_request(body).turns for p in turn.parts] == [part]
    assert stripped(body) == (b'{"model":"m","input":[]}', True)
