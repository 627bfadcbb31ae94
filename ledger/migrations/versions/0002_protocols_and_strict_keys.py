"""What the upstream was spoken to in, and keys that refuse a loss in translation.

Both columns are added without touching a row: rows of usage from before stay without an upstream's
protocol, keys from before are not strict. The default stays, as a process of the version before may
still make keys while this one runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("upstream_protocol", sa.String(256), nullable=True))
    op.add_column(
        "keys", sa.Column("strict", sa.Boolean, nullable=False, server_default=sa.false())
    )
