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
        if is_subject(subject):
            await self._wire.call(
                "SET", pin_key(shard, customer_id, subject), account, "EX", lifetime_s
            )

    async def get(self, shard: str, customer_id: str, subject: str) -> str | None:
        """The account, or None."""
        if not is_subject(subject):
            return None
        account = await self._wire.call("GET", pin_key(shard, customer_id, subject))
        return account.decode() if account else None


def is_subject(text: str) -> bool:
    """Whether anything can be kept under this id: ids come from the wire and may be anything."""
    if not 0 < len(text) <= MAX_SUBJECT:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can say and UTF-8 cannot
        return False
    return True


def pin_key(shard: str, customer_id: str, subject: str) -> str:
    """Where Redis has the account."""
    return f"{{s{shard}}}:pin:{customer_id}:{subject}"
