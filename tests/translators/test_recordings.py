"""Every recording of every protocol: whole, in pieces, with other line ends, and cut short."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.translators.replay import (
    RECORDINGS,
    Stream,
    decode,
    expected,
    fold,
    folders,
    is_over,
    label,
    places,
    protocol_of,
    streams,
)
from translators.canonical.stream import Truncated
from translators.protocol import discover

WHOLE = [case for case in folders() if (case / "response.json").exists()]
GENERATED = [case for case in WHOLE if "finish" in expected(case)]
ASKED = [case for case in folders() if (case / "request.json").exists()]
EVENT_STREAMS = [stream for stream in streams() if stream.file == "stream.sse"]

FILES = {
    "request.json",
    "response.json",
    "stream.sse",
    "stream.json",
    "expect.toml",
    "provenance.toml",
}


@pytest.mark.parametrize("name", sorted(discover()))
def test_every_protocol_has_recordings_streamed_and_not(name: str) -> None:
    assert [case for case in WHOLE if case.parent.name == name] != []
    assert [stream for stream in streams() if stream.folder.parent.name == name] != []


def test_every_folder_of_recordings_is_of_a_protocol() -> None:
    assert {path.name for path in RECORDINGS.iterdir()} == set(discover())


@pytest.mark.parametrize("case", folders(), ids=label)
def test_a_recording_is_complete(case: Path) -> None:
    names = {path.name for path in case.iterdir()}
    assert {"expect.toml", "provenance.toml"} <= names <= FILES
    assert names & {"response.json", "stream.sse", "stream.json"}
    assert 'source = "' in (case / "provenance.toml").read_text("utf-8")


@pytest.mark.parametrize("case", WHOLE, ids=label)
def test_a_whole_answer_is_read_as_expected(case: Path) -> None:
    body = (case / "response.json").read_bytes()
    assert fold(protocol_of(case).observe_response(body)) == expected(case)


@pytest.mark.parametrize("case", GENERATED, ids=label)
def test_a_whole_answer_to_a_request_for_a_stream_is_read_the_same(case: Path) -> None:
    """Some upstreams do not stream: what they answer instead is JSON, in as many pieces."""
    body = (case / "response.json").read_bytes()
    decoder = protocol_of(case).stream_observer("application/json")
    events = [event for byte in body for event in decoder.feed(bytes([byte]))]
    assert fold(events + decoder.close()) == expected(case)


@pytest.mark.parametrize("stream", streams(), ids=label)
def test_a_stream_is_read_as_expected(stream: Stream) -> None:
    """Paired recordings share one expectation: a stream says what its whole answer says."""
    assert fold(decode(stream, [stream.data])) == expected(stream.folder)


@pytest.mark.parametrize("stream", streams(), ids=label)
def test_a_stream_says_the_same_byte_by_byte(stream: Stream) -> None:
    pieces = [bytes([byte]) for byte in stream.data]
    assert decode(stream, pieces) == decode(stream, [stream.data])


@pytest.mark.parametrize("stream", streams(), ids=label)
def test_a_stream_says_the_same_split_anywhere(stream: Stream) -> None:
    data = stream.data
    whole = decode(stream, [data])
    for at in places(data):
        assert decode(stream, [data[:at], b"", data[at:]]) == whole, f"split at byte {at}"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("stream", EVENT_STREAMS, ids=label)
def test_a_stream_says_the_same_with_other_line_ends(stream: Stream, line_end: bytes) -> None:
    other = stream.data.replace(b"\n", line_end)
    whole = decode(stream, [stream.data])
    assert decode(stream, [other]) == whole
    assert decode(stream, [bytes([byte]) for byte in other]) == whole


@pytest.mark.parametrize("stream", streams(), ids=label)
def test_a_stream_cut_short_ends_with_exactly_one_truncated(stream: Stream) -> None:
    """Cut before the point where its end is known; from there on, not at all."""
    data = stream.data
    over = False
    for at in [0, *places(data), len(data)]:
        events = decode(stream, [data[:at]])
        truncated = [event for event in events if isinstance(event, Truncated)]
        over = over or is_over(events)
        if over:
            assert truncated == [], f"cut at byte {at}"
        else:
            assert truncated == [Truncated()], f"cut at byte {at}"
            assert events[-1] == Truncated()
    assert over, "a recording has an end"


@pytest.mark.parametrize("case", ASKED, ids=label)
def test_the_request_of_a_recording_is_understood(case: Path) -> None:
    body = (case / "request.json").read_bytes()
    asked = json.loads(body)
    peek = protocol_of(case).peek(body)
    if case.parent.name == "gemini":
        assert (peek.model, peek.stream) == (None, False), "the path says both"
    else:
        assert (peek.model, peek.stream) == (asked.get("model"), asked.get("stream", False))


@pytest.mark.parametrize("case", ASKED, ids=label)
def test_the_request_of_a_recording_changes_nothing_but_the_model(case: Path) -> None:
    body = (case / "request.json").read_bytes()
    renamed = protocol_of(case).rename_model(body, "another-model")
    assert _without_models(json.loads(renamed)) == _without_models(json.loads(body))
    asked = json.loads(body).get("model")
    if asked is not None:
        assert renamed.count(b"another-model") >= 1
        assert json.loads(renamed)["model"].endswith("another-model")
    else:
        assert json.loads(renamed).get("model") is None


def _without_models(request: dict[str, Any]) -> dict[str, Any]:
    """The request without the names of its model, wherever a protocol writes them."""
    bare = {key: value for key, value in request.items() if key != "model"}
    if isinstance(inner := bare.get("generateContentRequest"), dict):
        bare["generateContentRequest"] = _without_models(inner)
    if isinstance(several := bare.get("requests"), list):
        bare["requests"] = [_without_models(one) for one in several]
    return bare
