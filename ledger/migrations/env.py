"""What Alembic runs: migrations on the connection that ledger.migrations.upgrade opened.

The transaction is the caller's, around everything.
"""

from alembic import context
from sqlalchemy import Connection

from ledger.schema import metadata

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite changes tables by copying them
)
context.run_migrations()
