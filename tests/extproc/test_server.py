"""A real worker process, spoken to by a second codec: betterproto2 of `envoy-data-plane`.

It shares no line with the codec in the worker: agreement proves the wire.
"""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from envoy_data_plane.envoy.config.core.v3 import HeaderMap, HeaderValue
from envoy_data_plane.envoy.service.ext_proc.v3 import (
    HttpBody,
    HttpHeaders,
    ProcessingRequest,
    ProcessingResponse,
)
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from extproc.server import SERVICE
from ledger.ledger import Ledger
from ledger.model import KeySpec
from tests.extproc.world import ANSWER, CATALOG, CHAT, DONE, USAGE, chunk
from tests.ledger.conftest import redis_url, shared_redis, sqlite_url

PROCESS = f"/{SERVICE}/Process"

__all__ = ["redis_url", "shared_redis", "sqlite_url"]


@dataclass
class Worker:
    process: "subprocess.Popen[str]"
    socket: str
    ledger: Ledger
    key: str
    key_id: str
    shard: str

    def channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(f"unix:{self.socket}")


def _start(argv: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


@pytest.fixture
async def worker(redis_url: str, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Worker]:
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(CATALOG)
    ledger = await Ledger.open(redis_url, sqlite_url, migrate=True)
    customer = await ledger.create_customer("customer", 0)
    row, secret = await ledger.create_key(customer.id, KeySpec("key"), 0)
    socket = tmp_path / "w.sock"
    argv = [sys.executable, "-m", "extproc", "--catalog", str(catalog), "--redis", redis_url]
    argv += ["--sql", sqlite_url, "--listen", f"unix:{socket}", "--worker-id", "w-test"]
    argv += ["--grace-s", "5"]
    process = await asyncio.to_thread(_start, argv)
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    assert json.loads(line)["worker"] == "w-test"
    yield Worker(process, str(socket), ledger, secret, row.id, row.shard)
    process.terminate()
    assert await asyncio.to_thread(process.wait, 30) == 0
    process.stdout.close()
    await ledger.close()


def header_map(headers: dict[str, str], end: bool = False) -> HttpHeaders:
    listed = [HeaderValue(key=name, raw_value=v.encode()) for name, v in headers.items()]
    return HttpHeaders(headers=HeaderMap(headers=listed), end_of_stream=end)


def asked(key: str | None, request_id: str) -> ProcessingRequest:
    headers = {
        ":method": "POST",
        ":path": "/openai/v1/chat/completions",
        "x-request-id": request_id,
        "x-forwarded-for": "203.0.113.7",
        "content-type": "application/json",
    }
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return ProcessingRequest(request_headers=header_map(headers))


class Conversation:
    """Envoy's side of one stream, one message after the other."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._call = channel.stream_stream(
            PROCESS, request_serializer=bytes, response_deserializer=ProcessingResponse().parse
        )()

    async def say(self, message: ProcessingRequest) -> None:
        await self._call.write(message)

    async def hear(self) -> ProcessingResponse:
        heard = await asyncio.wait_for(self._call.read(), 20)
        assert isinstance(heard, ProcessingResponse), "the worker ended the stream"
        return heard

    async def end(self) -> None:
        await self._call.done_writing()


def body(data: bytes, end: bool) -> HttpBody:
    return HttpBody(body=data, end_of_stream=end)


def set_headers(response: ProcessingResponse) -> dict[str, str]:
    part = response.response_headers or response.request_body
    assert part is not None and part.response is not None
    assert part.response.header_mutation is not None
    return {
        option.header.key: option.header.raw_value.decode()
        for option in part.response.header_mutation.set_headers
        if option.header is not None
    }


def streamed(response: ProcessingResponse) -> tuple[bytes, bool]:
    assert response.response_body is not None and response.response_body.response is not None
    mutation = response.response_body.response.body_mutation
    assert mutation is not None and mutation.streamed_response is not None
    return mutation.streamed_response.body, mutation.streamed_response.end_of_stream


async def send_request(talk: Conversation, worker: Worker, request_id: str) -> ProcessingResponse:
    await talk.say(asked(worker.key, request_id))
    assert (await talk.hear()).request_headers is not None
    await talk.say(ProcessingRequest(request_body=body(json.dumps(CHAT).encode(), True)))
    return await talk.hear()


async def test_a_plain_exchange_from_first_header_to_record(worker: Worker) -> None:
    request_id = str(uuid.uuid4())
    async with worker.channel() as channel:
        talk = Conversation(channel)
        sent = set_headers(await send_request(talk, worker, request_id))
        assert sent["x-clavis-cluster"] == "provider_one"
        assert sent["authorization"] == "Bearer sk-upstream-first"
        head = {":status": "200", "content-type": "application/json"}
        await talk.say(ProcessingRequest(response_headers=header_map(head)))
        await talk.say(ProcessingRequest(response_body=body(ANSWER, True)))
        assert set_headers(await talk.hear())["x-clavis-input-tokens"] == "10"
        assert streamed(await talk.hear()) == (ANSWER, True)
        await talk.end()
    record = await worker.ledger.usage(worker.shard, worker.key_id, request_id)
    assert record is not None and record.output_tokens == 3


async def test_a_stream_is_recorded_before_its_end_is_heard(worker: Worker) -> None:
    request_id = str(uuid.uuid4())
    async with worker.channel() as channel:
        talk = Conversation(channel)
        await send_request(talk, worker, request_id)
        head = {":status": "200", "content-type": "text/event-stream"}
        await talk.say(ProcessingRequest(response_headers=header_map(head)))
        await talk.say(ProcessingRequest(response_body=body(chunk() + chunk("a"), False)))
        assert set_headers(await talk.hear())["request-id"] == request_id
        assert streamed(await talk.hear()) == (chunk() + chunk("a"), False)
        await talk.say(ProcessingRequest(response_body=body(USAGE + DONE, False)))
        assert streamed(await talk.hear()) == (USAGE + DONE, False)
        record = await worker.ledger.usage(worker.shard, worker.key_id, request_id)
        assert record is not None and record.outcome.value == "completed"
        await talk.say(ProcessingRequest(response_body=body(b"", True)))
        assert streamed(await talk.hear()) == (b"", True)
        await talk.end()


async def test_a_client_that_hangs_up_is_recorded(worker: Worker) -> None:
    request_id = str(uuid.uuid4())
    async with worker.channel() as channel:
        talk = Conversation(channel)
        await send_request(talk, worker, request_id)
        await talk.end()  # Envoy closes the stream without an end
        async with asyncio.timeout(20):
            while True:
                record = await worker.ledger.usage(worker.shard, worker.key_id, request_id)
                if record is not None:
                    break
                await asyncio.sleep(0.01)
    assert (record.outcome.value, record.status) == ("abandoned", 499)


async def test_a_refusal_needs_no_body(worker: Worker) -> None:
    async with worker.channel() as channel:
        talk = Conversation(channel)
        await talk.say(asked(None, "r"))
        answer = (await talk.hear()).immediate_response
        assert answer is not None and answer.status is not None
        assert int(answer.status.code) == 401
        await talk.end()


async def test_health_is_served(worker: Worker) -> None:
    async with worker.channel() as channel:
        answer = await HealthStub(channel).Check(HealthCheckRequest())
    assert answer.status == HealthCheckResponse.SERVING
