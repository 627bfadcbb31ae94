"""The driver with stores and a stream of paper: what it does in threads, and what it survives."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import orjson
import pytest
from envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    HttpBody,
    HttpHeaders,
    ProcessingRequest,
    ProcessingResponse,
)

from extproc.driver import Driver
from extproc.exchange.exchange import HEAVY_BYTES
from extproc.stores import Stores
from extproc.telemetry import Telemetry
from ledger.errors import StoreUnavailable
from ledger.keys import KeyHandle
from ledger.model import (
    Admission,
    AdmissionRequest,
    KeyFacts,
    Outcome,
    Settlement,
    UsageRecord,
    Verdict,
)
from tests.extproc.test_translated import MESSAGES
from tests.extproc.world import ANSWER, FACTS, headers, world
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded
from translators.canonical.request import Request


@dataclass
class Paper:
    """Stores that only write down. `forgetful`: what is kept of an answer cannot be written."""

    forgetful: bool = False
    records: list[UsageRecord] = field(default_factory=list)

    async def key_facts(self, handle: KeyHandle, now_ms: int, *, fresh: bool = False) -> KeyFacts:
        return FACTS

    async def admit(self, request: AdmissionRequest) -> Admission:
        return Admission(Verdict.ADMITTED, FACTS, granted_micro=request.hold_micro)

    async def settle(
        self, settlement: Settlement, pin: object, kept: Mapping[tuple[str, str], bytes]
    ) -> None:
        self.records.append(settlement.record)
        if kept and self.forgetful:
            raise StoreUnavailable("away")


@dataclass
class Script:
    """Envoy's side: says these, then waits until it is closed."""

    said: list[ProcessingRequest]
    heard: list[ProcessingResponse] = field(default_factory=list)

    async def read(self) -> bytes | None:
        return self.said.pop(0).SerializeToString() if self.said else None

    async def write(self, data: bytes) -> None:
        self.heard.append(ProcessingResponse.FromString(data))

    def wake(self) -> None:
        """Nobody waits here."""

    async def nudge(self, data: bytes) -> bool:
        return False


def heads(named: dict[str, str]) -> HttpHeaders:
    listed = [HeaderValue(key=name, raw_value=value.encode()) for name, value in named.items()]
    return HttpHeaders(headers=HeaderMap(headers=listed))


def script(path: str, asked: dict[str, Any]) -> Script:
    answered = {":status": "200", "content-type": "application/json"}
    return Script(
        [
            ProcessingRequest(request_headers=heads(headers(path))),
            ProcessingRequest(request_body=HttpBody(body=orjson.dumps(asked))),
            ProcessingRequest(response_headers=heads(answered)),
            ProcessingRequest(response_body=HttpBody(body=ANSWER, end_of_stream=True)),
        ]
    )


def driver(stores: Paper, encode: Any) -> Driver:
    """With `encode` before the request is written for a chat upstream."""
    known = world()
    chat = known.protocol("openai_chat")

    def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
        encode()
        return chat.encode_request(request, capabilities)

    changed = replace(chat, encode_request=encode_request)
    known = replace(known, protocols={**known.protocols, "openai_chat": changed})
    return Driver(cast(Stores, stores), Telemetry(), known, lambda: "id")


@pytest.mark.parametrize(("size", "thread"), [(10, "MainThread"), (HEAVY_BYTES, "heavy_0")])
async def test_a_large_body_is_translated_in_a_thread(size: int, thread: str) -> None:
    stores, seen = Paper(), list[str]()
    asked = MESSAGES | {"messages": [{"role": "user", "content": "x" * size}]}
    play = script("/v1/messages", asked)
    await driver(stores, lambda: seen.append(threading.current_thread().name)).run(play)
    assert seen == [thread]
    (record,) = stores.records
    assert record.outcome is Outcome.COMPLETED
    assert play.heard[-1].response_body.response.body_mutation.streamed_response.end_of_stream


async def test_a_cancelled_exchange_is_not_touched_before_its_thread_is_done() -> None:
    """The server takes no more part in it after its grace; the lease lapses as it would anyway."""
    stores, begun, go_on = Paper(), threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go_on.wait(10)

    asked = MESSAGES | {"messages": [{"role": "user", "content": "x" * HEAVY_BYTES}]}
    running = asyncio.create_task(driver(stores, wait).run(script("/v1/messages", asked)))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    await asyncio.sleep(0.05)
    assert not running.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stores.records == [], "it had not been admitted"


async def test_an_answer_is_whole_and_settled_where_it_cannot_be_kept() -> None:
    stores = Paper(forgetful=True)
    play = script("/v1/responses", {"model": "chatty", "input": "hello"})
    await driver(stores, lambda: None).run(play)
    (record,) = stores.records
    assert record.outcome is Outcome.COMPLETED
    assert play.heard[-1].response_body.response.body_mutation.streamed_response.end_of_stream
