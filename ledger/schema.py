"""The tables of the record. The migrations are the truth for databases; a test compares the two.

Times are Unix milliseconds and money is micro-units, both BigInteger. Lists are JSON. Ids are text
with a prefix that says what they name. Usage is written once and never changed.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

customers = Table(
    "customers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(256), nullable=False, unique=True),
    Column("shard", String(2), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("customer_id", String(64), ForeignKey("customers.id"), nullable=False, index=True),
    Column("name", String(256), nullable=False),
    Column("hint", String(64), nullable=False),
    Column("shard", String(2), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    # After a rotation with grace, the hash before it works until this time.
    Column("previous_hash", String(64), nullable=True, unique=True),
    Column("previous_until_ms", BigInteger, nullable=True),
    Column("groups", JSON, nullable=False),
    Column("models", JSON, nullable=False),
    Column("endpoints", JSON, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=True),
    Column("disabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    # The version that Redis is known to have: behind `version` while a change is on its way.
    Column("published_version", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    # The default is for a process of the version before, which knows no such column.
    Column("strict", Boolean, nullable=False, server_default=false()),
)

# What is on its way to Redis is asked for every second and is almost always nothing.
_unpublished = keys.c.published_version < keys.c.version
Index("ix_keys_unpublished", keys.c.id, sqlite_where=_unpublished, postgresql_where=_unpublished)

# Hashes that a rotation made worthless, until Redis is known to have been told.
revocations = Table(
    "revocations",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("shard", String(2), nullable=False),
    Column("version", Integer, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("request_id", String(256), primary_key=True),
    Column("key_id", String(256), nullable=False),
    Column("customer_id", String(256), nullable=False),
    Column("protocol", String(256), nullable=False),
    Column("endpoint", String(256), nullable=False),
    Column("model", String(256), nullable=False),
    Column("upstream", String(256), nullable=True),
    Column("account", String(256), nullable=True),
    Column("upstream_model", String(256), nullable=True),
    Column("upstream_request_id", String(256), nullable=True),
    Column("status", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("finish", String(256), nullable=True),
    Column("streamed", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("latency_ms", BigInteger, nullable=False),
    Column("ttft_ms", BigInteger, nullable=True),
    Column("input_tokens", BigInteger, nullable=True),
    Column("cache_read_tokens", BigInteger, nullable=True),
    Column("cache_write_5m_tokens", BigInteger, nullable=True),
    Column("cache_write_1h_tokens", BigInteger, nullable=True),
    Column("output_tokens", BigInteger, nullable=True),
    Column("reasoning_tokens", BigInteger, nullable=True),
    Column("image_output_tokens", BigInteger, nullable=True),
    Column("web_searches", BigInteger, nullable=True),
    Column("cost_micro", BigInteger, nullable=True),
    Column("usage_source", String(32), nullable=False),
    Column("losses", JSON, nullable=False),
    Column("upstream_protocol", String(256), nullable=True),
    Index(None, "key_id", "started_at_ms"),
    Index(None, "customer_id", "started_at_ms"),
    Index(None, "model", "started_at_ms"),
    Index(None, "started_at_ms"),
)
