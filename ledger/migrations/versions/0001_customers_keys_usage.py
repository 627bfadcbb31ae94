"""Customers, keys and usage: the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _customers()
    _keys()
    _revocations()
    _usage()


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("shard", sa.String(2), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("name", name="uq_customers_name"),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("hint", sa.String(64), nullable=False),
        sa.Column("shard", sa.String(2), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=True),
        sa.Column("previous_until_ms", sa.BigInteger, nullable=True),
        sa.Column("groups", sa.JSON, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("endpoints", sa.JSON, nullable=False),
        sa.Column("networks", sa.JSON, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=True),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("published_version", sa.Integer, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_keys_customer_id_customers"
        ),
        sa.UniqueConstraint("key_hash", name="uq_keys_key_hash"),
        sa.UniqueConstraint("previous_hash", name="uq_keys_previous_hash"),
    )
    op.create_index("ix_keys_customer_id", "keys", ["customer_id"])
    unpublished = sa.text("published_version < version")
    op.create_index(
        "ix_keys_unpublished",
        "keys",
        ["id"],
        sqlite_where=unpublished,
        postgresql_where=unpublished,
    )


def _revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("shard", sa.String(2), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_revocations"),
    )


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("request_id", sa.String(256), nullable=False),
        sa.Column("key_id", sa.String(256), nullable=False),
        sa.Column("customer_id", sa.String(256), nullable=False),
        sa.Column("protocol", sa.String(256), nullable=False),
        sa.Column("endpoint", sa.String(256), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("upstream", sa.String(256), nullable=True),
        sa.Column("account", sa.String(256), nullable=True),
        sa.Column("upstream_model", sa.String(256), nullable=True),
        sa.Column("upstream_request_id", sa.String(256), nullable=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("finish", sa.String(256), nullable=True),
        sa.Column("streamed", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("latency_ms", sa.BigInteger, nullable=False),
        sa.Column("ttft_ms", sa.BigInteger, nullable=True),
        sa.Column("input_tokens", sa.BigInteger, nullable=True),
        sa.Column("cache_read_tokens", sa.BigInteger, nullable=True),
        sa.Column("cache_write_5m_tokens", sa.BigInteger, nullable=True),
        sa.Column("cache_write_1h_tokens", sa.BigInteger, nullable=True),
        sa.Column("output_tokens", sa.BigInteger, nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger, nullable=True),
        sa.Column("image_output_tokens", sa.BigInteger, nullable=True),
        sa.Column("web_searches", sa.BigInteger, nullable=True),
        sa.Column("cost_micro", sa.BigInteger, nullable=True),
        sa.Column("usage_source", sa.String(32), nullable=False),
        sa.Column("losses", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_usage"),
    )
    for columns in (
        ["key_id", "started_at_ms"],
        ["customer_id", "started_at_ms"],
        ["model", "started_at_ms"],
        ["started_at_ms"],
    ):
        op.create_index(f"ix_usage_{'_'.join(columns)}", "usage", columns)
