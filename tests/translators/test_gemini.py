"""Gemini: what is read of requests and usage, which names are renamed, what its words mean."""

from itertools import pairwise

import orjson
import pytest
from google.genai.types import BlockedReason, FinishReason
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.failure import Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.gemini import PROTOCOL
from translators.gemini.array import ArraySplitter
from translators.gemini.usage import read_usage
from translators.gemini.vocabulary import (
    HEARD_ERRORS,
    HEARD_FINISH,
    SPOKEN_ERRORS,
    SPOKEN_FINISH,
    UNFINISHED,
)
from translators.protocol import NotUnderstood, Peek

# ---------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("body", "cap"),
    [
        (b"{}", None),
        (b'{"generationConfig":null}', None),
        (b'{"generationConfig":{}}', None),
        (b'{"generationConfig":{"maxOutputTokens":9}}', 9),
        (b'{"generation_config":{"max_output_tokens":9}}', 9),
        (b'{"generationConfig":{"max_output_tokens":9}}', 9),
        (b'{"generationConfig":{"maxOutputTokens":"9"}}', 9),
        (b'{"generationConfig":{"maxOutputTokens":9.0}}', 9),
        (b'{"model":"x","stream":true,"maxOutputTokens":9}', None),
    ],
)
def test_a_request_is_looked_at(body: bytes, cap: int | None) -> None:
    """The path says the model and whether it streams."""
    assert PROTOCOL.peek(body) == Peek(model=None, stream=False, max_output_tokens=cap)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None), (b"[]", None), (b"{", None),
        (b'{"generationConfig":[]}', "generationConfig"),
        (b'{"generationConfig":{"maxOutputTokens":"many"}}', "generationConfig.maxOutputTokens"),
        (b'{"generationConfig":{"maxOutputTokens":-1}}', "generationConfig.maxOutputTokens"),
        ('{"generationConfig":{"maxOutputTokens":"²"}}'.encode(),
         "generationConfig.maxOutputTokens"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_understood_is_refused(body: bytes, param: str | None) -> None:
    with pytest.raises(NotUnderstood) as refusal:
        PROTOCOL.peek(body)
    assert refusal.value.param == param


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"contents":[]}', b'{"contents":[]}'),
        (b'{"model":"models/a","content":{}}', b'{"model":"models/new","content":{}}'),
        (b'{"model":"a","content":{}}', b'{"model":"new","content":{}}'),
        (b'{"generateContentRequest":{"contents":[],"model":"models/a"}}',
         b'{"generateContentRequest":{"contents":[],"model":"models/new"}}'),
        (b'{"generate_content_request": {"model": "models/a"}}',
         b'{"generate_content_request": {"model": "models/new"}}'),
        (b'{"requests":[{"model":"models/a"},{"content":{},"model":"models/b"}]}',
         b'{"requests":[{"model":"models/new"},{"content":{},"model":"models/new"}]}'),
        (b'{"model":"publishers/google/models/a"}', b'{"model":"publishers/google/models/new"}'),
        # not names of the model: a call's arguments, a label, a parameter, a text
        (b'{"contents":[{"parts":[{"functionCall":{"args":{"model":"models/a"}}}]}]}',) * 2,
        (b'{"labels":{"model":"models/a"}}',) * 2,
        (b'{"tools":[{"x":{"properties":{"model":{"type":"STRING"}}}}],"model":7}',) * 2,
        (b'{"requests":[{"content":{"model":"models/a"}}]}',) * 2,
        (b'{"generateContentRequest":{"contents":[{"model":"models/a"}]}}',) * 2,
    ],
)  # fmt: skip
def test_the_model_is_renamed_wherever_a_body_names_it_again(body: bytes, wanted: bytes) -> None:
    assert PROTOCOL.rename_model(body, "new") == wanted


def test_a_name_that_has_its_prefix_does_not_get_it_twice() -> None:
    assert PROTOCOL.rename_model(b'{"model":"models/a"}', "models/b") == b'{"model":"models/b"}'


