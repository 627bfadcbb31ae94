"""The record in SQL, all nouns of it: what the ledger keeps for ever.

Strategy: SQLAlchemy Core, one statement per change wherever possible, so that two administrators at
once need no thought. One implementation for SQLite and PostgreSQL. Each noun is a file beside this
one: customers, key_rows, usage_rows, usage_sums, entries, plans, codes, proofs.

Rules:
- Rows of usage and entries are added once and never changed.
- What is changed here is told to Redis afterwards, and a mark remembers that it was told.
"""

from ledger.store.codes import Codes
from ledger.store.key_rows import Keys, facts_of
from ledger.store.plans import Plans
from ledger.store.proofs import Proofs
from ledger.store.sql import MAX_LISTED
from ledger.store.usage_rows import UsageRows
from ledger.store.usage_sums import UsageSums

__all__ = ["MAX_LISTED", "Record", "facts_of"]


class Record(Keys, UsageRows, UsageSums, Plans, Codes, Proofs):
    """All methods raise StoreUnavailable when the database is away, and may then be repeated."""
