"""What keys, limits and money cost: admission and settlement, the writer, and a million records.

The first two figures are of this process on a Redis of its own: CPU time of the client side, and
round trips as Redis counts its scripts. The share of the whole exchange is measured in the stack,
with a prepaid customer and every kind of limit, beside the floor in the same rounds.
"""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import figures, gauges
from bench.answers import CHAT_PLAIN
from bench.report import (
    DRAINED,
    POLICY,
    ROUND_TRIPS,
    SUMMED_US,
    Figure,
    Section,
    judged,
)
from bench.rounds import Form, Load, Round, taking_turns
from bench.stack import POLL_S, NotReady, Stack, Subject
from cli.child import Child
from cli.readiness import redis_answers
from ledger.embedded import redis_command, redis_url
from ledger.ledger import Ledger
from ledger.model import (
    Account,
    AccountMode,
    AdmissionRequest,
    KeyFacts,
    Limit,
    LimitKind,
    Outcome,
    Settlement,
    UsageRecord,
    Verdict,
)
from ledger.records import encode_record
from ledger.schema import SUMS
from ledger.usage_sums import DAY_MS, Dimension

COLUMNS = ("measured",)
WARM_UP = 200  # settlements before any is measured: scripts are loaded, memories are warm
TOGETHER = 32  # requests under way at once, as in a worker
_LOOK_S = 0.5
_DAY_MS = 20_400 * DAY_MS
_SHARD = "3"
_LIMITS = tuple(
    Limit(scope, kind, 10**9)
    for scope in ("key:key_bench", "customer:cus_bench")
    for kind in (LimitKind.REQUESTS, LimitKind.TOKENS, LimitKind.CONCURRENCY, LimitKind.SPEND_DAY)
)


async def measure(
    load: Load, made: Stack, sides: tuple[Subject, Subject], form: Form, records: int
) -> tuple[Section, list[Round]]:
    """`sides`: floor, and the gateway with a prepaid customer under limits. `records` is how many
    are drained; fifty times as many are summed."""
    floor, gateway = sides
    rounds = await taking_turns(load, sides, CHAT_PLAIN, form)
    rows = [_share(rounds[floor.name], rounds[gateway.name])]
    directory = made.directory / "policy"
    redis_at, sql = redis_url(directory / "redis"), f"sqlite+aiosqlite:///{directory / 'books.db'}"
    ready = redis_answers(Path(redis_at.removeprefix("unix://")))
    await made.start("policy-redis", redis_command(directory / "redis"), ready)
    ledger = await Ledger.open(redis_at, sql, migrate=True)
    try:
        await _prepare(ledger)
        writer = await _stopped_writer(made, ledger, (redis_at, sql))
        rows += await _scripts(ledger, records)
        rows.append(await _drained(ledger, writer, records))
        await writer.stop(10)
        rows.append(await _summed(ledger, directory / "books.db", records * 50))
    finally:
        await ledger.close()
    notes = [
        "The policy's share is the workers' Python of a plain exchange, less the floor's, over the "
        "floor's: with a prepaid customer and limits of requests, tokens, concurrency and spending "
        "on the key and on the customer.",
        f"{records:,} settlements are drained from Redis by `python -m ledger.writer` into SQLite; "
        "the figure is for a second of its CPU time, from the moment that it may begin.",
        f"The sums are those of `/v1/usage?group_by=day,model` over {records * 50:,} records.",
    ]
    seen = [one for side in rounds.values() for one in side]
    return Section("Policy: keys, limits and money", COLUMNS, rows, "", notes), seen


def _share(floor: Sequence[Round], gateway: Sequence[Round]) -> Figure:
    mine, theirs = ([one.cost_us("worker") for one in side] for side in (gateway, floor))
    quotients = figures.quotients(mine, theirs)
    share = figures.median(quotients) - 1 if quotients else None
    values: dict[str, float | None] = {"measured": figures.median(mine) - figures.median(theirs)}
    return judged("the whole policy, over the floor", "us", values, POLICY, ratio=share)


# ------------------------------------------------------------------ admission and settlement


async def _prepare(ledger: Ledger) -> None:
    hot = ledger.hot
    await hot.put_key(_SHARD, "hash", KeyFacts("key_bench", "cus_bench", "bench"))
    await hot.set_account(_SHARD, "cus_bench", Account(AccountMode.PREPAID, 10**12))
    await _settle_many(ledger, WARM_UP)


async def _scripts(ledger: Ledger, count: int) -> list[Figure]:
    before = await _scripts_run(ledger)
    began_s = time.process_time()
    await _settle_many(ledger, count)
    spent_us = (time.process_time() - began_s) / count * 1e6
    trips = (await _scripts_run(ledger) - before) / count
    return [
        Figure("admission and settlement: Python", "us", {"measured": spent_us}),
        judged("their round trips", "count", {"measured": trips}, ROUND_TRIPS, value=trips),
    ]


async def _settle_many(ledger: Ledger, count: int) -> None:
    numbers = iter(range(count))
    lot = f"{time.monotonic_ns():x}"

    async def some() -> None:
        for number in numbers:
            await _one(ledger, f"{lot}-{number}")

    await asyncio.gather(*(some() for _ in range(TOGETHER)))


