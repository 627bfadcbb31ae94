"""Gemini's streams: read by the rules of decoders, written by the grammar of the dialect."""

import re
from collections.abc import Iterable
from typing import Any

import orjson
from google.genai.types import GenerateContentResponse

from tests.translators.replay import CONTENT_TYPES, Stream, streams
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Part,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, unfold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Ended,
    Failed,
    StreamEvent,
    Truncated,
)
from translators.gemini import PROTOCOL
from translators.ordering import Grammar

Json = dict[str, Any]
CASES = [stream for stream in streams() if stream.folder.parent.name == "gemini"]
EVENT_STREAMS = [stream for stream in CASES if stream.file == "stream.sse"]
PAIRED = [
    stream
    for stream in CASES
    if (stream.folder / "response.json").exists() and stream.folder.name != "two_candidates"
]
SSE = CONTENT_TYPES["stream.sse"]
ARRAY = CONTENT_TYPES["stream.json"]
CONTEXT = ReplyContext("5f0c2a91d7", "the-alias", 1_764_000_000)
FOREIGN = Sealed("claude", "Er8+/~")


def read(content_type: str, pieces: Iterable[bytes]) -> list[StreamEvent]:
    decoder = PROTOCOL.stream_decoder(content_type, "gemini")
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.close() == [], "a second close says nothing"
    assert decoder.feed(b"data: {}\n\n") == [], "nothing comes after the end"
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    return events


def decode(stream: Stream, pieces: Iterable[bytes]) -> list[StreamEvent]:
    return read(CONTENT_TYPES[stream.file], pieces)


def endings(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    return [event for event in events if isinstance(event, Ended | Failed | Truncated)]


EVENT = re.compile(rb"data: (\{[^\r\n]*\})\r\n\r\n|data: (\{\"error\"[^\r\n]*\})\n\n")


def payloads(data: bytes) -> list[Json]:
    """The grammar: events of one data line, nothing between them."""
    found: list[Json] = []
    at = 0
    while at < len(data):
        event = EVENT.match(data, at)
        assert event is not None, data[at : at + 60]
        found.append(orjson.loads(event[1] or event[2]))
        at = event.end()
    return found


def check(chunks: list[Json]) -> None:
    """What Google's own stream keeps to: whole answers, one candidate, one reason at the end."""
    for at, one in enumerate(chunks):
        last = at == len(chunks) - 1
        if "error" in one:
            assert last
            assert set(one["error"]) == {"code", "message", "status", "details"}
            return
        GenerateContentResponse.model_validate(one)
        assert one["modelVersion"] == CONTEXT.model
        assert one["responseId"] == chunks[0]["responseId"]
        if "promptFeedback" in one:
            assert len(chunks) == 1
            return
        (candidate,) = one["candidates"]
        assert candidate["index"] == 0
        assert candidate["content"]["role"] == "model"
        assert candidate["content"]["parts"], "the SDKs' chats forget an answer with an empty chunk"
        assert ("finishReason" in candidate) is last
        assert last or "groundingMetadata" not in candidate


def write(events: Iterable[StreamEvent], context: ReplyContext = CONTEXT) -> bytes:
    encoder = PROTOCOL.stream_encoder(context)
    data = b"".join(encoder.write(event) for event in events)
    assert encoder.write(Ended()) == b""
    assert encoder.ping() == b""
    return data


def chunks_of(*parts: Part, finish: Finish | None = None, **more: Any) -> list[Json]:
    data = write(unfold(Response("id", "m", parts, finish or Finish(Reason.STOP, None))), **more)
    chunks = payloads(data)
    check(chunks)
    return chunks


def parts_in(chunks: list[Json]) -> list[Json]:
    return [part for one in chunks for c in one["candidates"] for part in c["content"]["parts"]]
