"""What all workers together know of the upstream accounts: which rest, and how much each is asked.

    {a:<account>}:rests          hash    by model, '' for the account as a whole: a Rest as JSON
    {a:<account>}:probe:<model>  string  the attempt that tries an account that is due
    {a:<account>}:run            zset    attempts that run, by the deadline of their worker
    {a:<account>}:requests       string  buckets of what the account was sold with,
    {a:<account>}:tokens                 as in scripts/admit.lua
    {rests}:news                 stream  every change of a rest, as JSON; workers follow it

An account is one wherever it is declared under this name: gateways that share a Redis share it.
What is in the news may be lost with the process that had it to tell: followers look at the hashes
themselves from time to time.
"""

import asyncio
from collections.abc import Iterable, Sequence

import orjson

from ledger.cooldowns import FORGET_MS, WHOLE, Evidence, Reservation, Reserved, Rest
from ledger.store.wire import Script, Wire

NEWS = "{rests}:news"
MAX_NEWS = 1_000  # entries: who follows is milliseconds behind
PROBE_MS = 60_000  # how long nobody else tries an account: until its first word, or its failure

REST = Script.load("rest")
RECOVER = Script.load("recover")
RESERVE = Script.load("reserve")
RELEASE = Script.load("release")


class Upstreams:
    """All methods raise StoreUnavailable when Redis is away."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def rest(self, evidence: Evidence, now_ms: int) -> Rest:
        """Takes the failure down. Gives what is known of the account by now."""
        text = await self._wire.run(
            REST,
            (_rests(evidence.account),),
            evidence.account,
            evidence.model,
            now_ms,
            "" if evidence.told_ms is None else evidence.told_ms,
            evidence.start_ms,
            evidence.most_ms,
            "1" if evidence.at_once else "",
            evidence.status,
            evidence.reason,
            FORGET_MS,
        )
        await self._tell(text)
        return _rest(text)

    async def recovered(self, account: str, model: str, now_ms: int) -> None:
        """A request to it went well. What began to rest meanwhile goes on resting."""
        key = _rests(account)
        gone = await self._wire.run(RECOVER, (key,), now_ms, model, WHOLE)
        for one in gone:
            await self._tell(_gone(account, one.decode()))

    async def reset(self, account: str, model: str | None = None) -> int:
        """Forgets the rests of an account, by an operator's hand; how many."""
        rests = [rest for rest in await self.rests((account,)) if model in (None, rest.model)]
        for rest in rests:
            await self._wire.call("HDEL", _rests(account), rest.model)
            await self._wire.call("DEL", _probe(account, rest.model))
            await self._tell(_gone(account, rest.model))
        return len(rests)

    async def rests(self, accounts: Iterable[str]) -> list[Rest]:
        """What is known of these accounts."""
        flat = await asyncio.gather(*(self._wire.call("HVALS", _rests(name)) for name in accounts))
        return [_rest(text) for texts in flat for text in texts]

    async def reserve(self, asked: Reservation, now_ms: int) -> Reserved:
        """A place at the account for this attempt."""
        ceiling = asked.ceiling
        reply = await self._wire.run(
            RESERVE,
            (
                _rests(asked.account),
                _probe(asked.account, asked.model),
                *(_place(asked.account, what) for what in ("run", "requests", "tokens")),
            ),
            asked.attempt_id,
            now_ms,
            asked.deadline_ms,
            asked.model,
            "1" if asked.probe else "",
            PROBE_MS,
            *(_most(most) for most in (ceiling.requests, ceiling.tokens, ceiling.concurrency)),
            max(asked.tokens, 1),
        )
        if reply[0] == 1:
            return Reserved(True)
        return Reserved(False, int(reply[1]), reply[2].decode())

    async def renew(self, held: Reservation, deadline_ms: int) -> None:
        """A sign of life: it still runs."""
        run = _place(held.account, "run")
        await self._wire.call("ZADD", run, "XX", deadline_ms, held.attempt_id)

    async def release(self, held: Reservation, tokens: int, now_ms: int) -> None:
        """The attempt is over, having used so many tokens."""
        await self._wire.run(
            RELEASE,
            (
                _place(held.account, "run"),
                _place(held.account, "tokens"),
                _probe(held.account, held.model),
            ),
            held.attempt_id,
            now_ms,
            _most(held.ceiling.tokens),
            max(held.tokens, 1),
            tokens,
        )

    async def running(self, account: str, now_ms: int) -> int:
        """Attempts that run at an account with a limit for them."""
        count: int = await self._wire.call("ZCOUNT", _place(account, "run"), f"({now_ms}", "+inf")
        return count

    # -- the news, for a connection of its own: reading blocks

    async def newest(self) -> str:
        """Where the news stand: what is read from here on is new."""
        entries = await self._wire.call("XREVRANGE", NEWS, "+", "-", "COUNT", 1)
        return str(entries[0][0].decode()) if entries else "0-0"

    async def news(self, after: str, block_ms: int) -> tuple[str, Sequence[Rest]]:
        """Changes after that place, waiting for one, and the place behind them. A Rest without
        failures is one that was forgotten."""
        reply = await self._wire.call(
            "XREAD", "COUNT", 100, "BLOCK", block_ms, "STREAMS", NEWS, after
        )
        if not reply:
            return after, ()
        entries = reply[0][1]
        return entries[-1][0].decode(), [_rest(fields[1]) for _, fields in entries]

    async def _tell(self, text: bytes) -> None:
        await self._wire.call("XADD", NEWS, "MAXLEN", "~", MAX_NEWS, "*", "rest", text)


def _gone(account: str, model: str) -> bytes:
    return orjson.dumps(Rest(account, model, 0, 0, 0, 0, "recovered"))


def _rest(text: bytes) -> Rest:
    said = orjson.loads(text)
    until_ms, failures, since_ms, status = (
        int(said[name]) for name in ("until_ms", "failures", "since_ms", "status")
    )
    return Rest(
        said["account"], said["model"], until_ms, failures, since_ms, status, said["reason"]
    )


def _rests(account: str) -> str:
    return _place(account, "rests")


def _probe(account: str, model: str) -> str:
    return _place(account, f"probe:{model}")


def _place(account: str, what: str) -> str:
    return f"{{a:{account}}}:{what}"


def _most(most: int | None) -> int | str:
    return "" if most is None else most
