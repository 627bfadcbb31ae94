"""Same protocol on both sides: bytes pass as they come, only `model` is edited, usage is read."""

import hashlib
import time
from typing import Any

import httpx
import orjson
import pytest

from tests.e2e.gateway import UPSTREAM_KEY, Gateway

pytestmark = pytest.mark.e2e

ODD = b"""{
  "unknown": {"model": "public-name", "deep": [1, 2.50, {"x": null}], "big": 12345678901234567890},
  "model" :\t"%s",
  "max_tokens":64, "text": "\\u2028 \\ud83d\\ude00 caf\xc3\xa9",
  "messages": [ {"role":"user","content":[{"type":"text","text":"hello","new_thing":{"a":[]}}]} ]
}"""
SCRIPT_LENIENT = '{"lenient": true}'


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def last_body(running: Gateway) -> str:
    """The hash of the bytes that reached the upstream."""
    found: str = running.simulator.received()[-1]["body_sha256"]
    return found


def asked(running: Gateway, path: str, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(
        f"{running.http}{path}",
        content=body,
        headers={
            "x-api-key": running.key,
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
            **named,
        },
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "upstream_name"),
    [("claude-haiku-4-5", "claude-haiku-4-5"), ("haiku", "claude-haiku-4-5")],
)
def test_unknown_fields_white_space_and_numbers_reach_the_upstream_byte_by_byte(
    shared: Gateway, name: str, upstream_name: str
) -> None:
    answer = asked(shared, "/v1/messages", ODD % name.encode(), x_sim_script=SCRIPT_LENIENT)
    assert answer.status_code == 200, answer.text
    assert last_body(shared) == sha256(ODD % upstream_name.encode())


def test_beta_flags_unknown_headers_and_the_query_pass(shared: Gateway) -> None:
    answer = asked(
        shared,
        "/api/v1/messages?beta=true",
        ODD % b"claude-haiku-4-5",
        x_sim_script=SCRIPT_LENIENT,
        anthropic_beta="claude-code-20250219,never-heard-of-2099-01-01",
        x_claude_code_session_id="5e0e762b",
        user_agent="claude-cli/2.1.329 (external, sdk-cli)",
    )
    assert answer.status_code == 200
    received = shared.simulator.received()[-1]
    headers = dict(received["headers"])
    assert headers["anthropic-beta"] == "claude-code-20250219,never-heard-of-2099-01-01"
    assert headers["x-claude-code-session-id"] == "5e0e762b"
    assert headers["user-agent"].startswith("claude-cli/")
    assert received["path"] == "/v1/messages"
    assert ["beta", "true"] in received["query"]
    assert shared.key not in str(received) and UPSTREAM_KEY not in str(received)


def test_a_multipart_body_passes_untouched(shared: Gateway) -> None:
    picture = bytes(range(256)) * 500 + b'\r\n--not-the-boundary\r\nname="model"\r\n\r\n'
    boundary = b"----clavis-test-boundary"
    parts = [
        b'content-disposition: form-data; name="model"\r\n\r\ngpt-image-1',
        b'content-disposition: form-data; name="prompt"\r\n\r\ngolden \xe2\x80\xa8 caf\xc3\xa9',
        b'Content-Disposition: form-data; name="image[]"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + b"\x89PNG\r\n\x1a\n" + picture,
    ]
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    body += b"--" + boundary + b"--\r\n"
    answer = asked(
        shared,
        "/openai/v1/images/edits",
        body,
        content_type=f"multipart/form-data; boundary={boundary.decode()}",
        x_sim_script=SCRIPT_LENIENT,
    )
    assert answer.status_code == 200, answer.text
    assert last_body(shared) == sha256(body)


