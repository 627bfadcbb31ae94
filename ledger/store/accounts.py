"""Customers' accounts in Redis: two pots, what open leases hold of them, and entries applied once.

    {sN}:acct:<customer>   hash    mode (open|prepaid), credit, allowance, allowance_until_ms, held,
                                   version; turned: the rank of the last turn of a plan; turn: what
                                   it did, unless the account was brought since
    {sN}:entry:<id>        string  the mark of an entry that was applied: what came of it, for
                                   MARK_TTL_MS
    {sN}:turn:<id>         string  the same of a plan's turn

Rules:
- `held` is never more than what the pots have: admission holds what is free, and nothing but the
  settlement of a hold takes what it needs. So no pot is ever below zero, and a cost within its
  hold is always paid.
- Turns of plans are made in their order: one that comes after a later one changes nothing.
- An account that Redis does not have is brought from where `load_account` knows it, before
  anything is decided: a customer whom Redis forgot does not run free. Without a `load_account`
  such an account is open.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ledger.errors import StoreUnavailable
from ledger.model import Account, AccountMode, Applied, Hold, Pot
from ledger.plans import NO_RANK, Rank, Turn, Turned, Turning, TurnMade
from ledger.store.link import Reply
from ledger.store.wire import Argument, Script, Wire

MARK_TTL_MS = 30 * 86_400_000  # longer than anybody tries to publish an entry
LEASES_READ = 1_000  # leases asked for together

ACCOUNT = Script.load("account")
CREDIT = Script.load("credit")
TURN = Script.load("turn")

_FIELDS = ("mode", "credit", "allowance", "allowance_until_ms", "held", "version", "turned")


class Accounts:
    """All methods raise StoreUnavailable when Redis is away, and may then be repeated."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        # (shard, customer id) -> the account as the record knows it
        self.load_account: Callable[[str, str], Awaitable[Account]] | None = None

    async def account(self, shard: str, customer_id: str) -> Account | None:
        """None: Redis has none."""
        values = await self.wire.call("HMGET", _key(shard, customer_id), *_FIELDS)
        if all(value is None for value in values):
            return None
        mode, *numbers, turned = values
        credit, allowance, until_ms, held, version = (int(number or 0) for number in numbers)
        return Account(
            AccountMode(mode.decode()) if mode else AccountMode.OPEN,
            credit,
            allowance,
            until_ms or None,
            held,
            version,
            read_rank(turned),
        )

    async def set_account(
        self, shard: str, customer_id: str, account: Account, *, only_absent: bool = False
    ) -> bool:
        """All of it, what is held included. False: a newer version is there, or any at all."""
        return await self._set(
            *(shard, customer_id, account.version, only_absent, account.mode),
            *(account.credit_micro, account.allowance_micro),
            *(account.allowance_until_ms or 0, account.held_micro, *account.turned),
        )

    async def set_mode(self, shard: str, customer_id: str, mode: AccountMode, version: int) -> bool:
        """Leaves the pots alone. False: a newer version is there."""
        return await self._set(shard, customer_id, version, False, mode)

    async def apply_entry(
        self,
        shard: str,
        customer_id: str,
        entry_id: str,
        pot: Pot,
        amount_micro: int,
        now_ms: int,
    ) -> Applied:
        """Once per entry id. A negative amount is taken whole, or REFUSED when the pot has less or
        open holds need it; then it stays refused."""
        keys = (_key(shard, customer_id), f"{{s{shard}}}:entry:{entry_id}")
        applied = await self._run_known(
            *(shard, customer_id, CREDIT, keys), pot, amount_micro, now_ms, MARK_TTL_MS
        )
        return Applied(applied)

    async def turn_plan(self, shard: str, turn: Turn, now_ms: int) -> Turned:
        """Once per turn id and never after a later turn: ends what is left of the allowance and
        gives the next one. What open holds rely on is carried over."""
        customer_id = turn.plan.customer_id
        keys = (_key(shard, customer_id), f"{{s{shard}}}:turn:{turn.id}")
        turning, taken, carried, before = await self._run_known(
            *(shard, customer_id, TURN, keys, turn.id, *turn.rank),
            *(turn.allowance_micro, turn.until_ms, now_ms, MARK_TTL_MS),
        )
        return Turned(Turning(turning), taken, carried, _turn_made(before))

    async def last_turn(self, shard: str, customer_id: str) -> TurnMade | None:
        """The last turn that Redis made since it has the account; SQL may not know of it."""
        return _turn_made(await self.wire.call("HGET", _key(shard, customer_id), "turn") or b"")

    async def holds(self, shard: str) -> list[Hold]:
        """Of all open leases of a shard, also those that hold nothing; not of one moment."""
        tag = f"{{s{shard}}}:"
        flat = await self.wire.call("ZRANGE", f"{tag}leases", 0, -1, "WITHSCORES")
        found = []
        for start in range(0, len(flat), 2 * LEASES_READ):
            some = flat[start : start + 2 * LEASES_READ]
            ids = [name.decode() for name in some[::2]]
            leases = await asyncio.gather(
                *(self.wire.call("HMGET", f"{tag}lease:{i}", "customer", "held") for i in ids)
            )
            found += [
                Hold(
                    shard,
                    request_id,
                    (customer or b"").decode(),
                    int(held or 0),
                    int(float(deadline)),
                )
                for request_id, deadline, (customer, held) in zip(
                    ids, some[1::2], leases, strict=True
                )
            ]
        return found

    async def bring_account(self, shard: str, customer_id: str) -> None:
        """From where `load_account` knows it, unless it is here by then."""
        assert self.load_account is not None
        account = await self.load_account(shard, customer_id)
        await self.set_account(shard, customer_id, account, only_absent=True)

    async def _run_known(
        self,
        shard: str,
        customer_id: str,
        script: Script,
        keys: tuple[str, ...],
        *arguments: Argument,
    ) -> Reply:
        """A script whose last argument says whether the account must be here; it answers 0 when it
        must be and is not."""
        must = int(self.load_account is not None)
        answer = await self.wire.run(script, keys, *arguments, must)
        if answer == 0:
            await self.bring_account(shard, customer_id)
            answer = await self.wire.run(script, keys, *arguments, must)
        if answer == 0:
            raise StoreUnavailable("an account vanished from Redis twice")
        return answer

    async def _set(
        self,
        shard: str,
        customer_id: str,
        version: int,
        only_absent: bool,
        mode: AccountMode,
        *amounts: int,
    ) -> bool:
        keys = (_key(shard, customer_id),)
        return bool(await self.wire.run(ACCOUNT, keys, version, int(only_absent), mode, *amounts))


def read_rank(text: bytes | None) -> Rank:
    """As scripts keep it."""
    plan, _, number = (text or b"").partition(b" ")
    return (int(plan), int(number)) if number else NO_RANK


def _turn_made(text: bytes) -> TurnMade | None:
    if not text:
        return None
    turn_id, granted, taken = text.decode().split()
    return TurnMade(turn_id, int(granted), int(taken))


def _key(shard: str, customer_id: str) -> str:
    return f"{{s{shard}}}:acct:{customer_id}"
