"""The tables of the record. The migrations are the truth for databases; a test compares the two.

Times are Unix milliseconds and money is micro-units, both BigInteger. Lists are JSON. Ids are text
with a prefix that says what they name. Usage and entries are written once and never changed; the
marks beside them (`published`, `summed`) say what the rest of the system knows of them by now.

Defaults are for processes of the version before, which know no such column.
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
    literal_column,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# What usage_days sums of the rows of usage: how many, how many of them did not complete, and the
# columns of these names.
SUMS = (
    "requests",
    "failures",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "image_input_tokens",
    "audio_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "image_output_tokens",
    "audio_output_tokens",
    "web_searches",
    "file_searches",
    "cost_micro",
    "charged_credit_micro",
    "charged_allowance_micro",
    "uncollected_micro",
)

_LATER = ("image_input_tokens", "audio_input_tokens", "audio_output_tokens", "file_searches")
_DEFAULTS = dict.fromkeys(_LATER, "0")

customers = Table(
    "customers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(256), nullable=False, unique=True),
    Column("shard", String(2), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("mode", String(16), nullable=False, server_default="open"),
    # Of the mode; and the version that Redis is known to have, if it has the account at all.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("published_version", Integer, nullable=False, server_default="1"),
    # When the customer's account in Redis was last made of the entries here.
    Column("loaded_at_ms", BigInteger, nullable=False, server_default="0"),
    # What all keys of the customer may do together: kind of limit by how much.
    Column("limits", JSON, nullable=False, server_default="{}"),
)
_unknown_mode = customers.c.published_version < customers.c.version
Index(
    "ix_customers_unpublished",
    customers.c.id,
    sqlite_where=_unknown_mode,
    postgresql_where=_unknown_mode,
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
    Column("strict", Boolean, nullable=False, server_default=false()),
    Column("limits", JSON, nullable=False, server_default="{}"),
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
    Column("image_input_tokens", BigInteger, nullable=True),
    Column("audio_input_tokens", BigInteger, nullable=True),
    Column("output_tokens", BigInteger, nullable=True),
    Column("reasoning_tokens", BigInteger, nullable=True),
    Column("image_output_tokens", BigInteger, nullable=True),
    Column("audio_output_tokens", BigInteger, nullable=True),
    Column("web_searches", BigInteger, nullable=True),
    Column("file_searches", BigInteger, nullable=True),
    Column("cost_micro", BigInteger, nullable=True),
    Column("usage_source", String(32), nullable=False),
    Column("losses", JSON, nullable=False),
    Column("upstream_protocol", String(256), nullable=True),
    Column("price_source", String(256), nullable=True),
    Column("charged_credit_micro", BigInteger, nullable=False, server_default="0"),
    Column("charged_allowance_micro", BigInteger, nullable=False, server_default="0"),
    Column("uncollected_micro", BigInteger, nullable=False, server_default="0"),
    Column("attempts_detail", JSON, nullable=False, server_default="[]"),
    # Which settlement this row is of: the id of its entry in the stream of the customer's shard.
    Column("stream_id", String(48), nullable=True),
    # Whether usage_days has it.
    Column("summed", Boolean, nullable=False, server_default=false()),
    Index(None, "key_id", "started_at_ms"),
    Index(None, "customer_id", "started_at_ms"),
    Index(None, "started_at_ms"),
)
_unsummed = usage.c.summed.is_(false())
Index(
    "ix_usage_unsummed",
    usage.c.request_id,
    sqlite_where=_unsummed,
    postgresql_where=_unsummed,
)

# Sums of usage by day (UTC, Unix milliseconds of its beginning), kept in the transaction that adds
# the rows: a month of a large installation is some thousand rows here.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", String(256), primary_key=True),
    Column("key_id", String(256), primary_key=True),
    Column("model", String(256), primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default=_DEFAULTS.get(name))
        for name in SUMS
    ),
    Index(None, "customer_id", "day_ms"),
    Index(None, "key_id", "day_ms"),
)

# Every change of a customer's money. The id of a charge is made of its request and pot, that of a
# plan's entries of the plan and the period: the primary key keeps each of them once.
entries = Table(
    "entries",
    metadata,
    Column("id", String(320), primary_key=True),
    Column("customer_id", String(256), nullable=False),
    Column("pot", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("amount_micro", BigInteger, nullable=False),
    Column("request_id", String(256), nullable=True),
    Column("reference", String(256), nullable=True, unique=True),
    Column("actor", String(256), nullable=False),
    Column("reason", String(1024), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    # Whether Redis is known to have it: charges and plans' entries come from there.
    Column("published", Boolean, nullable=False),
    # Lists a customer's entries, and has all that their sums need.
    Index(
        "ix_entries_customer_id_created_at_ms",
        "customer_id",
        "created_at_ms",
        "pot",
        "amount_micro",
    ),
)
# What is no charge is rare, and asked for across customers. The condition has no parameter: with
# one neither database would know that this index will do.
booked = entries.c.kind != literal_column("'charge'")
Index(
    "ix_entries_booked",
    entries.c.created_at_ms,
    entries.c.id,
    sqlite_where=booked,
    postgresql_where=booked,
)
_untold = entries.c.published.is_(false())
Index(
    "ix_entries_unpublished",
    entries.c.created_at_ms,
    sqlite_where=_untold,
    postgresql_where=_untold,
)

plans = Table(
    "plans",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("customer_id", String(64), ForeignKey("customers.id"), nullable=False, index=True),
    Column("name", String(256), nullable=False),
    Column("allowance_micro", BigInteger, nullable=False),
    Column("period", String(16), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=True),
    Column("next_turn_ms", BigInteger, nullable=True, index=True),
    Column("actor", String(256), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

redeem_codes = Table(
    "redeem_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("hint", String(16), nullable=False),
    Column("amount_micro", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=True),
    Column("actor", String(256), nullable=False),
    Column("reason", String(1024), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False, index=True),
    Column("used_by", String(64), ForeignKey("customers.id"), nullable=True),
    Column("used_at_ms", BigInteger, nullable=True),
)
