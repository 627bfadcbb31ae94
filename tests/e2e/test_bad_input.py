"""Two hundred wrong requests: a clear error each, never a 5xx of ours, and no memory kept.

Whole requests are written to the socket as bytes, because an HTTP client would mend most of them.
"""

import json
import socket
from collections.abc import Iterator
from itertools import product

import httpx
import psutil
import pytest

from tests.e2e.gateway import Gateway, until

pytestmark = pytest.mark.e2e

PATHS = (
    "/v1/messages",
    "/openai/v1/chat/completions",
    "/v1/responses",
    "/v1beta/models/gemini-2.5-flash:generateContent",
    "/v1/embeddings",
    "/v1/images/generations",
)

# Bodies that no door can take. Every one with every path.
BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"hello",
    "broken": b'{"model": "gpt-5", ',
    "array": b"[1, 2]",
    "string": b'"gpt-5"',
    "number": b"17",
    "null": b"null",
    "invalid utf-8": b'{"model": "\xff\xfe", "messages": []}',
    "lone surrogate": b'{"model": "\\ud800"}',
    "model is a number": b'{"model": 5, "contents": 5, "messages": []}',
    "model is null": b'{"model": null, "contents": null}',
    "model is an object": b'{"model": {}, "contents": {}}',
    "model is empty": b'{"model": "", "contents": ""}',
    "model unheard of": b'{"model": "unheard-of", "contents": "x"}',
    "model with control characters": b'{"model": "a\\u0000\\r\\nx-evil: 1", "contents": "x"}',
    "model very long": b'{"model": "' + b"m" * 100_000 + b'", "contents": "x"}',
    "stream is a word": b'{"model": "gpt-5", "stream": "yes", "contents": "x"}',
    "deep": b'{"model": ' + b"[" * 20_000 + b"]" * 20_000 + b', "contents": "x"}',
    "deep elsewhere": b'{"contents": ' + b"[" * 20_000 + b"]" * 20_000 + b', "x": 1}',
    "nan": b'{"model": NaN}',
    "huge number": b'{"model": 1' + b"0" * 5000 + b"}",
    "utf-16": '{"model": "gpt-5"}'.encode("utf-16"),
    "bom": b"\xef\xbb\xbf{",
    "two values": b'{"model": "gpt-5"} {"model": "gpt-5"}',
    "form": b"model=gpt-5&messages=hello",
    "nul bytes": b"\x00" * 100,
    "gzip magic": b"\x1f\x8b\x08\x00" + b"x" * 50,
    "multipart without boundary": b"--x\r\ncontent-disposition: form-data\r\n\r\n--x--",
}

KEY = b"x-api-key: KEY\r\n"


