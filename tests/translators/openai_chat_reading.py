"""Recordings of Chat Completions, read by the decoders of parts."""

from collections.abc import Iterable
from pathlib import Path

from tests.translators.replay import RECORDINGS
from translators.canonical.response import Response, fold
from translators.canonical.stream import Generated, StreamEvent
from translators.openai_chat import PROTOCOL
from translators.ordering import Grammar

ISSUER = "acme"
SSE = "text/event-stream; charset=utf-8"
FOLDERS = sorted((RECORDINGS / "openai_chat").iterdir())
STREAMED = [case for case in FOLDERS if (case / "stream.sse").exists()]
PAIRED = [case for case in STREAMED if (case / "response.json").exists()]
WHOLE = [case for case in FOLDERS if (case / "response.json").exists()]


def name(case: Path) -> str:
    return case.name


def heard(pieces: Iterable[bytes], content_type: str = SSE) -> list[StreamEvent]:
    """What the decoder says of a stream in these pieces."""
    decoder = PROTOCOL.stream_decoder(content_type, ISSUER)
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
    assert decoder.close() == [], "a second close says nothing"
    return events


def stream(case: Path) -> bytes:
    return (case / "stream.sse").read_bytes()


def answer(case: Path) -> Response:
    return PROTOCOL.decode_response((case / "response.json").read_bytes(), ISSUER)


def put_together(case: Path) -> Response:
    return fold(heard([stream(case)]))


def check_order(events: Iterable[StreamEvent]) -> None:
    """The rules of translators/canonical/stream.py."""
    grammar = Grammar()
    for event in events:
        grammar.check(event)
        assert not isinstance(event, Generated), "a decoder tells of parts"