# ------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({"promptTokenCount": 110, "cachedContentTokenCount": 100},
         Usage(input_tokens=10, cache_read_tokens=100)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 100},
         Usage(input_tokens=0, cache_read_tokens=100)),
        ({"candidatesTokenCount": 7, "thoughtsTokenCount": 300},
         Usage(output_tokens=7, reasoning_tokens=300)),
        ({"promptTokenCount": 9, "toolUsePromptTokenCount": 412}, Usage(input_tokens=421)),
        ({"toolUsePromptTokenCount": 412}, Usage(input_tokens=412)),
        ({"candidatesTokenCount": 1302, "candidatesTokensDetails": [
            {"modality": "TEXT", "tokenCount": 12}, {"modality": "IMAGE", "tokenCount": 645},
            {"modality": "IMAGE", "tokenCount": 645}]},
         Usage(output_tokens=12, image_output_tokens=1290)),
        ({"responseTokenCount": 4}, Usage(output_tokens=4)),
        ({"totalTokenCount": 4}, None),
        ({"promptTokenCount": "4", "candidatesTokenCount": -1}, None),
        ({"candidatesTokensDetails": [None, {"modality": "IMAGE"}]}, None),
    ],
)  # fmt: skip
def test_usage_is_taken_apart(wire: dict[str, object], usage: Usage | None) -> None:
    assert read_usage(wire, None) == usage


# ------------------------------------------------------------------------------------------- words


def test_every_reason_and_every_failure_has_a_word() -> None:
    assert set(SPOKEN_FINISH) == set(Reason)
    assert set(SPOKEN_ERRORS) == set(Kind)


def test_every_word_of_the_vendor_is_understood() -> None:
    reasons = {reason.value for reason in FinishReason} - {UNFINISHED}
    blocked = {reason.value for reason in BlockedReason} - {"BLOCKED_REASON_UNSPECIFIED"}
    assert reasons | blocked <= set(HEARD_FINISH)


@pytest.mark.parametrize("word", sorted(set(SPOKEN_FINISH.values())))
def test_a_finish_reason_read_and_said_again_is_the_same(word: str) -> None:
    assert SPOKEN_FINISH[HEARD_FINISH[word]] == word


@pytest.mark.parametrize("word", sorted(set(SPOKEN_ERRORS.values())))
def test_an_error_status_read_alone_is_the_kind_that_says_it(word: str) -> None:
    kind = HEARD_ERRORS[word]
    assert SPOKEN_ERRORS[kind] == word or word == "FAILED_PRECONDITION"


# ----------------------------------------------------------------------------------------- streams


def watch(*chunks: object, end: bool = True) -> list[StreamEvent]:
    decoder = PROTOCOL.stream_observer("text/event-stream")
    events = decoder.feed(b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks))
    return events + (decoder.close() if end else [])


def said(part: object, finish: str | None = None) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"parts": [part]}}
    return {"candidates": [candidate if finish is None else {**candidate, "finishReason": finish}]}


@pytest.mark.parametrize(
    ("part", "generated"),
    [
        ({"text": ""}, False), ({"text": "", "thought": True}, False), ({}, False), (None, False),
        ({"text": "Hi"}, True), ({"functionCall": {"name": "f"}}, True),
        ({"text": "", "thoughtSignature": "Cv"}, True), ({"inlineData": {"data": "AA"}}, True),
        ({"executableCode": {"code": "1"}}, True),
    ],
)  # fmt: skip
def test_generation_begins_with_the_first_thing_made(part: object, generated: bool) -> None:
    assert (Generated() in watch(said(part))) is generated


def test_stop_beside_function_calls_means_tool_calls() -> None:
    call = said({"functionCall": {"name": "f"}})
    events = watch(call, said({"text": ""}, "STOP"))
    assert events[-2:] == [Finished(Finish(Reason.TOOL_CALLS, "STOP")), Ended()]
    events = watch(call, said({"text": ""}, "MAX_TOKENS"))
    assert events[-2:] == [Finished(Finish(Reason.LENGTH, "MAX_TOKENS")), Ended()]


def test_a_finish_reason_ends_nothing_before_the_bytes_end() -> None:
    """Usage may follow it, and some versions of the API send it with every chunk."""
    events = watch(said({"text": "Hi"}, "STOP"), {"usageMetadata": {"promptTokenCount": 3}})
    assert events[-2:] == [Metered(Usage(input_tokens=3)), Ended()]
    assert Ended() not in watch(said({"text": "Hi"}, "STOP"), end=False)