STREAMS = {
    "crlf": b'event: message_start\r\ndata: {"type":"message_start","message":{"id":"m","usage":'
    b'{"input_tokens":5,"output_tokens":1}}}\r\n\r\nevent: ping\r\ndata: {"type":"ping"}\r\n\r\n'
    b'event: content_block_delta\r\ndata: {"type":"content_block_delta","index":0}\r\n\r\n'
    b'event: message_delta\r\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":4}}\r\n\r\nevent: message_stop\r\ndata: {"type":"message_stop"}'
    b"\r\n\r\n",
    "comments, unknown events, no space": b': hi\n\nevent:news\ndata:{"type":"news"}\n\n'
    b'data:{"type":"message_start","message":{"id":"m","usage":{"input_tokens":5}}}\n\n'
    b'data:{"type":"content_block_delta","index":0}\n\n'
    b'data:{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}'
    b'\n\ndata:{"type":"message_stop"}\n\n: bye\n\n',
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_reaches_the_client_byte_by_byte_and_is_metered(
    shared: Gateway, stream: bytes
) -> None:
    told = {"raw": {"content_type": "text/event-stream", "body": stream.decode()}}
    answer = asked(
        shared,
        "/v1/messages",
        b'{"model":"claude-haiku-4-5","max_tokens":9,"stream":true,'
        b'"messages":[{"role":"user","content":"x"}]}',
        x_sim_script=orjson.dumps(told).decode(),
    )
    assert answer.content == stream
    usage = shared.usage(answer.headers["request-id"])
    assert (usage["input_tokens"], usage["output_tokens"]) == (5, 4)
    assert usage["outcome"] == "completed" and usage["streamed"]


PROTOCOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": (
        "/v1/messages",
        {"model": "claude-haiku-4-5", "max_tokens": 900, "stream": True,
         "messages": [{"role": "user", "content": "hello"}]},
    ),
    "openai_chat": (
        "/v1/chat/completions",
        {"model": "gpt-5", "stream": True, "stream_options": {"include_usage": True},
         "messages": [{"role": "user", "content": "hello"}]},
    ),
    "openai_responses": ("/v1/responses", {"model": "gpt-5", "stream": True, "input": "hello"}),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_chunks_arrive_as_they_come(shared: Gateway, protocol: str) -> None:
    """Twelve chunks 120 ms apart: the client must see them spread, not in a heap at the end."""
    path, body = PROTOCOLS[protocol]
    told = {"text": "word " * 48, "chunks": 12, "delay_between_ms": 120, "pings": 2}
    arrivals = []
    with httpx.stream(
        "POST",
        f"{shared.http}{path}",
        json=body,
        headers={
            "x-api-key": shared.key,
            "anthropic-version": "2023-06-01",
            "x-sim-script": orjson.dumps(told).decode(),
        },
        timeout=60,
    ) as answer:
        assert answer.status_code == 200
        for _ in answer.iter_raw():
            arrivals.append(time.monotonic())
        request_id = answer.headers["request-id"]
    assert len(arrivals) >= 10
    spread = arrivals[-1] - arrivals[0]
    assert spread > 0.6 * 12 * 0.12, arrivals
    usage = shared.usage(request_id)
    assert usage["timing"]["ttft_ms"] < usage["timing"]["latency_ms"] - 500


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_that_ends_without_its_marker_is_an_error_to_the_client(
    shared: Gateway, protocol: str
) -> None:
    path, body = PROTOCOLS[protocol]
    told = {"text": "word " * 40, "chunks": 8, "no_terminal": True}
    answer = asked(shared, path, orjson.dumps(body), x_sim_script=orjson.dumps(told).decode())
    assert b'"error"' in answer.content[-400:]
    usage = shared.usage(answer.headers["request-id"])
    assert usage["outcome"] == "truncated"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_connection_that_breaks_in_mid_stream_is_no_clean_end_and_is_recorded(
    shared: Gateway, protocol: str
) -> None:
    path, body = PROTOCOLS[protocol]
    told = {"text": "word " * 40, "chunks": 8, "delay_between_ms": 30, "truncate_after": 5}
    seen = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream(
            "POST",
            f"{shared.http}{path}",
            json=body,
            headers={
                "x-api-key": shared.key,
                "anthropic-version": "2023-06-01",
                "x-sim-script": orjson.dumps(told).decode(),
            },
            timeout=60,
        ) as answer,
    ):
        request_id = answer.headers["request-id"]
        for data in answer.iter_raw():
            seen += data
    assert seen
    assert shared.usage(request_id)["outcome"] in ("abandoned", "truncated")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_error_inside_a_200_before_anything_is_said_becomes_a_status(
    shared: Gateway, protocol: str
) -> None:
    path, body = PROTOCOLS[protocol]
    told = {"stream_error": {"at": 1, "status": 529}}
    answer = asked(shared, path, orjson.dumps(body), x_sim_script=orjson.dumps(told).decode())
    assert answer.status_code >= 500, answer.text
    assert "error" in answer.json()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_error_inside_a_stream_reaches_the_client_and_the_record(
    shared: Gateway, protocol: str
) -> None:
    path, body = PROTOCOLS[protocol]
    told = {"text": "word " * 40, "chunks": 8, "stream_error": {"at": 6, "status": 500}}
    answer = asked(shared, path, orjson.dumps(body), x_sim_script=orjson.dumps(told).decode())
    assert answer.status_code == 200 and b"error" in answer.content
    assert shared.usage(answer.headers["request-id"])["outcome"] == "failed"


def test_a_client_that_leaves_is_recorded_with_what_was_metered(shared: Gateway) -> None:
    path, body = PROTOCOLS["anthropic"]
    told = {"text": "word " * 400, "chunks": 200, "delay_between_ms": 40, "usage": {"input": 21}}
    with httpx.stream(
        "POST",
        f"{shared.http}{path}",
        json=body,
        headers={
            "x-api-key": shared.key,
            "anthropic-version": "2023-06-01",
            "x-sim-script": orjson.dumps(told).decode(),
        },
    ) as answer:
        next(answer.iter_raw())
        request_id = answer.headers["request-id"]
    usage = shared.usage(request_id)
    assert (usage["outcome"], usage["status"], usage["input_tokens"]) == ("abandoned", 499, 21)


def test_a_large_answer_passes_whole(shared: Gateway) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    choice["message"] = {"role": "assistant", "content": "x" * (30 * 1024 * 1024)}
    body = orjson.dumps({"id": "c", "object": "chat.completion", "choices": [choice]}).decode()
    told = {"raw": {"content_type": "application/json", "body": body}}
    httpx.post(
        f"{shared.simulator.url}/_sim/scripts",
        json={"match": {"model": "gpt-large"}, "scripts": [told]},
        timeout=60,
    ).raise_for_status()
    asked_for = orjson.dumps({"model": "gpt-large", "messages": [{"role": "user", "content": "x"}]})
    answer = asked(shared, "/v1/chat/completions", asked_for)
    assert answer.status_code == 200
    assert answer.content == body.encode()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_upstream_that_breaks_off_before_its_first_word_is_an_error_in_dialect(
    shared: Gateway, protocol: str
) -> None:
    path, body = PROTOCOLS[protocol]
    first = 0 if protocol == "gemini" else 1  # Gemini says something in its first event
    told = {"truncate_after": first, "delay_between_ms": 50}
    answer = asked(shared, path, orjson.dumps(body), x_sim_script=orjson.dumps(told).decode())
    assert answer.status_code >= 500
    error = answer.json()
    assert error["error"]["message"]
    assert ("request_id" in error) == (protocol == "anthropic")
