"""The embedded Redis and what its users may rely on: files, sockets, errors, hash slots."""

import inspect
import socket
import stat
from pathlib import Path

import pytest

from ledger import errors
from ledger.embedded import (
    MAX_SOCKET_PATH,
    append_only_files,
    redis_binary,
    redis_command,
    redis_url,
    sync,
)
from ledger.model import Settled, Verdict
from ledger.records import decode_record
from ledger.store import replay as replay_module
from ledger.store.address import parse_address
from ledger.store.hot import HotStore
from ledger.store.replay import Replay
from ledger.store.streams import Streams
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, until
from tests.ledger.samples import (
    FACTS,
    HANDLE,
    KEY_HASH,
    LEASE_MS,
    NOW_MS,
    SHARD,
    attempt_of,
    settlement_of,
)


def test_there_is_a_redis_server() -> None:
    assert Path(redis_binary()).name == "redis-server"


def test_a_long_directory_gets_a_short_socket_that_is_always_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    path = parse_address(redis_url(deep)).path
    assert path is not None
    assert len(path) <= MAX_SOCKET_PATH
    assert path in redis_command(deep)
    assert redis_url(str(deep)) == redis_url(deep) != redis_url(tmp_path)


async def test_it_listens_on_its_socket_only_and_for_its_user_only(own_redis: RedisServer) -> None:
    store = HotStore.connect(own_redis.url)
    for name, value in ((b"port", b"0"), (b"save", b""), (b"appendonly", b"yes")):
        assert await store.wire.call("CONFIG", "GET", name) == [name, value]
    path = parse_address(own_redis.url).path
    assert path is not None
    mode = Path(path).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o700
    await store.close()


async def test_killing_it_loses_nothing_that_was_answered(own_redis: RedisServer) -> None:
    store = HotStore.connect(own_redis.url)
    await store.put_key(SHARD, KEY_HASH, FACTS)
    for number in range(200):
        await store.admit(attempt_of(f"req_{number}"))
        if number % 2:
            await store.settle(settlement_of(f"req_{number}"))
    own_redis.kill()
    own_redis.start()
    assert await store.key_facts(HANDLE) == FACTS
    assert len(await store.lapsed(NOW_MS + LEASE_MS)) == 100
    assert await store.wire.call("XLEN", f"{{s{SHARD}}}:stream") == 100
    assert await store.settle(settlement_of("req_1")) is Settled.ALREADY
    await store.close()


async def test_what_redis_forgot_is_settled_again_once(
    own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its file is cut off while it is down, as after a power cut."""
    monkeypatch.setattr(replay_module, "KEPT_S", 600.0)  # however slow this machine is
    store = HotStore.connect(own_redis.url, timeouts=Timeouts(patience_ms=10_000))
    await store.put_key(SHARD, KEY_HASH, FACTS)
    [file] = append_only_files(tmp_path / "redis")
    kept = 0
    for number in range(10):
        await store.admit(attempt_of(f"req_{number}"))
        await store.settle(settlement_of(f"req_{number}"))
        kept = file.stat().st_size if number == 4 else kept
    own_redis.kill()
    assert file.stat().st_size > kept > 0
    with file.open("rb+") as opened:
        opened.truncate(kept)
    own_redis.start()
    await store.ping()

    async def all_there() -> bool:
        return int(await store.wire.call("XLEN", f"{{s{SHARD}}}:stream")) >= 10

    await until(all_there)
    assert await store.settle(settlement_of("req_9")) is Settled.ALREADY
    entries = await store.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    found = sorted(decode_record(fields[1]).request_id for _, fields in entries)
    assert found == [f"req_{number}" for number in range(10)]
    await store.close()


def test_only_what_may_be_lost_is_kept() -> None:
    replay: Replay[str] = Replay()
    for at_s in range(20):
        replay.keep(f"at {at_s}", float(at_s))
    assert replay.since(21.0) == ["at 16", "at 17", "at 18", "at 19"]
    assert replay.since(19.0) == ["at 14", "at 15", "at 16", "at 17", "at 18", "at 19"]
    assert replay.since(30.0) == []


async def test_the_writer_finds_and_syncs_the_file_of_the_embedded_redis_only(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    streams = Streams(own_redis.url, "w", 10)
    directory = await streams.unsynced_directory()
    assert directory == tmp_path / "redis"
    assert sync(directory) == 1
    assert sync(tmp_path) == 0
    hot = HotStore.connect(own_redis.url)
    await hot.wire.call("CONFIG", "SET", "appendfsync", "everysec")
    assert await streams.unsynced_directory() is None
    elsewhere = Streams("redis://127.0.0.1:9", "w", 10)
    assert await elsewhere.unsynced_directory() is None
    await streams.close()
    await elsewhere.close()
    await hot.close()


async def test_every_script_stays_within_one_slot_of_a_redis_cluster(tmp_path: Path) -> None:
    """A server in cluster mode refuses a script whose keys are in different slots."""
    port = str(free_port(below=55_536))  # the nodes' own port is 10,000 higher
    server = RedisServer(tmp_path / "redis", "--cluster-enabled", "yes", "--port", port)
    server.start()
    store = HotStore.connect(server.url)
    for first in range(0, 16384, 1024):
        await store.wire.call("CLUSTER", "ADDSLOTS", *range(first, first + 1024))

    async def serving() -> bool:
        return b"cluster_state:ok" in await store.wire.call("CLUSTER", "INFO")

    await until(serving)
    assert await store.put_key(SHARD, KEY_HASH, FACTS)
    assert (await store.admit(attempt_of("req_1"))).verdict is Verdict.ADMITTED
    assert (await store.admit(attempt_of("req_2"))).verdict is Verdict.ADMITTED
    assert await store.renew("req_1", SHARD, "w0", NOW_MS, LEASE_MS, b"{}")
    assert await store.settle(settlement_of("req_1")) is Settled.SETTLED
    assert await store.expire(NOW_MS + LEASE_MS) == 1
    assert await store.drop_key(SHARD, KEY_HASH, 2)
    await store.close()
    server.stop()


def free_port(below: int) -> int:
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        if port < below:
            return port


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    classes = [one for one in vars(errors).values() if inspect.isclass(one)]
    names = [one.__name__ for one in classes if one is not errors.LedgerError]
    drawn = inspect.getdoc(errors) or ""
    tree = [line.split()[-1] for line in drawn.splitlines() if "──" in line]
    assert tree == names
    assert all(one.__bases__ == (errors.LedgerError,) for one in classes[1:])


def test_an_error_says_by_itself_what_to_do() -> None:
    assert str(errors.BadUrl()) == errors.BadUrl.__doc__
    assert str(errors.BadUrl("other")) == "other"