def post(path: str, body: bytes, *headers: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: api.clavis.localhost", *headers]
    lines += [b"content-type: application/json", b"connection: close"]
    return b"\r\n".join(lines) + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def with_bodies() -> Iterator[tuple[str, bytes]]:
    for path, (name, body) in product(PATHS, BODIES.items()):
        yield f"{path} {name}", post(path, body, b"x-api-key: KEY")


BIG = b"x" * 70_000
CHAT = b'{"model": "gpt-5", "messages": []}'
P = "/v1/chat/completions"

# Requests that are wrong as HTTP.
RAW: dict[str, bytes] = {
    "no http": b"hello gateway\r\n\r\n",
    "unknown method": post(P, CHAT, b"x-api-key: KEY").replace(b"POST", b"BREW", 1),
    "lower-case method": post(P, CHAT, b"x-api-key: KEY").replace(b"POST", b"post", 1),
    "put": post(P, CHAT, b"x-api-key: KEY").replace(b"POST", b"PUT", 1),
    "trace": b"TRACE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "connect": b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "http 3.0": post(P, CHAT).replace(b"HTTP/1.1", b"HTTP/3.0", 1),
    "no host": b"POST /v1/messages HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "two content-lengths": post(P, CHAT, b"x-api-key: KEY", b"content-length: 3"),
    "length and chunked": post(P, CHAT, b"x-api-key: KEY", b"transfer-encoding: chunked"),
    "negative length": post(P, b"", b"content-length: -5"),
    "bad chunk": b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: KEY\r\n"
    b"transfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n",
    "header without colon": post(P, CHAT, b"x-api-key KEY"),
    "header with a nul": post(P, CHAT, b"x-evil: a\x00b"),
    "folded header": post(P, CHAT, b"x-evil: a\r\n b"),
    "bare line feed": post(P, CHAT, b"x-evil: a\nx-injected: 1"),
    "space in the name": post(P, CHAT, b"x evil: a"),
    "huge header": post(P, CHAT, b"x-evil: " + BIG * 2),
    "many headers": post(P, CHAT, *(b"x-%d: 1" % number for number in range(400))),
    "huge path": post("/v1/" + "x" * 70_000, CHAT),
    "path with a space": post("/v1/chat completions", CHAT),
    "path with controls": post("/v1/\x01\x02", CHAT),
    "path with percent garbage": post("/v1/%zz%ff%00", CHAT, b"x-api-key: KEY"),
    "path that climbs": post("/v1/../../etc/passwd", CHAT, b"x-api-key: KEY"),
    "absolute target": post("http://evil.test/v1/messages", CHAT),
    "empty key": post(P, CHAT, b"x-api-key: "),
    "key of garbage": post(P, CHAT, b"x-api-key: \xff\xfe\xfd"),
    "key with quotes": post(P, CHAT, b"authorization: Bearer \"';--"),
    "very long key": post(P, CHAT, b"x-api-key: sk-" + b"a" * 50_000),
    "query of garbage": post(P + "?key=%ff%fe&&&=&key", CHAT),
    "tls to the plain port": bytes.fromhex("1603010200010001fc0303") + b"\x00" * 80,
    "http/2 preface, then nothing": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 20,
}  # fmt: skip

CASES = [*with_bodies(), *RAW.items()]


def spoken(running: Gateway, request: bytes, *, close: bool = True) -> bytes:
    """What comes back, to the end of the connection."""
    host, _, port = running.http.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        received = b""
        try:
            connection.sendall(request.replace(b"KEY", running.key.encode()))
            if close:
                connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                received += data
        except ConnectionError:
            pass  # a reset is an answer too, to what is not HTTP
    return received


def test_there_are_two_hundred() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("request_bytes", [c for _, c in CASES], ids=[name for name, _ in CASES])
def test_a_wrong_request_is_a_clear_error(shared: Gateway, request_bytes: bytes) -> None:
    answer = spoken(shared, request_bytes, close=False)
    if not answer.startswith(b"HTTP/1.1 "):
        # Nothing that could be called a request: the connection is closed, or HTTP/2 says goodbye.
        assert b"HTTP/1.1 5" not in answer
        return
    status = int(answer[9:12])
    assert 400 <= status < 500, answer[:600]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-injected" not in head.lower() and b"x-evil" not in head.lower()
    if b"application/json" in head and b"chunked" not in head.lower():
        assert json.loads(body)["error"]


def test_the_errors_are_in_the_dialect_of_the_path(shared: Gateway) -> None:
    for path, shape in (
        ("/v1/messages", {"type", "error", "request_id"}),
        ("/v1/chat/completions", {"error"}),
        ("/v1beta/models/gemini-2.5-flash:generateContent", {"error"}),
    ):
        for content in (b"{", b"x" * (33 * 1024 * 1024)):
            answer = httpx.post(
                f"{shared.http}{path}",
                content=iter([content]),  # chunked: Envoy itself finds it too large
                headers={"x-api-key": shared.key},
            )
            assert answer.status_code == (400 if len(content) == 1 else 413)
            assert set(answer.json()) >= shape
            if "v1beta" in path:
                assert answer.json()["error"]["code"] == answer.status_code


def test_bodies_up_to_the_limit_pass_untouched(shared: Gateway) -> None:
    filler = "x" * (31 * 1024 * 1024)
    shared.simulator.forget()
    answer = httpx.post(
        f"{shared.http}/v1/chat/completions",
        json={"model": "gpt-5", "messages": [{"role": "user", "content": filler}]},
        headers={"x-api-key": shared.key},
        timeout=60,
    )
    assert answer.status_code == 200
    shared.simulator.forget()


def test_spoofed_headers_of_ours_and_of_envoys_are_dropped(shared: Gateway) -> None:
    shared.simulator.forget()
    answer = httpx.post(
        f"{shared.http}/v1/chat/completions",
        json={"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]},
        headers={
            "x-api-key": shared.key,
            "x-clavis-cluster": "portal",
            "x-clavis-local": "UF",
            "x-clavis-started": "1",
            "x-clavis-upstream": "evil",
            "x-envoy-attempt-count": "3",
            "x-envoy-upstream-rq-timeout-ms": "1",
            "x-envoy-original-path": "/evil",
            "x-forwarded-for": "10.0.0.1",
            "x-request-id": "evil",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["x-clavis-attempts"] == "1"
    assert answer.headers["x-clavis-upstream"] == "openai"
    (received,) = shared.simulator.received()
    names = {name for name, _ in received["headers"]}
    assert not {n for n in names if n.startswith(("x-clavis-", "x-envoy-", "x-forwarded-"))}
    assert "x-request-id" not in names
    usage = shared.usage(answer.headers["request-id"])
    assert usage["timing"]["latency_ms"] < 60_000


def test_half_a_body_and_a_slow_sender_hold_nothing_up(shared: Gateway) -> None:
    host, _, port = shared.http.removeprefix("http://").partition(":")
    whole = post(P, CHAT, b"x-api-key: " + shared.key.encode())
    slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(20)]
    for connection in slow:
        connection.sendall(whole[:-10])
    half = socket.create_connection((host, int(port)), timeout=30)
    half.sendall(whole[:-10])
    half.close()
    for _ in range(10):  # others are served meanwhile
        assert httpx.get(f"{shared.http}/v1/models", headers={"x-api-key": shared.key}).is_success
    for connection in slow:
        connection.sendall(whole[-10:])
        assert connection.recv(12)[9:12] == b"400"  # the simulator refuses empty messages
        connection.close()


def memory_of_workers(running: Gateway) -> int:
    return sum(p.memory_info().rss for p in running.processes("extproc") if "-m" in p.cmdline())


def test_the_workers_memory_is_flat_under_wrong_requests(shared: Gateway) -> None:
    def flood() -> int:
        for name, request in CASES[:160:4]:
            assert spoken(shared, request) is not None, name
        return memory_of_workers(shared)

    for _ in range(2):
        flood()
    before = memory_of_workers(shared)
    for _ in range(5):
        flood()
    grown = until(lambda: memory_of_workers(shared) - before + 1, "a figure")
    assert grown < 20 * 1024 * 1024, f"{grown} bytes after 200 wrong requests"
    assert psutil.pid_exists(shared.process.pid)
