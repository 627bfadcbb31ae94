"""Claude in Bedrock: what is sent, and what Anthropic's readers see of what comes."""

import base64
from typing import Any

import orjson
import pytest

from catalog import Wire
from extproc.wires import ENVELOPES
from extproc.wires.bedrock import Frames
from extproc.wires.envelope import Letter, Sealed
from simulator.clouds import frames
from translators.protocol import NotUnderstood

ENVELOPE = ENVELOPES["bedrock"]
WIRE = Wire("bedrock", frozenset({"context-1m-2025-08-07", "effort-2025-11-24"}))
BODY = b'{"model": "m", "max_tokens": 9, "stream": true, "messages": [], "own": 1.50}'
MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


def letter(body: bytes = BODY, **changes: Any) -> Letter:
    fields: dict[str, Any] = {
        "surface": "anthropic",
        "model": MODEL,
        "rest": "/messages",
        "query": "",
        "body": body,
        "streamed": False,
        "counts": False,
        "betas": "",
    }
    return Letter(**(fields | changes))


def sealed(**changes: Any) -> Sealed:
    return ENVELOPE.seal(WIRE, letter(**changes))


def test_model_and_streaming_stand_in_the_path_and_the_rest_of_the_body_is_as_it_came() -> None:
    made = sealed()
    assert made.path == "/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"
    assert made.body == (
        b'{"anthropic_version":"bedrock-2023-05-31","max_tokens": 9, "messages": [], "own": 1.50}'
    )
    assert sealed(streamed=True).path.endswith("/invoke-with-response-stream")


def test_an_arn_is_one_segment_of_the_path() -> None:
    arn = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc"
    path = sealed(model=arn).path
    assert path == f"/{arn.replace(':', '%3A').replace('/', '%2F')}/invoke"
    assert path.count("/") == 2


@pytest.mark.parametrize("model", ["", ".", ".."])
def test_a_name_that_would_change_the_path_is_refused(model: str) -> None:
    with pytest.raises(NotUnderstood):
        sealed(model=model)


def test_flags_go_into_the_body_and_unknown_ones_are_told_as_a_loss() -> None:
    made = sealed(betas="effort-2025-11-24, claude-code-20250219,effort-2025-11-24")
    assert orjson.loads(made.body or b"")["anthropic_beta"] == ["effort-2025-11-24"]
    assert [str(loss) for loss in made.losses] == ["anthropic-beta=dropped"]
    assert {"anthropic-beta", "anthropic-version"} <= set(made.removed)


def test_every_flag_passes_where_the_catalog_has_no_list() -> None:
    made = ENVELOPE.seal(Wire("bedrock"), letter(betas="a,b"))
    assert orjson.loads(made.body or b"")["anthropic_beta"] == ["a", "b"]
    assert made.losses == ()


def test_a_version_or_flags_that_the_caller_wrote_into_the_body_do_not_count() -> None:
    body = b'{"anthropic_version":"2026-10-21","anthropic_beta":["x"],"max_tokens":1,"messages":[]}'
    assert orjson.loads(sealed(body=body).body or b"") == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1,
        "messages": [],
    }


def test_tokens_are_counted_for_the_model_behind_a_profile() -> None:
    body = b'{"model":"m","messages":[],"thinking":{"type":"enabled","budget_tokens":2000}}'
    made = sealed(body=body, counts=True)
    assert made.path == "/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"
    asked = orjson.loads(made.body or b"")["input"]["invokeModel"]["body"]
    inner = orjson.loads(base64.b64decode(asked))
    assert inner["anthropic_version"] == "bedrock-2023-05-31"
    assert inner["max_tokens"] > 2000
    assert "model" not in inner


def test_a_count_comes_back_as_anthropics() -> None:
    assert ENVELOPE.whole is not None
    assert ENVELOPE.whole(b'{"inputTokens":12}') == b'{"input_tokens":12}'
    message = b'{"id":"msg_1","content":[]}'
    assert ENVELOPE.whole(message) is message


# ------------------------------------------------------------------------------------- streams

EVENTS = [
    b'{"type":"message_start","message":{"id":"msg_1"}}',
    '{"type":"content_block_delta","delta":{"text":"Zoë \\n 漢"}}'.encode(),
    b'{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}',
]
STREAM = b"".join(frames.chunk(event) for event in EVENTS)
SAID = b"".join(
    b"event: " + orjson.loads(event)["type"].encode() + b"\ndata: " + event + b"\n\n"
    for event in EVENTS
)


def opened(*pieces: bytes) -> bytes:
    reader = Frames()
    return b"".join(reader.feed(piece) for piece in pieces) + reader.close()


def test_chunks_are_anthropics_events_to_the_byte() -> None:
    assert opened(STREAM) == SAID


