"""Which upstream account holds a stored answer, per customer: the answer's id leads back to the
same account.

A pin also isolates tenants: customers share upstream accounts, so an id that is not pinned for
this customer is answered as one that never was.
"""

from ledger.store.wire import Wire

MAX_SUBJECT = 256  # characters of an id; longer ones are nobody's


class Pins:
    """`{sN}:pin:<customer>:<id>` = account, with a lifetime. Raises StoreUnavailable."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def put(
        self, shard: str, customer_id: str, subject: str, account: str, lifetime_s: int
    ) -> None:
        """Remember the account for `lifetime_s` seconds."""
        if len(subject) <= MAX_SUBJECT:
            await self._wire.call(
                "SET", _key(shard, customer_id, subject), account, "EX", lifetime_s
            )

    async def get(self, shard: str, customer_id: str, subject: str) -> str | None:
        """The account, or None."""
        if len(subject) > MAX_SUBJECT:
            return None
        account = await self._wire.call("GET", _key(shard, customer_id, subject))
        return account.decode() if account else None


def _key(shard: str, customer_id: str, subject: str) -> str:
    return f"{{s{shard}}}:pin:{customer_id}:{subject}"
