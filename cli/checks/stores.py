"""Redis and SQL: whether they answer, and whether they are as the ledger needs them."""

import time

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cli.checks.finding import Finding, Patient
from ledger.embedded import redis_binary
from ledger.errors import LedgerError
from ledger.migrations import configuration
from ledger.store.engine import make_engine
from ledger.store.hot import HotStore

MIN_REDIS = (6, 2)
MAX_SKEW_MS = 2_000  # leases and limits are times


async def redis(patient: Patient) -> list[Finding]:
    settings = patient.settings
    if settings.embedded_redis and not patient.runs:
        try:
            return [Finding("redis", "ok", f"embedded, starts with the gateway: {redis_binary()}")]
        except FileNotFoundError as error:
            return [Finding("redis", "fail", "no redis-server", str(error))]
    hot = HotStore.connect(settings.redis)
    try:
        before_ms = time.time() * 1000
        server = _info(await hot.wire.call("INFO", "server"))
        persistence = _info(await hot.wire.call("INFO", "persistence"))
        policy = (await hot.wire.call("CONFIG", "GET", "maxmemory-policy"))[1].decode()
        seconds, micros = await hot.wire.call("TIME")
    except LedgerError as error:
        advice = "start it, or correct CLAVIS_REDIS_URL"
        return [Finding("redis", "fail", f"does not answer: {error}", advice)]
    finally:
        await hot.close()
    skew_ms = abs(int(seconds) * 1000 + int(micros) / 1000 - before_ms)
    return [*_redis_findings(server, persistence, policy), _skew(skew_ms)]


def _redis_findings(
    server: dict[str, str], persistence: dict[str, str], policy: str
) -> list[Finding]:
    version = server.get("redis_version", "0")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    findings = [Finding("redis", "ok", f"version {version}")]
    if numbers < MIN_REDIS:
        findings = [Finding("redis", "fail", f"version {version}", "6.2 or newer is needed")]
    if persistence.get("aof_enabled") != "1":
        advice = "set appendonly yes: settlements on their way to SQL live there"
        findings.append(Finding("redis persistence", "warn", "no append-only file", advice))
    if policy != "noeviction":
        advice = "set maxmemory-policy noeviction: an evicted mark would charge twice"
        findings.append(Finding("redis memory", "fail", policy, advice))
    return findings


def _skew(skew_ms: float) -> Finding:
    seen = f"{skew_ms:.0f} ms apart from Redis"
    if skew_ms > MAX_SKEW_MS:
        return Finding("clocks", "warn", seen, "let both machines follow NTP")
    return Finding("clocks", "ok", seen)


async def sql(patient: Patient) -> list[Finding]:
    settings = patient.settings
    if settings.sql_url is None and not (settings.places.data / "ledger.sqlite3").exists():
        return [Finding("sql", "ok", "SQLite, made at the first start")]
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    try:
        current = await _revision(settings.sql)
    except (SQLAlchemyError, OSError, LedgerError) as error:
        seen = f"does not answer: {type(error).__name__}"
        return [Finding("sql", "fail", seen, "start it, or correct CLAVIS_SQL_URL")]
    if current != head:
        seen = f"schema {current or 'missing'}, this release has {head}"
        return [Finding("sql", "fail", seen, "run `clavis ledger migrate`")]
    return [Finding("sql", "ok", f"schema {head}")]


async def _revision(url: str) -> str | None:
    """The schema's revision; None when there is no schema yet."""
    engine = make_engine(url)
    try:
        async with engine.connect() as connection:
            tables = await connection.run_sync(
                lambda plain: engine.dialect.has_table(plain, "alembic_version")
            )
            if not tables:
                return None
            found = await connection.execute(text("SELECT version_num FROM alembic_version"))
            return found.scalar()
    finally:
        await engine.dispose()


def _info(reply: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in reply.decode().splitlines() if ":" in line)
    return {name: value.strip() for name, _, value in lines}
