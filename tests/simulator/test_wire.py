"""What happens on the wire: pieces, delays, cuts, silence, doors closed."""

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from tests.simulator.running import ANTHROPIC, BEARER, KEY, PATIENCE_S, Json, Running, running, sse

HI: Json = {"model": "any", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
STREAM: Json = {**HI, "stream": True}


def scripted(**script: object) -> dict[str, str]:
    return {**ANTHROPIC, "x-sim-script": json.dumps(script)}


def pieces(sim: Running, headers: dict[str, str]) -> list[bytes]:
    """The chunks of the answer as HTTP framed them."""
    host, port = sim.url.removeprefix("http://").split(":")
    body = json.dumps(STREAM).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    asked = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{head}\r\n"
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
        connection.sendall(asked.encode() + body)
        raw = b""
        while not raw.endswith(b"0\r\n\r\n"):
            raw += connection.recv(65536)
    raw = raw.split(b"\r\n\r\n", 1)[1]
    found: list[bytes] = []
    while True:
        size, _, raw = raw.partition(b"\r\n")
        if size == b"0":
            return found
        found.append(raw[: int(size, 16)])
        raw = raw[int(size, 16) + 2 :]


def test_each_event_is_a_piece_of_its_own(sim: Running) -> None:
    found = pieces(sim, scripted(text="abcd", chunks=4))
    assert all(one.startswith(b"event: ") and one.endswith(b"\n\n") for one in found)
    assert len(found) == 10


def test_chunk_bytes_cuts_anywhere(sim: Running) -> None:
    whole = b"".join(pieces(sim, scripted(text="żółw")))
    cut = pieces(sim, scripted(text="żółw", chunk_bytes=7))
    assert {len(one) for one in cut[:-1]} == {7}
    assert len(b"".join(cut)) == len(whole)
    assert any(not _is_utf8(one) for one in pieces(sim, scripted(text="żółw", chunk_bytes=1)))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_coalesce_writes_several_events_at_once(sim: Running) -> None:
    found = pieces(sim, scripted(text="abcd", chunks=4, coalesce=4))
    assert [one.count(b"event: ") for one in found] == [4, 4, 2]


def test_pings_and_injected_events(sim: Running, gpt: openai.OpenAI) -> None:
    inject = [
        {"at": 2, "event": "novelty", "data": {"type": "novelty", "n": 1}},
        {"at": 0, "raw": ": comment\n\n"},
    ]
    text = sim.post("/v1/messages", STREAM, scripted(pings=3, inject=inject)).text
    assert text.startswith(": comment\n\n")
    assert text.count("event: ping") == 4
    assert 'event: novelty\ndata: {"type":"novelty","n":1}' in text
    chat = {"model": "sim-pings-2", "messages": HI["messages"], "stream": True}
    answer = sim.post("/v1/chat/completions", chat, BEARER).text
    assert answer.count(": keep-alive\n\n") == 2
    chunks = gpt.chat.completions.create(
        model="sim-pings-2", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    assert len(list(chunks)) == 3


@pytest.mark.parametrize("style", ["crlf", "cr", "no_space", "bom", "multiline"])
def test_sse_dialects_say_the_same(sim: Running, style: str) -> None:
    text = sim.post("/v1/messages", STREAM, scripted(text="same", sse=style)).text
    assert text != sim.post("/v1/messages", STREAM, scripted(text="same")).text
    assert "same" in text
    assert ("\r\n" in text) == (style == "crlf")
    assert text.startswith("\ufeff") == (style == "bom")
    if style not in ("bom", "multiline"):
        assert sse(text)[-1] == {"type": "message_stop"}


async def test_delays(sim: Running) -> None:
    script = {
        "text": "abc",
        "chunks": 3,
        "delay_headers_ms": 60,
        "delay_first_ms": 70,
        "delay_between_ms": 30,
        "delay_end_ms": 80,
    }
    headers = {**ANTHROPIC, "x-sim-script": json.dumps(script)}
    times: list[float] = []
    async with httpx.AsyncClient(base_url=sim.url) as client:
        start = time.monotonic()
        async with client.stream("POST", "/v1/messages", json=STREAM, headers=headers) as answer:
            times.append(time.monotonic() - start)
            async for _ in answer.aiter_raw():
                times.append(time.monotonic() - start)
        end = time.monotonic() - start
    assert times[0] >= 0.06
    assert times[1] - times[0] >= 0.06
    assert times[-1] - times[1] >= 0.2
    assert end - times[-1] >= 0.07


def test_a_whole_answer_may_be_late(sim: Running) -> None:
    start = time.monotonic()
    sim.post("/v1/messages", HI, scripted(delay_first_ms=80))
    assert time.monotonic() - start >= 0.08


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("script", [{"truncate_after": 2}, {"truncate_bytes": 40}])
def test_a_cut_answer_is_an_error_to_clients(sim: Running, script: Json, streamed: bool) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
        sim.post("/v1/messages", STREAM if streamed else HI, scripted(**script))


def test_a_cut_answer_is_an_error_to_the_sdks(
    claude: anthropic.Anthropic, gpt: openai.OpenAI
) -> None:
    with (
        pytest.raises(Exception, match="peer closed connection"),
        claude.messages.stream(
            model="sim-truncate", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream,
    ):
        stream.get_final_message()
    with pytest.raises(openai.APIConnectionError):
        gpt.chat.completions.create(
            model="sim-truncate", messages=[{"role": "user", "content": "x"}]
        )


def test_a_clean_end_without_the_terminal_event(sim: Running) -> None:
    events = sse(sim.post("/v1/messages", STREAM, scripted(no_terminal=True)).text)
    assert events[-1]["type"] == "message_delta"
    chat = {"model": "sim-no-terminal", "messages": HI["messages"], "stream": True}
    text = sim.post("/v1/chat/completions", chat, BEARER).text
    assert "[DONE]" not in text and '"finish_reason":"stop"' in text


@pytest.mark.parametrize("streamed", [False, True])
async def test_silence_until_the_client_leaves(sim: Running, streamed: bool) -> None:
    model = f"hangs-{streamed}"
    body = {**HI, "model": model, "stream": streamed}
    async with httpx.AsyncClient(base_url=sim.url) as client:
        async with client.stream(
            "POST", "/v1/messages", json=body, headers=scripted(hang_after=2)
        ) as answer:
            received = b""
            async for piece in answer.aiter_raw():
                received += piece
                if not streamed or received.count(b"\n\n") == 2:
                    break
        assert b"message_stop" not in received
        while (await _entry(client, model))["end"] != "disconnected":
            pass  # each look is a request of its own
        assert (await _entry(client, model))["events_sent"] == (2 if streamed else 0)


async def _entry(client: httpx.AsyncClient, model: str) -> Json:
    answer = await client.get("/_sim/requests", params={"model": model})
    found: Json = answer.json()["requests"][0]
    return found


async def test_a_client_that_leaves_during_a_delay_is_noticed(sim: Running) -> None:
    body = {**STREAM, "model": "leaves"}
    headers = scripted(text="abcdefgh", chunks=8, delay_between_ms=PATIENCE_S * 1000)
    async with httpx.AsyncClient(base_url=sim.url) as client:
        async with client.stream("POST", "/v1/messages", json=body, headers=headers) as answer:
            await anext(answer.aiter_raw())
        while (await _entry(client, "leaves"))["end"] != "disconnected":
            pass  # each look is a request of its own
        assert (await _entry(client, "leaves"))["events_sent"] == 1


def test_a_dropped_connection_has_no_answer(sim: Running) -> None:
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sim.post("/v1/messages", {**HI, "model": "sim-drop"}, ANTHROPIC)
    entry = sim.last("sim-drop")
    assert (entry["end"], entry["status"]) == ("dropped", None)


def test_the_log_keeps_requests_to_the_byte_and_keys_as_hashes(sim: Running) -> None:
    body = (
        b'{ "model":"logged", "max_tokens":1e1 , "messages":[{"role":"user","content":"\\u00e9"}]}'
    )
    headers = {**ANTHROPIC, "x-request-id": "mine-1", "x-sim-script": '{"lenient": true}'}
    answer = sim.post("/v1/messages?beta=true&key=secret-in-query", body, headers)
    (entry,) = sim.received(id=answer.headers["request-id"])
    assert sim.received(id="mine-1") == [entry]
    assert entry["body_text"].encode() == body
    assert entry["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert entry["body"]["messages"][0]["content"] == "é"
    assert (entry["method"], entry["path"]) == ("POST", "/v1/messages")
    assert entry["query"][0] == ["beta", "true"]
    assert (entry["status"], entry["end"]) == (200, "complete")
    hashed = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()
    assert ["x-api-key", hashed] in entry["headers"]
    assert KEY not in json.dumps(entry) and "secret-in-query" not in json.dumps(entry)
    sim.post("/v1/chat/completions", {"model": "logged-2", "messages": HI["messages"]}, BEARER)
    assert ["authorization", f"Bearer {hashed}"] in sim.last("logged-2")["headers"]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A simulator that accepts two keys and small bodies."""
    arguments = ("--api-key", "one", "--api-key", "two", "--max-body-bytes", "1000")
    with running(*arguments) as one:
        yield one


CALLS = [
    ("/v1/messages", "x-api-key", "", HI, 401),
    ("/v1/messages", "authorization", "Bearer ", HI, 401),
    (
        "/v1/chat/completions",
        "authorization",
        "Bearer ",
        {"model": "m", "messages": HI["messages"]},
        401,
    ),
    ("/v1/responses", "authorization", "Bearer ", {"model": "m", "input": "x"}, 401),
    (
        "/v1beta/models/m:generateContent",
        "x-goog-api-key",
        "",
        {"contents": [{"parts": [{"text": "x"}]}]},
        400,
    ),
]


@pytest.mark.parametrize(("path", "name", "scheme", "body", "status"), CALLS)
def test_other_keys_are_refused(
    closed: Running, path: str, name: str, scheme: str, body: Json, status: int
) -> None:
    version = {"anthropic-version": "2023-06-01"}
    for key in ("one", "two"):
        assert closed.post(path, body, {name: scheme + key, **version}).status_code == 200
    refused = closed.post(path, body, {name: f"{scheme}three-of-a-kind", **version})
    assert refused.status_code == status
    assert "three-of-a-kind" not in refused.text
    assert closed.post(path, body, version).status_code in (401, 403)


@pytest.mark.parametrize("path", [call[0] for call in CALLS])
def test_a_body_over_the_limit_is_413_in_the_dialect(closed: Running, path: str) -> None:
    body = b'{"model": "m", "pad": "' + b"x" * 1000 + b'"}'
    answer = closed.post(path, body, {**ANTHROPIC, **BEARER})
    assert answer.status_code == 413
    assert "error" in answer.json()


def test_forgetting_and_health(closed: Running) -> None:
    assert httpx.get(f"{closed.url}/_sim/health").json() == {"status": "ok"}
    closed.queue({"text": "x"})
    assert httpx.get(f"{closed.url}/_sim/scripts").json()["scripts_left"] == 1
    assert httpx.delete(f"{closed.url}/_sim/scripts").json()["scripts_left"] == 0
    assert closed.received() != []
    httpx.delete(f"{closed.url}/_sim/requests")
    assert closed.received() == []
    assert httpx.get(f"{closed.url}/_sim/nothing").status_code == 404


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"
    with (
        running("--uds", str(path)) as one,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client,
    ):
        assert one.url == f"unix:{path}"
        answer = client.post("http://sim/v1/messages", json=HI, headers=ANTHROPIC)
        assert answer.status_code == 200