async def _one(ledger: Ledger, request_id: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    record = _record(request_id, now_ms)
    asked = AdmissionRequest(
        request_id=request_id,
        shard=_SHARD,
        key_hash="hash",
        worker_id="w",
        attempt=1,
        now_ms=now_ms,
        lease_ms=30_000,
        note=encode_record(record),
        hold_micro=1_000,
        hold_tokens=500,
        limits=_LIMITS,
        min_hold_micro=1,
        customer_id="cus_bench",
    )
    admitted = await ledger.hot.admit(asked)
    assert admitted.verdict is Verdict.ADMITTED, admitted.verdict
    await ledger.hot.settle(Settlement(_SHARD, record, "w"))


def _record(request_id: str, now_ms: int) -> UsageRecord:
    return UsageRecord(
        request_id=request_id,
        key_id="key_bench",
        customer_id="cus_bench",
        protocol="openai_chat",
        endpoint="chat",
        model="bench-model",
        upstream="openai",
        account="openai",
        upstream_model="bench-model",
        upstream_request_id="req_upstream",
        status=200,
        outcome=Outcome.COMPLETED,
        finish="stop",
        streamed=False,
        attempts=1,
        started_at_ms=now_ms,
        latency_ms=20,
        ttft_ms=10,
        input_tokens=120,
        output_tokens=80,
        cost_micro=600,
        price_source="bench",
    )


async def _scripts_run(ledger: Ledger) -> int:
    told = (await ledger.hot.wire.call("INFO", "commandstats")).decode()
    return sum(
        int(line.partition("calls=")[2].partition(",")[0])
        for line in told.splitlines()
        if line.startswith(("cmdstat_evalsha:", "cmdstat_eval:"))
    )


# ------------------------------------------------------------------ the writer, and sums


async def _stopped_writer(made: Stack, ledger: Ledger, stores: tuple[str, str]) -> Child:
    """It has written the records of the warm-up and compared the stores, and finds the next records
    when it may go on: what starting it costs is not in the figure."""
    argv = (sys.executable, "-m", "ledger.writer", "--redis", stores[0], "--sql", stores[1])
    writer = await made.start("policy-writer", (*argv, "--consumer", "bench"))
    await _written(ledger, writer, WARM_UP)
    await _compared(writer)
    os.kill(writer.pid, signal.SIGSTOP)
    return writer


async def _compared(writer: Child) -> None:
    """Raises NotReady when the writer ends before it has."""
    while not any("redis_made_true" in line for line in tuple(writer.lines.last)):
        await _wait(writer, POLL_S)


async def _drained(ledger: Ledger, writer: Child, count: int) -> Figure:
    before_us = _cpu_us(writer)
    os.kill(writer.pid, signal.SIGCONT)
    await _written(ledger, writer, WARM_UP + count)
    rate = count / ((_cpu_us(writer) - before_us) / 1e6)
    return judged("records drained in a second", "per_s", {"measured": rate}, DRAINED, value=rate)


async def _written(ledger: Ledger, writer: Child, count: int) -> None:
    """Looked at seldom: to count the rows takes a core that the writer's Redis needs. Raises
    NotReady when the writer ends before it has."""
    while await ledger.record.usage_count() < count:
        await _wait(writer, _LOOK_S)


async def _wait(writer: Child, pause_s: float) -> None:
    if not writer.running:
        raise NotReady("policy-writer: " + " | ".join(writer.lines.last))
    await asyncio.sleep(pause_s)


def _cpu_us(process: Child) -> float:
    return gauges.cpu_us({"it": [process.pid]})["it"]


async def _summed(ledger: Ledger, path: Path, count: int) -> Figure:
    await asyncio.to_thread(_fill, path, count)
    took: list[float] = []
    for _ in range(5):
        began_s = time.perf_counter()
        found = await ledger.record.usage_sums(
            _DAY_MS + 1, _DAY_MS + 90 * DAY_MS, (Dimension.DAY, Dimension.MODEL)
        )
        took.append(time.perf_counter() - began_s)
    assert sum(one.requests for one in found) > count * 0.98, "all of them were summed"
    value = figures.median(took) * 1e6
    return judged("all records by day and model", "us", {"measured": value}, SUMMED_US, value=value)


def _fill(path: Path, count: int) -> None:
    """A record that the writer wrote, so many times, over ninety days and twenty models; and the
    daily sums, as the writer keeps them."""
    own = {
        "request_id": "'many-' || n",
        "model": "'model-' || (n % 20)",
        "started_at_ms": f"{_DAY_MS} + n * {90 * DAY_MS // count}",
        "summed": "1",
    }
    with sqlite3.connect(path, timeout=60) as books:
        one = books.execute("SELECT request_id FROM usage LIMIT 1").fetchone()[0]
        names = [row[1] for row in books.execute("PRAGMA table_info(usage)")]
        shown = ", ".join(own.get(name, name) for name in names)
        books.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers "
            f"WHERE n < {count - 1}) INSERT INTO usage ({', '.join(names)}) "
            f"SELECT {shown} FROM numbers, (SELECT * FROM usage WHERE request_id = ?)",
            (one,),
        )
        sums = [name for name in SUMS if name not in ("requests", "failures")]
        books.execute(
            f"INSERT INTO usage_days (day_ms, customer_id, key_id, model, requests, failures, "
            f"{', '.join(sums)}) SELECT started_at_ms / {DAY_MS} * {DAY_MS}, customer_id, key_id, "
            f"model, count(*), 0, {', '.join(f'coalesce(sum({name}), 0)' for name in sums)} "
            "FROM usage WHERE request_id LIKE 'many-%' GROUP BY 1, 2, 3, 4"
        )
