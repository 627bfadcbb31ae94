"""Migrations: from nothing, again, by several at once, and to just what the schema says."""

import asyncio
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text

from ledger import migrations
from ledger.errors import StoreRefused
from ledger.model import AccountMode, Outcome, UsageRecord, UsageSource
from ledger.schema import metadata
from ledger.store.engine import make_engine
from ledger.store.record import Record
from ledger.usage_sums import UsageSum
from tests.ledger.samples import NOW_MS, RECORD

PROCESSES = 3


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_is_the_one_that_the_code_uses(sql_url: str) -> None:
    await migrations.upgrade(sql_url)
    engine = make_engine(sql_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrating_again_changes_nothing(sql_url: str) -> None:
    record = Record.connect(sql_url)
    await record.migrate()
    await record.add_usage([RECORD])
    await record.migrate()
    assert await record.usage("req_1", "key_1") == RECORD
    await record.close()


async def test_many_at_once_in_one_process_migrate_once(sql_url: str) -> None:
    await asyncio.gather(*(migrations.upgrade(sql_url) for _ in range(PROCESSES)))
    assert await revisions(sql_url) == [migrations.head()]


async def test_processes_at_once_migrate_once(sql_url: str) -> None:
    """Each is a process of its own that finds either nothing or everything."""
    code = "import asyncio,sys; from ledger import migrations;"
    code += "asyncio.run(migrations.upgrade(sys.argv[1]))"
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", code, sql_url), stderr=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    ends = await asyncio.gather(*(process.communicate() for process in processes))
    assert [end[1] for end in ends] == [b""] * PROCESSES
    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert await revisions(sql_url) == [migrations.head()]


async def test_sqlite_keeps_its_log_beside_the_file_and_syncs_every_commit(
    sqlite_url: str,
) -> None:
    record = Record.connect(sqlite_url)
    await record.migrate()
    await record.close()
    engine = make_engine(sqlite_url)
    async with engine.connect() as connection:
        assert await pragma(connection.run_sync, "journal_mode") == "wal"
        assert await pragma(connection.run_sync, "synchronous") == 2
        assert await pragma(connection.run_sync, "foreign_keys") == 1
    await engine.dispose()


async def test_a_database_that_was_never_migrated_says_so(sql_url: str) -> None:
    await make_empty(sql_url)
    record = Record.connect(sql_url)
    with pytest.raises(StoreRefused, match="migrations"):
        await record.create_customer("acme", NOW_MS)
    await record.close()


async def test_a_file_that_is_no_database_is_left_alone(sqlite_url: str) -> None:
    path = Path(str(make_url(sqlite_url).database))
    path.write_bytes(b"precious notes, not a database at all" * 100)
    with pytest.raises(StoreRefused):
        await migrations.upgrade(sqlite_url)
    assert path.read_bytes() == b"precious notes, not a database at all" * 100


# Rows as version 0001 wrote them.
ROWS_0001 = (
    """INSERT INTO customers (id, name, shard, created_at_ms) VALUES ('cus_1', 'acme', '7', 1)""",
    """INSERT INTO keys (id, customer_id, name, hint, shard, key_hash, groups, models, endpoints,
    networks, disabled, version, published_version, created_at_ms, updated_at_ms)
    VALUES ('key_1', 'cus_1', 'ci', 'sk-…abcd', '7', 'hash_1', '["gold"]', '[]', '[]', '[]', true,
    3, 3, 1, 2)""",
    """INSERT INTO usage (request_id, key_id, customer_id, protocol, endpoint, model, upstream,
    status, outcome, finish, streamed, attempts, started_at_ms, latency_ms, output_tokens,
    usage_source, losses)
    VALUES ('req_0', 'key_1', 'cus_1', 'anthropic', 'messages', 'claude', 'anthropic', 200,
    'completed', 'stop', true, 1, 5, 6, 7, 'upstream', '["seed=dropped"]')""",
)


# And what version 0002 added.
ROWS_0002 = (
    *ROWS_0001,
    """UPDATE usage SET cost_micro = 9, upstream_protocol = 'anthropic'""",
    """INSERT INTO keys (id, customer_id, name, hint, shard, key_hash, groups, models, endpoints,
    networks, disabled, version, published_version, created_at_ms, updated_at_ms, strict)
    VALUES ('key_2', 'cus_1', 'exact', 'sk-…efgh', '7', 'hash_2', '[]', '[]', '[]', '[]', false,
    1, 1, 2, 2, true)""",
)


async def test_data_of_version_0002_comes_through_whole(sql_url: str) -> None:
    await migrations.upgrade(sql_url, "0002")
    await execute(sql_url, *ROWS_0002)
    record = Record.connect(sql_url)
    await record.migrate()
    old = await record.usage("req_0", "key_1")
    assert old is not None
    assert (old.cost_micro, old.upstream_protocol, old.losses) == (
        9,
        "anthropic",
        ("seed=dropped",),
    )
    assert (old.price_source, old.uncollected_micro, old.attempts_detail) == (None, 0, ())
    assert (old.charged_credit_micro, old.charged_allowance_micro) == (0, 0)
    [customer] = await record.customers()
    assert (customer.name, customer.mode, customer.limits) == ("acme", AccountMode.OPEN, ())
    assert await record.unpublished_accounts() == []
    assert [(key.id, key.strict, key.limits) for key in await record.keys()] == [
        ("key_1", False, ()),
        ("key_2", True, ()),
    ]
    [before] = await record.usage_sums(0, 86_400_000)
    assert (before.requests, before.cost_micro, before.output_tokens) == (1, 9, 7)
    assert await record.sum_older_usage() == 1
    assert await record.usage_sums(0, 86_400_000) == [before]
    assert await record.balances() == {}
    assert await record.add_usage([RECORD]) == 1
    await record.close()


async def test_a_process_of_version_0002_may_still_write(sql_url: str) -> None:
    """What it adds is charged nothing, and summed when a newer one comes by."""
    await migrations.upgrade(sql_url)
    await execute(sql_url, *ROWS_0002)
    record = Record.connect(sql_url)
    [sums] = await record.usage_sums(0, 86_400_000)
    assert sums.cost_micro == 9
    assert await record.sum_older_usage() == 1
    assert [c.mode for c in await record.customers()] == [AccountMode.OPEN]
    assert await record.unpublished_accounts() == []
    await record.close()


# And what version 0003 added, as its writer wrote it.
ROWS_0003 = (
    """INSERT INTO customers (id, name, shard, created_at_ms) VALUES ('cus_1', 'acme', '7', 1)""",
    """INSERT INTO usage (request_id, key_id, customer_id, protocol, endpoint, model, upstream,
    status, outcome, finish, streamed, attempts, started_at_ms, latency_ms, input_tokens,
    image_output_tokens, web_searches, cost_micro, usage_source, losses, price_source,
    charged_credit_micro, stream_id, summed)
    VALUES ('req_0', 'key_1', 'cus_1', 'openai_responses', 'images', 'gpt-image-1', 'openai', 200,
    'completed', NULL, false, 1, 5, 6, 373, 4160, 2, 168265, 'upstream', '[]', 'list #1', 168265,
    '1-1', true)""",
    """INSERT INTO usage_days (day_ms, customer_id, key_id, model, requests, failures, input_tokens,
    cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
    reasoning_tokens, image_output_tokens, web_searches, cost_micro, charged_credit_micro,
    charged_allowance_micro, uncollected_micro)
    VALUES (0, 'cus_1', 'key_1', 'gpt-image-1', 1, 0, 373, 0, 0, 0, 0, 0, 4160, 2, 168265, 168265,
    0, 0)""",
)


def media_of_0003(sums: UsageSum) -> tuple[int, ...]:
    """What version 0003 knew, and what it did not."""
    known = (sums.requests, sums.input_tokens, sums.image_output_tokens, sums.web_searches)
    new = (sums.image_input_tokens, sums.audio_input_tokens, sums.audio_output_tokens)
    return (*known, *new, sums.file_searches, sums.charged_credit_micro)


OF_0003 = (1, 373, 4160, 2, 0, 0, 0, 0, 168_265)


async def test_data_of_version_0003_comes_through_whole(sql_url: str) -> None:
    await migrations.upgrade(sql_url, "0003")
    await execute(sql_url, *ROWS_0003)
    record = Record.connect(sql_url)
    await record.migrate()
    old = await record.usage("req_0", "key_1")
    assert old is not None
    assert (old.input_tokens, old.image_output_tokens, old.web_searches) == (373, 4160, 2)
    assert (old.image_input_tokens, old.audio_input_tokens) == (None, None)
    assert (old.audio_output_tokens, old.file_searches) == (None, None)
    assert (old.cost_micro, old.charged_credit_micro) == (168_265, 168_265)
    [before] = await record.usage_sums(0, 86_400_000)
    assert media_of_0003(before) == OF_0003
    [by_row] = await record.usage_sums(1, 86_400_000)
    assert by_row == before, "the rows themselves say the same as the sums of their day"
    assert await record.sum_older_usage() == 0
    fresh = replace(old, request_id="req_9", image_input_tokens=323, file_searches=1)
    assert await record.add_usage([fresh]) == 1
    assert await record.usage("req_9", "key_1") == fresh
    [after] = await record.usage_sums(0, 86_400_000)
    assert (after.requests, after.input_tokens, after.image_input_tokens) == (2, 746, 323)
    assert after.file_searches == 1
    await record.close()


async def test_a_process_of_version_0003_may_still_write(sql_url: str) -> None:
    await migrations.upgrade(sql_url)
    await execute(sql_url, *ROWS_0003)
    record = Record.connect(sql_url)
    [sums] = await record.usage_sums(0, 86_400_000)
    assert media_of_0003(sums) == OF_0003
    await record.close()


async def test_data_of_version_0001_comes_through_whole(sql_url: str) -> None:
    await migrations.upgrade(sql_url, "0001")
    await execute(sql_url, *ROWS_0001)
    record = Record.connect(sql_url)
    await record.migrate()
    assert await record.usage("req_0", "key_1") == UsageRecord(
        request_id="req_0",
        key_id="key_1",
        customer_id="cus_1",
        protocol="anthropic",
        endpoint="messages",
        model="claude",
        upstream="anthropic",
        account=None,
        upstream_model=None,
        upstream_request_id=None,
        status=200,
        outcome=Outcome.COMPLETED,
        finish="stop",
        streamed=True,
        attempts=1,
        started_at_ms=5,
        latency_ms=6,
        ttft_ms=None,
        output_tokens=7,
        usage_source=UsageSource.UPSTREAM,
        losses=("seed=dropped",),
        upstream_protocol=None,
    )
    [key] = await record.keys()
    assert (key.id, key.groups, key.disabled, key.version) == ("key_1", ("gold",), True, 3)
    assert key.strict is False
    assert await record.unpublished() == ([], [])
    await record.add_usage([RECORD])
    assert await record.usage("req_1", "key_1") == RECORD
    await record.close()


async def test_a_process_of_version_0001_may_still_write(sql_url: str) -> None:
    """Processes are renewed one by one; whichever comes first migrates."""
    await migrations.upgrade(sql_url)
    await execute(sql_url, *ROWS_0001)
    record = Record.connect(sql_url)
    old = await record.usage("req_0", "key_1")
    assert old is not None
    assert old.upstream_protocol is None
    assert [key.strict for key in await record.keys()] == [False]
    await record.close()


def test_the_migrations_are_one_line_and_packaged() -> None:
    script = ScriptDirectory.from_config(migrations.configuration())
    assert script.get_heads() == [migrations.head()]
    assert script.get_base() == "0001"


async def revisions(url: str) -> list[str]:
    engine = make_engine(url)
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT version_num FROM alembic_version"))
        found = [row[0] for row in rows]
    await engine.dispose()
    return found


async def execute(url: str, *statements: str) -> None:
    engine = make_engine(url).execution_options(writing=True)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def pragma(run_sync, name: str) -> object:  # type: ignore[no-untyped-def]
    def ask(connection: Connection) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

    return await run_sync(ask)


async def make_empty(url: str) -> None:
    if url.startswith("sqlite"):
        sqlite3.connect(str(make_url(url).database)).close()
