"""The stream we write: held to the grammar, and read by the vendor's own SDK."""

import json
from dataclasses import replace
from typing import Any

import pytest
from openai.types.responses import Response as SdkResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tests.translators.responses_answers import (
    ASKED,
    CONTEXT,
    OWN,
    PARTS,
    TOOLS,
    USAGE,
    answer,
    client,
    streamed,
    types,
)
from tests.translators.responses_grammar import checked, parsed
from translators.canonical.finish import Reason
from translators.canonical.parts import (
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.stream import (
    Ended,
    PartDelta,
)
from translators.openai_responses import PROTOCOL


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_a_stream_keeps_the_grammar_and_ends_with_the_whole_answer(parts: tuple[Part, ...]) -> None:
    stream = streamed(answer(*parts))
    whole = json.loads(PROTOCOL.encode_response(answer(*parts), CONTEXT).body)
    assert checked(stream) == whole


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_the_sdks_types_accept_every_event(parts: tuple[Part, ...]) -> None:
    for event in parsed(streamed(answer(*parts))):
        TypeAdapter(ResponseStreamEvent).validate_python(event)


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_the_sdk_puts_the_stream_together_to_the_whole_answer(parts: tuple[Part, ...]) -> None:
    content = streamed(answer(*parts))
    whole = PROTOCOL.encode_response(answer(*parts), CONTEXT).body
    with client(content).responses.stream(model="gpt-5", input="Hi") as stream:
        put_together = stream.get_final_response()
    expected = SdkResponse.model_validate_json(whole)
    assert put_together.output_text == expected.output_text
    assert _plain(put_together) == _plain(expected)


def _plain(response: SdkResponse) -> Any:
    """Plain data without what the SDK adds by itself."""
    return _without_parsed(response.model_dump(mode="json", exclude_none=True))


def _without_parsed(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in ("parsed", "parsed_arguments")}
        return {k: _without_parsed(v) for k, v in kept.items()}
    return [_without_parsed(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_our_own_decoder_reads_what_the_encoder_wrote(parts: tuple[Part, ...]) -> None:
    """Texts, calls and reasoning come back; ids of items and places of citations are new."""
    decoder = PROTOCOL.stream_decoder("text/event-stream", "openai_responses")
    events = decoder.feed(streamed(answer(*parts))) + decoder.close()
    assert isinstance(events[-1], Ended)
    said = "".join(e.text for e in events if isinstance(e, PartDelta))
    expected = "".join(
        getattr(p, "arguments", None) or getattr(p, "text", None) or ""
        for p in parts
        if not getattr(p, "origin", None)
    )
    assert said.replace("{}", "") == expected.replace("{}", "")


def test_the_events_of_a_text_are_those_of_openai_in_their_order() -> None:
    assert types(streamed(answer(Text("Hi")))) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_the_events_of_reasoning_and_a_call() -> None:
    events = types(streamed(answer(Reasoning("Hm", OWN), ToolCall("c", "f", "{}"))))
    assert events[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]


def test_the_events_of_a_search_and_of_a_freeform_call() -> None:
    search = types(streamed(answer(SearchCall("ws_1", ("a",)))))
    assert search[2:-1] == [
        "output_item.added",
        "web_search_call.in_progress",
        "web_search_call.searching",
        "web_search_call.completed",
        "output_item.done",
    ]
    freeform = types(streamed(answer(ToolCall("c", "exec", "ls", ToolKind.FREEFORM))))
    assert freeform[3:5] == ["custom_tool_call_input.delta", "custom_tool_call_input.done"]


def test_ids_are_made_of_the_seed_and_call_ids_are_kept() -> None:
    response = checked(streamed(answer(*PARTS["text between"])))
    assert response["id"] == "resp_seed01"
    ids = [item["id"] for item in response["output"]]
    assert ids == ["msg_seed0100", "fc_seed0101", "msg_seed0102", "rs_seed0103", "msg_seed0104"]
    assert response["output"][1]["call_id"] == "c"


def test_the_response_repeats_what_was_asked_with_the_servers_defaults() -> None:
    response = checked(streamed(answer(Text("Hi"))))
    repeated = {"instructions", "tool_choice", "parallel_tool_calls", "temperature", "top_p"}
    repeated |= {"max_output_tokens", "metadata", "truncation", "store", "user"}
    assert {name: response[name] for name in repeated} == {name: ASKED[name] for name in repeated}
    assert response["reasoning"] == {"effort": "low", "summary": "auto"}
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert response["tools"][0] == {**TOOLS[0], "description": None, "strict": True}
    assert response["model"] == "gpt-5"
    assert response["created_at"] == 1_759_478_873
    continued = checked(streamed(answer(), replace(CONTEXT, previous_id="resp_0")))
    assert continued["previous_response_id"] == "resp_0"
    bare = checked(streamed(answer(Text("Hi")), replace(CONTEXT, echo={})))
    assert bare["tools"] == []
    assert (bare["tool_choice"], bare["parallel_tool_calls"]) == ("auto", True)
    assert (bare["temperature"], bare["top_p"], bare["store"]) == (1.0, 1.0, True)
    SdkResponse.model_validate(bare, strict=True)


def test_usage_is_inclusive_and_read_back_as_it_was() -> None:
    whole = PROTOCOL.encode_response(answer(Text("Hi")), CONTEXT).body
    assert json.loads(whole)["usage"] == {
        "input_tokens": 37,
        "input_tokens_details": {
            "cached_tokens": 20,
            "cache_write_tokens": 7,
            "cache_write_tokens_details": {"ttl_12h_tokens": 4, "ttl_30m_tokens": 3},
        },
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 48,
    }
    assert PROTOCOL.decode_response(whole, "x").usage == USAGE
    drawn = replace(USAGE, image_output_tokens=1_000, web_searches=0)
    again = PROTOCOL.encode_response(replace(answer(), usage=drawn), CONTEXT).body
    assert PROTOCOL.decode_response(again, "x").usage == drawn


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        (Reason.STOP, "completed", None),
        (Reason.STOP_SEQUENCE, "completed", None),
        (Reason.TOOL_CALLS, "completed", None),
        (Reason.PAUSE, "completed", None),
        (Reason.LENGTH, "incomplete", "max_output_tokens"),
        (Reason.CONTEXT_EXCEEDED, "incomplete", "max_output_tokens"),
        (Reason.REFUSAL, "incomplete", "content_filter"),
        (Reason.OTHER, "incomplete", None),
    ],
)
def test_the_status_says_why_it_ended(reason: Reason, status: str, why: str | None) -> None:
    response = checked(streamed(answer(Text("Hi"), reason=reason)))
    assert response["status"] == status
    assert response["incomplete_details"] == ({"reason": why} if why else None)
    assert response["error"] is None


def test_a_refusal_in_words_is_a_completed_answer() -> None:
    response = checked(streamed(answer(Refusal("No."), reason=Reason.REFUSAL)))
    assert (response["status"], response["incomplete_details"]) == ("completed", None)


def test_a_model_that_gave_up_has_failed() -> None:
    response = checked(streamed(answer(Text("Hi"), reason=Reason.ERROR)))
    assert (response["status"], response["error"]["code"]) == ("failed", "upstream_error")
