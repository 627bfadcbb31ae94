"""What can go wrong in the ledger, as one tree. Refusals (no credit) are results, not errors.

LedgerError
├── StoreUnavailable
├── StoreRefused
├── BadRecord
├── BadUrl
├── NotFound
└── Conflict
"""


class LedgerError(Exception):
    """The ledger could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class StoreUnavailable(LedgerError):
    """A store did not answer in time. Nobody knows what became of the command; repeat it."""


class StoreRefused(LedgerError):
    """A store answered with an error: a mistake of ours or of its configuration. Read its log."""


class BadRecord(LedgerError):
    """These bytes are no usage record or key facts that this version understands. Look at them."""


class BadUrl(LedgerError):
    """This URL names no store that is supported. Use redis, rediss, unix, sqlite or postgresql."""


class NotFound(LedgerError):
    """There is no such customer or key. Check the id."""


class Conflict(LedgerError):
    """Something with this name exists already. Choose another name."""
