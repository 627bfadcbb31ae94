"""Answers of every upstream at every other client, whole and streamed: what survives the way."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.translators import strategies
from tests.translators.conformance.cases import PROTOCOLS, others
from tests.translators.conformance.exchange import (
    ALIAS,
    answered,
    answering,
    context,
    heard,
    streamed_through,
    through,
    written,
)
from tests.translators.conformance.golden import answer_folders, answer_streams
from tests.translators.replay import CONTENT_TYPES, Stream, label
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.response import Response, fold, unfold
from translators.canonical.usage import Usage
from translators.protocol import Protocol, discover

SSE = "text/event-stream"

# Recordings whose two halves say different things: the stream shows reasoning, the answer does not.
UNPAIRED = {"reasoning_apart_from_output"}
NAMES = [protocol.name for protocol in PROTOCOLS]
WHOLE = [
    (folder, upstream, client)
    for upstream in PROTOCOLS
    for folder in answer_folders(upstream.name)
    for client in others(upstream.name)
]
WHOLE_IDS = [f"{label(folder)}-{client.name}" for folder, _, client in WHOLE]
PAIRED = [
    (stream, upstream)
    for upstream in PROTOCOLS
    for stream in answer_streams(upstream.name)
    if (stream.folder / "response.json").exists() and stream.folder.name not in UNPAIRED
]
PAIRED_IDS = [label(stream) for stream, _ in PAIRED]
MODEL_FIELD = {"gemini": "modelVersion"}


def recorded(folder: Path, upstream: Protocol) -> Response:
    return upstream.decode_response((folder / "response.json").read_bytes(), upstream.name)


def figures(usage: Usage | None) -> tuple[int | None, ...]:
    """What every dialect can say: what went in, what of it was cached, what came out."""
    known = usage or Usage()
    return (known.total_input_tokens, known.cache_read_tokens or 0, known.total_output_tokens or 0)


def said(parts: Iterable[Part]) -> list[Part]:
    """The parts without the ids of calls, which are made unique for the client, with arguments in
    one spelling, and media last, for Chat Completions says them apart."""
    plain = [
        replace(part, id="", arguments=str(json.loads(part.arguments or "{}")))
        if isinstance(part, ToolCall) and part.kind is ToolKind.FUNCTION
        else replace(part, id="")
        if isinstance(part, ToolCall)
        else part
        for part in parts
    ]
    return sorted(plain, key=lambda part: isinstance(part, Media))


@pytest.mark.parametrize(("folder", "upstream", "client"), WHOLE, ids=WHOLE_IDS)
def test_usage_survives_the_way_through_another_dialect(
    folder: Path, upstream: Protocol, client: Protocol
) -> None:
    response = recorded(folder, upstream)
    if response.failure is not None or response.usage is None:
        return
    assert figures(through(response, client).usage) == figures(response.usage)
    assert figures(streamed_through(response, client).usage) == figures(response.usage)


@pytest.mark.parametrize(("folder", "upstream", "client"), WHOLE, ids=WHOLE_IDS)
def test_a_whole_answer_can_be_told_as_a_stream(
    folder: Path, upstream: Protocol, client: Protocol
) -> None:
    """The client reads the same in both."""
    response = recorded(folder, upstream)
    if response.failure is None:
        whole, streamed = through(response, client), streamed_through(response, client)
        assert said(streamed.parts) == said(whole.parts)
        assert streamed.finish == whole.finish
        assert (streamed.id, streamed.model) == (whole.id, whole.model)


@pytest.mark.parametrize(("folder", "upstream", "client"), WHOLE, ids=WHOLE_IDS)
def test_the_answer_names_the_model_that_was_asked_for(
    folder: Path, upstream: Protocol, client: Protocol
) -> None:
    told = answered(folder, upstream, client)
    if "failed" not in told:
        assert told["body"][MODEL_FIELD.get(client.name, "model")] == ALIAS


@pytest.mark.parametrize(("stream", "upstream"), PAIRED, ids=PAIRED_IDS)
def test_a_folded_stream_says_what_the_whole_answer_says(
    stream: Stream, upstream: Protocol
) -> None:
    """For a client that wants a whole answer of an upstream that streams."""
    whole = recorded(stream.folder, upstream)
    for client in others(upstream.name):
        folding = answering(upstream, client).folding(CONTENT_TYPES[stream.file])
        folding.feed(stream.data)
        _, folded, encoded = folding.close()
        assert folding.defect is None
        assert said(folded.parts) == said(whole.parts)
        assert (folded.finish, folded.usage) == (whole.finish, whole.usage)
        told = answered(stream.folder, upstream, client)
        assert json.loads(encoded.body).keys() == (told.get("body") or told["failed"]).keys()


@pytest.mark.parametrize("client", NAMES)
@settings(max_examples=40)
@given(response=strategies.responses())
def test_an_answer_says_the_same_to_every_client(client: str, response: Response) -> None:
    protocol = discover()[client]
    for heard_by_client in (through(response, protocol), streamed_through(response, protocol)):
        assert spoken(heard_by_client) == spoken(response)
        assert figures(heard_by_client.usage) == figures(response.usage)
        finish = heard_by_client.finish
        assert finish is not None and response.finish is not None
        assert finish.unified == response.finish.unified


def spoken(response: Response) -> list[tuple[str, ...]]:
    """Every text and call in order; a refusal is visible text in some dialects."""
    found: list[tuple[str, ...]] = []
    for part in response.parts:
        match part:
            case Text() | Refusal():
                found.append(("text", part.text))
            case Reasoning():
                found.append(("reasoning", part.text))
            case ToolCall():
                found.append(("call", part.name, str(json.loads(part.arguments or "{}"))))
            case _:
                raise AssertionError(f"not part of the question: {part}")
    return found


@pytest.mark.parametrize("client", NAMES)
@settings(max_examples=30)
@given(response=strategies.responses())
def test_a_sign_of_life_changes_nothing(client: str, response: Response) -> None:
    protocol = discover()[client]
    plain = written(response, protocol)
    ping = protocol.stream_encoder(context(protocol)).ping()
    pinged = [piece for sent in plain[:-1] for piece in (sent, ping)] + plain[-1:]
    assert fold(heard(protocol, SSE, pinged)) == fold(heard(protocol, SSE, plain))


@pytest.mark.parametrize("asked", [True, False])
def test_usage_that_nobody_asked_for_is_not_streamed(asked: bool) -> None:
    client = discover()["openai_chat"]
    usage = Usage(input_tokens=3, output_tokens=2)
    answer = Response("a", "m", (Text("Hi"),), Finish(Reason.STOP, None), usage)
    encoder = client.stream_encoder(replace(context(client), include_usage=asked))
    sent = b"".join(encoder.write(event) for event in unfold(answer))
    assert (b'"prompt_tokens":3' in sent) is asked
    assert sent.endswith(b"data: [DONE]\n\n")
