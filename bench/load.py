"""The load: a fixed number of keep-alive connections, each asking again as soon as it is answered.

Runs in a process of its own (`python -m bench.load`), so that its work is nobody else's CPU time.
One JSON line in is one command, one JSON line out its result; it ends with its standard input.
Every answer is checked whole: a fast wrong answer counts as failed.

    {"op": "run", "port", "path", "headers", "body", "streamed", "first", "end",
     "connections", "seconds"}                    -> Result
    {"op": "hold", ...the same, no "seconds"}   opens streams and keeps them -> {"held": n}
    {"op": "release"}                           closes those -> {"held": 0}
"""

import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import httptools
import orjson
import uvloop

ANSWER_TIMEOUT_S = 30.0  # one answer; more is a hang, and a failure
KEPT_BYTES = 200  # of the first failed answer, to say what went wrong


@dataclass(slots=True)
class Result:
    """Of one run. Times are whole microseconds since the request was written, one for each good
    answer: to its end, and to its first readable piece. `seconds` is the time of the whole run."""

    requests: int = 0
    failed: int = 0
    why: str = ""
    seconds: float = 0.0
    total_us: list[int] = field(default_factory=list)
    first_us: list[int] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection. `ask` gives None for a good answer, else what was wrong."""

    def __init__(self, command: dict[str, Any]) -> None:
        self._request = request_bytes(command)
        self._first_mark: bytes = command["first"].encode()
        self._end_mark: bytes = command["end"].encode()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[None] | None = None
        self._begun = asyncio.Event()
        self._body: list[bytes] = []
        self._sent = 0.0
        self.lost = False
        self.first_s: float | None = None
        self.total_s = 0.0

    async def ask(self) -> str | None:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self.send()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._answered
        except TimeoutError:
            return "no answer in time"
        except ConnectionError as error:
            return f"connection lost: {error}"
        return self._verdict()

    def send(self) -> None:
        assert self._transport is not None
        self._body.clear()
        self.first_s = None
        self._begun.clear()
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    async def begun(self) -> None:
        """Returns when the first readable piece of the answer is here."""
        await self._begun.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _verdict(self) -> str | None:
        body = b"".join(self._body)
        status = self._parser.get_status_code()
        if status != 200:
            return f"status {status}: {body[:KEPT_BYTES].decode('utf-8', 'replace')}"
        if self._end_mark not in body:
            return f"incomplete: ...{body[-KEPT_BYTES:].decode('utf-8', 'replace')}"
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError(str(exc or "closed")))

    def on_body(self, data: bytes) -> None:
        self._body.append(data)
        if self.first_s is None and self._first_mark in data:
            self.first_s = time.perf_counter() - self._sent
            self._begun.set()

    def on_message_complete(self) -> None:
        self.total_s = time.perf_counter() - self._sent
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)


def request_bytes(command: dict[str, Any]) -> bytes:
    """The whole request as it goes over the wire."""
    body: bytes = command["body"].encode()
    headers = {
        "host": f"127.0.0.1:{command['port']}",
        "content-type": "application/json",
        **command["headers"],
        "content-length": str(len(body)),
    }
    lines = [f"POST {command['path']} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def connect(command: dict[str, Any]) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(command), "127.0.0.1", command["port"])
    return client


async def run(command: dict[str, Any]) -> Result:
    """Closed loop until the time is over; what is under way then is waited for and counts."""
    result = Result()
    clients = [await connect(command) for _ in range(command["connections"])]
    began = time.perf_counter()
    until = began + command["seconds"]
    await asyncio.gather(*(_repeat(client, command, until, result) for client in clients))
    result.seconds = time.perf_counter() - began
    return result


async def _repeat(client: Client, command: dict[str, Any], until: float, result: Result) -> None:
    try:
        while time.perf_counter() < until:
            if client.lost:
                client = await connect(command)
            wrong = await client.ask()
            result.requests += 1
            if wrong is not None:
                result.failed += 1
                result.why = result.why or wrong
                client.close()
                continue
            result.total_us.append(round(client.total_s * 1e6))
            if client.first_s is not None:
                result.first_us.append(round(client.first_s * 1e6))
    except OSError as error:
        result.failed += 1
        result.why = result.why or str(error)
    finally:
        client.close()


async def hold(command: dict[str, Any]) -> list[Client]:
    """Streams that have begun and stay open. Raises TimeoutError when one does not begin."""
    clients = [await connect(command) for _ in range(command["connections"])]
    for client in clients:
        client.send()
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        await asyncio.gather(*(client.begun() for client in clients))
    return clients


async def main() -> None:
    held: list[Client] = []
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        command = orjson.loads(line)
        match command["op"]:
            case "run":
                answer: object = asdict(await run(command))
            case "hold":
                held += await hold(command)
                answer = {"held": len(held)}
            case _:
                for client in held:
                    client.close()
                held.clear()
                answer = {"held": 0}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
