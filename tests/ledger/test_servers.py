"""The scripts on every Redis that is here, alone and as a cluster, with the keys they declare.

The embedded Redis is always here; a `redis-server` or `valkey-server` in PATH is tried as well.
"""

import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from ledger.cooldowns import Ceiling, Evidence, Reservation
from ledger.embedded import redis_binary
from ledger.errors import StoreRefused
from ledger.model import Account, AccountMode, Attempt, Limit, LimitKind
from ledger.store.hot import SCRIPTS, HotStore
from ledger.store.keepsakes import DROP, KEEP
from ledger.store.tries import Tries
from ledger.store.upstreams import Upstreams
from ledger.store.wire import Script
from tests.ledger.conftest import RedisServer, answers, until
from tests.ledger.samples import FACTS, HANDLE, KEY_HASH, SHARD
from tests.ledger.stories import CUSTOMER, Story, micro

BINARIES = {
    "embedded": redis_binary(),
    **{name: found for name in ("redis-server", "valkey-server") if (found := shutil.which(name))},
}

LIMITS = (
    Limit("key:key_1", LimitKind.REQUESTS, 3),
    Limit("key:key_1", LimitKind.TOKENS, 1000),
    Limit("group:fast:key_1", LimitKind.CONCURRENCY, 2),
    Limit(f"customer:{CUSTOMER}", LimitKind.SPEND_WEEK, micro("6")),
)

# Every script, every branch that touches a key: takeover by an attempt with other limits included.
MONEY = """
at        what happens           answer           credit  allowance  held
12:00:00  entry 1: credit 5      applied          5       0          0
12:00:00  entry 1: credit 5      already          5       0          0
12:00:00  turn 1: 2 until 03-09  turned: 0 ended  5       2          0
"""
FIRST_LIMITS = """
at        what happens           answer
12:00:00  a asks 4 tokens 600    granted 4 | 2 (20 s) | 400 (36 s) | 1 | 2 (156 h)
12:00:00  b asks 4 tokens 600    over key tokens: 12 s | 2 (20 s) | 400 (36 s) | 1 | 2 (156 h)
12:00:00  b asks 4 tokens 100    granted 2 | 1 (40 s) | 300 (42 s) | 0 | 0 (156 h)
12:00:10  a metered 1            renewed
12:00:10  w1 dies                a lost: 1 allowance, b lost: free
12:00:20  c asks 9 at least 8    insufficient: 6 | 2 (20 s) | 1000 | 2 | 5 (155:59:40)
12:00:20  c asks 3 tokens 500    granted 3 | 1 (40 s) | 500 (30 s) | 1 | 2 (155:59:40)
"""
OTHER_LIMITS = """
at        what happens           answer
12:00:20  c asks 9 try 2         granted 3 | 1 (40 s) | 500 (30 s) | 1 | 2 (155:59:40)
12:00:20  turn 2: 0 until never  turned: 1 ended
12:00:25  c metered 1            renewed
12:00:30  c costs 2.5 tokens 10  settled: 2.5 credit
12:00:30  c costs 2.5 tokens 10  already
"""
END = """
at        what happens           answer           credit  allowance  held
12:00:30  sweep                  nothing          2.5     0          0
"""


def free_port() -> int:
    """Low enough that the cluster's bus, 10,000 above, has a port as well."""
    while True:
        with socket.socket() as tried:
            tried.bind(("127.0.0.1", 0))
            port: int = tried.getsockname()[1]
        if port < 55_000:
            return port


@pytest.fixture(scope="module", params=[*BINARIES, *(f"{name} cluster" for name in BINARIES)])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    name, _, cluster = request.param.partition(" ")
    options = ("--port", str(free_port()), "--cluster-enabled", "yes") if cluster else ()
    started = RedisServer(tmp_path_factory.mktemp("server"), *options)
    started._command[0] = BINARIES[name]
    started.start()
    yield started
    started.stop()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[HotStore]:
    opened = HotStore.connect(server.url)
    await opened.ping()
    info: bytes = await opened.wire.call("INFO", "cluster")
    if b"cluster_enabled:1" in info:
        try:
            await opened.wire.call("CLUSTER", "ADDSLOTS", *range(16_384))
        except StoreRefused as error:
            assert "already busy" in str(error)
        await until(lambda: is_whole(opened))
    await opened.wire.call("FLUSHALL")
    yield opened
    await opened.close()


async def is_whole(store: HotStore) -> bool:
    info: bytes = await store.wire.call("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and await answers(store)


async def tell_everything(store: HotStore) -> None:
    assert await store.put_key(SHARD, KEY_HASH, FACTS)
    assert await store.key_facts(HANDLE) == FACTS
    assert await store.set_account(SHARD, CUSTOMER, Account(AccountMode.PREPAID))
    story = Story(store, LIMITS)
    await story.tell(MONEY)
    await story.tell(FIRST_LIMITS)
    story = story.with_limits(LIMITS[1:2])
    await story.tell(OTHER_LIMITS)
    await story.tell(END)


async def tell_of_upstreams(store: HotStore) -> None:
    upstreams, now = Upstreams(store.wire), 1_700_000_000_000
    evidence = Evidence("acme", "gpt", "rate_limited", 429, True, start_ms=1_000, most_ms=8_000)
    await upstreams.rest(evidence, now)
    await upstreams.recovered("acme", "gpt", now + 1_000)
    ceiling = Ceiling(requests=9, tokens=999, concurrency=9)
    place = Reservation("acme", "gpt", "req/1", ceiling, 5, True, now + 30_000)
    assert (await upstreams.reserve(place, now + 1_000)).granted
    await upstreams.release(place, 7, now + 1_001)
    failed = Attempt("acme", "acme", 500, "upstream", 5)
    assert not await Tries(store.wire).note(SHARD, "nobody", "w", 1, failed)


async def test_a_story_ends_the_same_on_every_redis(store: HotStore) -> None:
    await tell_everything(store)
    names = await store.wire.call("KEYS", "*")
    assert all(name.startswith(b"{s7}:") for name in names)
    kinds = {name.split(b":")[1].decode() for name in names}
    assert kinds == {"acct", "entry", "key", "spend", "stream", "tat", "turn", "usage"}


GUARD = """
local _declared = {}
for _, key in ipairs(KEYS) do _declared[key] = true end
local _redis = redis
local redis = {call = function(command, key, ...)
  if not _declared[key] then error('undeclared key ' .. tostring(key)) end
  return _redis.call(command, key, ...)
end}
"""


async def test_no_script_touches_a_key_that_it_does_not_declare(
    store: HotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster, or a proxy before one, may send a script where its declared keys are."""
    run = store.wire.run
    guarded: set[str] = set()

    async def run_guarded(script: Script, keys: tuple[str, ...], *arguments: str) -> object:
        guarded.add(script.sha)
        return await run(replace(script, text=GUARD + script.text, sha="0" * 40), keys, *arguments)

    monkeypatch.setattr(store.wire, "run", run_guarded)
    await tell_everything(store)
    await tell_of_upstreams(store)
    assert guarded == {script.sha for script in SCRIPTS if script not in (KEEP, DROP)}
