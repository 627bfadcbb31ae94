"""When open exchanges tell Redis what they metered: never more than two seconds behind."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from extproc.driver import Driver
from extproc.exchange.events import ResponseBody, ResponseHeaders
from extproc.signs import LOOK_MS, TOGETHER, Signs
from extproc.stores import Stores
from extproc.telemetry import Telemetry
from ledger.model import UsageRecord
from tests.extproc.world import CHAT, DONE, START_MS, Play, chunk, world
from tests.ledger.conftest import until

LEASE_MS = 30_000
STREAM = ResponseHeaders({":status": "200", "content-type": "text/event-stream"}, False)


class Watched:
    """One exchange, looked at every LOOK_MS beginning `phase_ms` after it did."""

    def __init__(self, path: str = "/v1/chat/completions", phase_ms: int = 0) -> None:
        self.play = Play()
        self.play.request(path, CHAT | {"stream": True})
        self.signs = Signs()
        self.told: list[int] = []  # when, after the beginning
        self.noted = 0  # tokens in the last note
        self._look_ms = START_MS + phase_ms

    def wait(self, duration_ms: int, produced: Callable[[int], bytes] = lambda _: b"") -> None:
        """`produced` says what comes at each millisecond."""
        for _ in range(duration_ms):
            self.play.now_ms += 1
            if data := produced(self.play.now_ms - START_MS):
                self.play.tell(ResponseBody(data, False))
            if self.play.now_ms >= self._look_ms:
                self._look_ms += LOOK_MS
                self._look(self.play.now_ms)

    def _look(self, now_ms: int) -> None:
        for exchange in self.signs.due({1: self.play.exchange}, LEASE_MS, now_ms):
            self.told.append(now_ms - START_MS)
            self.noted = exchange.so_far(now_ms).output_tokens or 0


def word_every_50_ms(now_ms: int) -> bytes:
    return b"" if now_ms % 50 else chunk("word")


@pytest.mark.parametrize("phase_ms", range(0, LOOK_MS, 99))
def test_what_a_stream_produced_is_never_told_more_than_two_seconds_late(phase_ms: int) -> None:
    watched = Watched(phase_ms=phase_ms)
    watched.play.tell(STREAM)
    produced: list[int] = []  # tokens by now, of each millisecond
    for _ in range(9_000):
        watched.wait(1, word_every_50_ms)
        produced.append(watched.play.exchange.so_far(watched.play.now_ms).output_tokens or 0)
        two_seconds_ago = produced[-2_000] if len(produced) >= 2_000 else 0
        assert watched.noted >= two_seconds_ago
    assert produced[-1] == 180
    assert len(watched.told) <= 6, "every second and a half is often enough"


def test_who_waits_for_his_upstream_only_keeps_his_lease() -> None:
    watched = Watched()
    watched.wait(45_000)
    assert [at // 1000 for at in watched.told] == [10, 20, 30, 40]


def test_what_comes_after_a_pause_is_told_at_once_and_nothing_twice() -> None:
    watched = Watched()
    watched.play.tell(STREAM)
    watched.wait(3_000, lambda now: chunk("word") if now == 10 else b"")
    assert len(watched.told) == 1, "nothing new came since"
    watched.wait(3_100, lambda now: chunk("word") if now == 6_010 else b"")
    assert watched.told[1:] == []
    watched.wait(LOOK_MS)
    assert len(watched.told) == 2 and watched.noted == 2


def test_whoever_is_done_says_nothing() -> None:
    watched = Watched()
    watched.play.tell(STREAM)
    watched.wait(1_000, word_every_50_ms)
    watched.play.tell(ResponseBody(DONE, False))
    watched.wait(20_000)
    assert watched.told == []


# -- the driver's part


@dataclass
class Paper:
    """Redis on paper: a sign is answered when so many wait for it."""

    wanted: int
    told: list[UsageRecord] = field(default_factory=list)
    held: bool = True  # whether the lease is still the worker's
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def renew(
        self, shard: str, worker_id: str, record: UsageRecord, now_ms: int, lease_ms: int
    ) -> bool:
        self.told.append(record)
        if len(self.told) >= self.wanted:
            self.enough.set()
        await self.enough.wait()
        return self.held

    async def have(self, number: int) -> None:
        async def told() -> bool:
            return len(self.told) >= number

        await until(told)


class Silent:
    """Envoy's side of a stream: nobody hears."""

    async def read(self) -> bytes | None:
        return None

    def wake(self) -> None:
        raise AssertionError("nobody waits here")

    async def write(self, data: bytes) -> None:
        raise AssertionError("nothing is written here")

    async def nudge(self, data: bytes) -> bool:
        return False


def streaming() -> Play:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"stream": True})
    play.tell(STREAM)
    play.tell(ResponseBody(chunk("word"), False))
    return play


async def test_signs_are_given_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip for each would keep the last one waiting for long. Who ended meanwhile is left
    out."""
    stores = Paper(TOGETHER)
    driver = Driver(cast(Stores, stores), Telemetry(), world(), lambda: "id")
    plays = [streaming() for _ in range(TOGETHER + 2)]
    driver._open |= {number: (play.exchange, Silent()) for number, play in enumerate(plays)}
    monkeypatch.setattr("extproc.signs.FRESH_MS", 0)
    tending = asyncio.create_task(driver.tend(1))
    await asyncio.wait_for(stores.enough.wait(), 20)
    plays[-1].tell(ResponseBody(DONE, False))
    await stores.have(TOGETHER + 1)
    plays[0].tell(ResponseBody(chunk("word"), False))
    await stores.have(TOGETHER + 2)
    tending.cancel()
    assert [record.output_tokens for record in stores.told] == [1] * (TOGETHER + 1) + [2]


async def test_an_answer_whose_lease_is_gone_goes_on_and_is_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores, telemetry = Paper(1, held=False), Telemetry()
    driver = Driver(cast(Stores, stores), telemetry, world(), lambda: "id")
    play = streaming()
    driver._open[0] = play.exchange, Silent()
    monkeypatch.setattr("extproc.signs.FRESH_MS", 0)
    tending = asyncio.create_task(driver.tend(1))
    for number in range(1, 4):
        await stores.have(number)
        play.tell(ResponseBody(chunk("word"), False))
    tending.cancel()
    assert telemetry.registry.get_sample_value("clavis_leases_gone_total") == 1
    assert play.exchange.at_stake