def test_chunks_are_the_same_one_byte_at_a_time() -> None:
    assert opened(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == SAID


@pytest.mark.parametrize("at", range(0, len(STREAM), 7))
def test_chunks_are_the_same_at_a_split(at: int) -> None:
    assert opened(STREAM[:at], STREAM[at:]) == SAID


def test_line_ends_between_the_tokens_of_an_event_do_not_break_it() -> None:
    said = opened(frames.chunk(b'{\n "type": "ping",\r\n "x": "a\\nb"\n}'))
    assert said == b'event: ping\ndata: {"type":"ping","x":"a\\nb"}\n\n'


def test_what_is_no_chunk_and_what_has_no_type_is_passed_over() -> None:
    other = frames.message({":message-type": "event", ":event-type": "later"}, b"{}")
    assert opened(other + frames.chunk(b'{"no":"type"}') + STREAM) == SAID


def error_in(said: bytes) -> dict[str, str]:
    name, data = said.rstrip(b"\n").rsplit(b"\n\n", 1)[-1].split(b"\n")
    assert name == b"event: error"
    told: dict[str, Any] = orjson.loads(data.removeprefix(b"data: "))
    assert told["type"] == "error"
    found: dict[str, str] = told["error"]
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", "rate_limit_error"),
        ("modelTimeoutException", "timeout_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("internalServerException", "api_error"),
        ("modelStreamErrorException", "api_error"),
        ("validationException", "invalid_request_error"),
        ("somethingNewException", "api_error"),
    ],
)
def test_an_exception_is_anthropics_error_event_and_the_last(name: str, kind: str) -> None:
    frame = frames.exception(name, "told of arn:aws:bedrock:eu-west-1:123456789012:x/y here")
    said = opened(frames.chunk(EVENTS[0]) + frame + STREAM)
    assert said.count(b"event: ") == 2
    assert error_in(said) == {"type": kind, "message": "told of [redacted] here"}


def test_an_unmodelled_error_is_one_too() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "no"}
    assert error_in(opened(frames.message(headers, b""))) == {"type": "api_error", "message": "no"}


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_wrong_checksum_is_told_as_an_error_after_what_was_right(at: int) -> None:
    sent = [frames.chunk(event) for event in EVENTS]
    sent[at] = frames.damaged(sent[at])
    said = opened(b"".join(sent))
    assert said.count(b"event: ") == at + 1
    assert error_in(said)["type"] == "api_error"


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"bytes":7}', b'{"bytes":"?"}', b"no JSON"])
def test_a_chunk_without_an_event_is_an_error(payload: bytes) -> None:
    frame = frames.message({":message-type": "event", ":event-type": "chunk"}, payload)
    assert error_in(opened(frame + STREAM))["type"] == "api_error"


def test_a_stream_that_breaks_off_says_nothing_of_its_own() -> None:
    """That it broke off is told by who reads the events: the last one is missing."""
    assert SAID.startswith(opened(STREAM[:-9]))


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "name", "body", "expected", "kind"),
    [
        (429, "ThrottlingException:http://x/", b'{"message":"slow"}', 429, "rate_limit_error"),
        (400, "ServiceQuotaExceededException", b"{}", 429, "rate_limit_error"),
        (403, "ExpiredTokenException", b"{}", 401, "authentication_error"),
        (403, "InvalidSignatureException", b"{}", 401, "authentication_error"),
        (400, "IncompleteSignature", b"{}", 401, "authentication_error"),
        (403, "UnrecognizedClientException", b"{}", 401, "authentication_error"),
        (403, "com.amazon#AccessDeniedException", b"{}", 403, "permission_error"),
        (400, "ValidationException", b'{"message":"bad"}', 400, "invalid_request_error"),
        (404, "ResourceNotFoundException", b"{}", 404, "not_found_error"),
        (408, "ModelTimeoutException", b"{}", 504, "timeout_error"),
        (424, "ModelErrorException", b"{}", 500, "api_error"),
        (503, "ServiceUnavailableException", b"{}", 529, "overloaded_error"),
        (403, "", b'{"Message":"no"}', 403, "permission_error"),
        (502, "", b"<html>", 502, "api_error"),
    ],
)
def test_an_error_answer_is_anthropics(
    status: int, name: str, body: bytes, expected: int, kind: str
) -> None:
    assert ENVELOPE.refusal is not None
    told = ENVELOPE.refusal("anthropic", status, {"x-amzn-errortype": name}, body)
    assert (told.status, orjson.loads(told.body)["error"]["type"]) == (expected, kind)


def test_the_models_own_words_stay() -> None:
    assert ENVELOPE.refusal is not None
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"m"}}'
    assert ENVELOPE.refusal("anthropic", 400, {}, body) == (400, body)
