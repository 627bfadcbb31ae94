"""Images and audio in the input, audio in the output, searches in files: columns of their own.

Rows from before have none of them: what was used is in other buckets, and was charged by those.
The sums have defaults for processes of the version before, which know no such column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEW = ("image_input_tokens", "audio_input_tokens", "audio_output_tokens", "file_searches")


def upgrade() -> None:
    for name in NEW:
        op.add_column("usage", sa.Column(name, sa.BigInteger, nullable=True))
        summed = sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        op.add_column("usage_days", summed)
