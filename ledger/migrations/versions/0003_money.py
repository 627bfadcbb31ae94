"""Money and limits: modes and limits, entries, plans, redeem codes, charges, sums of usage by day.

No row of usage is touched. Rows from before were charged nothing, and are not in the sums yet: the
writer adds them, and whoever asks meanwhile gets sums of both. Customers from before are open. The
defaults stay, as a process of the version before may still write while this one runs. The index by
model served sums, which have a table of their own now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SUMS = (
    "requests",
    "failures",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "image_output_tokens",
    "web_searches",
    "cost_micro",
    "charged_credit_micro",
    "charged_allowance_micro",
    "uncollected_micro",
)


def upgrade() -> None:
    _customers()
    _usage()
    _usage_days()
    _entries()
    _plans()
    _redeem_codes()


def _customers() -> None:
    for column in (
        sa.Column("mode", sa.String(16), nullable=False, server_default="open"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("published_version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("loaded_at_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("limits", sa.JSON, nullable=False, server_default="{}"),
    ):
        op.add_column("customers", column)
    op.add_column("keys", sa.Column("limits", sa.JSON, nullable=False, server_default="{}"))
    _partial_index("ix_customers_unpublished", "customers", "id", "published_version < version")


def _usage() -> None:
    for column in (
        sa.Column("price_source", sa.String(256), nullable=True),
        sa.Column("charged_credit_micro", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("charged_allowance_micro", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("uncollected_micro", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("attempts_detail", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("stream_id", sa.String(48), nullable=True),
        sa.Column("summed", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("usage", column)
    _partial_index("ix_usage_unsummed", "usage", "request_id", "summed IS {false}")
    op.drop_index("ix_usage_model_started_at_ms", "usage")


def _usage_days() -> None:
    op.create_table(
        "usage_days",
        sa.Column("day_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("customer_id", sa.String(256), nullable=False),
        sa.Column("key_id", sa.String(256), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("day_ms", "customer_id", "key_id", "model", name="pk_usage_days"),
    )
    for column in ("customer_id", "key_id"):
        op.create_index(f"ix_usage_days_{column}_day_ms", "usage_days", [column, "day_ms"])


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", sa.String(320), nullable=False),
        sa.Column("customer_id", sa.String(256), nullable=False),
        sa.Column("pot", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("amount_micro", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(256), nullable=True),
        sa.Column("reference", sa.String(256), nullable=True),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("reason", sa.String(1024), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.UniqueConstraint("reference", name="uq_entries_reference"),
    )
    columns = ["customer_id", "created_at_ms", "pot", "amount_micro"]
    op.create_index("ix_entries_customer_id_created_at_ms", "entries", columns)
    _partial_index("ix_entries_booked", "entries", "created_at_ms id", "kind != 'charge'")
    _partial_index("ix_entries_unpublished", "entries", "created_at_ms", "published IS {false}")


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("allowance_micro", sa.BigInteger, nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=True),
        sa.Column("next_turn_ms", sa.BigInteger, nullable=True),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_plans_customer_id_customers"
        ),
    )
    for column in ("customer_id", "next_turn_ms"):
        op.create_index(f"ix_plans_{column}", "plans", [column])


def _redeem_codes() -> None:
    op.create_table(
        "redeem_codes",
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("hint", sa.String(16), nullable=False),
        sa.Column("amount_micro", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=True),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("reason", sa.String(1024), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("used_by", sa.String(64), nullable=True),
        sa.Column("used_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name="pk_redeem_codes"),
        sa.ForeignKeyConstraint(
            ["used_by"], ["customers.id"], name="fk_redeem_codes_used_by_customers"
        ),
    )
    op.create_index("ix_redeem_codes_created_at_ms", "redeem_codes", ["created_at_ms"])


def _partial_index(name: str, table: str, columns: str, where: str) -> None:
    """SQLite uses one only for a condition that is written in the same way."""
    op.create_index(
        name,
        table,
        columns.split(),
        sqlite_where=sa.text(where.format(false="0")),
        postgresql_where=sa.text(where.format(false="false")),
    )