@pytest.mark.parametrize("reason", ["", UNFINISHED, None, 7])
def test_an_unsaid_finish_reason_is_none(reason: object) -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": reason}]}
    assert watch(chunk) == [Generated(), Truncated()]


def test_an_unknown_finish_reason_is_kept_as_it_was_said() -> None:
    assert Finished(Finish(Reason.OTHER, "BORED")) in watch(said({"text": "Hi"}, "BORED"))


@pytest.mark.parametrize(
    ("model", "queries", "searches"),
    [
        ("gemini-3.8-flash", ["a", "b"], 2),
        ("gemini-3-flash-preview", ["", "a", "", "a"], 1),
        ("gemini-2.5-flash", ["a", "b", "c"], 1),
        ("gemini-2.0-flash-001", ["a"], 1),
        ("", ["a", "b"], 2),
    ],
)
def test_searches_are_counted_as_google_charges_for_them(
    model: str, queries: list[str], searches: int
) -> None:
    """By query, each once; before Gemini 3 by answer."""
    grounding = {"groundingMetadata": {"webSearchQueries": queries}}
    answer = {"candidates": [{**grounding, "finishReason": "STOP"}], "modelVersion": model}
    assert Metered(Usage(web_searches=searches)) in watch(answer)
    read = PROTOCOL.decode_response(orjson.dumps(answer), "gemini")
    assert read.usage == Usage(web_searches=searches)


def test_an_array_is_complete_when_it_is_closed() -> None:
    decoder = PROTOCOL.stream_observer("application/json; charset=UTF-8")
    events = decoder.feed(b"[" + orjson.dumps(said({"text": "Hi"}, "STOP")))
    assert events == [Generated(), Finished(Finish(Reason.STOP, "STOP"))]
    assert decoder.feed(b"\n]") == [Ended()]
    assert decoder.feed(b"\n") == decoder.close() == []


def test_an_array_that_is_closed_without_a_finish_reason_is_truncated() -> None:
    decoder = PROTOCOL.stream_observer("application/json")
    assert decoder.feed(b"[" + orjson.dumps(said({"text": "Hi"})) + b"]") == [Generated()]
    assert decoder.close() == [Truncated()]


def test_an_empty_array_is_truncated() -> None:
    decoder = PROTOCOL.stream_observer("application/json")
    assert decoder.feed(b"[]") + decoder.close() == [Truncated()]


@pytest.mark.parametrize("data", [b"<html>", b'"x"', b"  \n7"])
def test_a_stream_that_is_neither_array_nor_object_is_not_understood(data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.stream_observer("application/json").feed(data)


def test_a_gathered_array_is_read_like_the_stream_it_was() -> None:
    chunks = [said({"text": "a"}), {**said({"text": "b"}, "STOP"), "responseId": "r"}]
    assert PROTOCOL.observe_response(orjson.dumps(chunks)) == [
        Generated(), Begun("r", None), Finished(Finish(Reason.STOP, "STOP")), Ended(),
    ]  # fmt: skip
    failed = PROTOCOL.observe_response(b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]')[0]
    assert isinstance(failed, Failed) and failed.failure.kind is Kind.RATE_LIMITED


@pytest.mark.parametrize("body", [b"", b"<html>", b"[7]", b'"x"', b"[{}"])
def test_an_answer_that_is_no_object_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.observe_response(body)


VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('[]{}",\\\n é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\', max_size=3), inner)
    ),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text('ab"[{', max_size=2), VALUES, max_size=3), max_size=4)


@given(OBJECTS, st.lists(st.integers(0, 200), max_size=5), st.booleans())
def test_the_objects_of_an_array_are_told_apart(
    objects: list[object], cuts: list[int], pretty: bool
) -> None:
    data = orjson.dumps(objects, option=orjson.OPT_INDENT_2 if pretty else None)
    splitter = ArraySplitter()
    found: list[bytes] = []
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(bounds):
        found += splitter.feed(data[start:end])
    assert [orjson.loads(element) for element in found] == objects
    assert splitter.closed
