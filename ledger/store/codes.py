"""Redeem codes in SQL: hashes only, each good for one entry of one customer."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.codes import MintedCode, mint_code
from ledger.entries import (
    EntryKind,
    EntrySpec,
    RedeemCode,
    Redeemed,
    Redemption,
)
from ledger.errors import NotFound
from ledger.schema import customers, entries, redeem_codes
from ledger.store.entries import ENTRY_COLUMNS, Entries, entry_of, entry_row, read_entry
from ledger.store.sql import MAX_LISTED

MAX_CODES = 10_000  # made in one go

_COLUMNS = [redeem_codes.c[field.name] for field in fields(RedeemCode)]


class Codes(Entries):
    """All that is kept of redeem codes."""

    async def create_codes(
        self,
        count: int,
        amount_micro: int,
        now_ms: int,
        *,
        expires_at_ms: int | None = None,
        actor: str = "",
        reason: str = "",
    ) -> list[tuple[RedeemCode, str]]:
        """New codes with their texts, which exist nowhere else. Raises ValueError."""
        if not 0 < count <= MAX_CODES:
            raise ValueError(f"1 to {MAX_CODES} codes are made at once")
        EntrySpec(amount_micro, EntryKind.REDEEM, actor=actor, reason=reason)  # what it will be
        minted = [mint_code() for _ in range(count)]
        made = [_new(one, amount_micro, expires_at_ms, actor, reason, now_ms) for one in minted]
        async with self.writing() as connection:
            await connection.execute(insert(redeem_codes), [asdict(code) for code in made])
        return [(code, one.code) for code, one in zip(made, minted, strict=True)]

    async def codes(
        self, limit: int = 100, before: tuple[int, str] | None = None
    ) -> list[RedeemCode]:
        """Newest first. `before` is (created_at_ms, code_hash) of the last of the page before."""
        statement = select(*_COLUMNS)
        created, hashed = redeem_codes.c.created_at_ms, redeem_codes.c.code_hash
        if before is not None:
            same_time = and_(created == before[0], hashed < before[1])
            statement = statement.where(or_(created < before[0], same_time))
        statement = statement.order_by(created.desc(), hashed.desc()).limit(min(limit, MAX_LISTED))
        async with self.reading() as connection:
            return [_code(row) for row in await connection.execute(statement)]

    async def revoke_code(self, code_hash: str, now_ms: int) -> bool:
        """Nobody can redeem it from now on. False: it is used, has expired, or never was."""
        statement = (
            update(redeem_codes)
            .where(redeem_codes.c.code_hash == code_hash, redeem_codes.c.used_by.is_(None))
            .where(_valid(now_ms))
            .values(expires_at_ms=now_ms)
            .returning(redeem_codes.c.code_hash)
        )
        async with self.writing() as connection:
            return (await connection.execute(statement)).first() is not None

    async def redeem_code(self, code_hash: str, customer_id: str, now_ms: int) -> Redeemed:
        """Takes the code and makes its entry, together and once. Raises NotFound for the
        customer."""
        statement = (
            update(redeem_codes)
            .where(redeem_codes.c.code_hash == code_hash, redeem_codes.c.used_by.is_(None))
            .where(_valid(now_ms))
            .values(used_by=customer_id, used_at_ms=now_ms)
            .returning(*_COLUMNS)
        )
        async with self.writing() as connection:
            known = select(customers.c.id).where(customers.c.id == customer_id)
            if (await connection.execute(known)).first() is None:
                raise NotFound(f"no customer {customer_id}")
            row = (await connection.execute(statement)).first()
            if row is None:
                return await _why_not(connection, code_hash, customer_id)
            code = _code(row)
            spec = EntrySpec(
                code.amount_micro,
                EntryKind.REDEEM,
                actor=customer_id,
                reason=code.reason,
                reference=_reference(code_hash),
            )
            entry = entry_of(customer_id, spec, now_ms)
            await connection.execute(insert(entries), entry_row(entry, published=False))
            return Redeemed(Redemption.REDEEMED, entry)


async def _why_not(connection: AsyncConnection, code_hash: str, customer_id: str) -> Redeemed:
    found = select(*_COLUMNS).where(redeem_codes.c.code_hash == code_hash)
    row = (await connection.execute(found)).first()
    if row is None:
        return Redeemed(Redemption.UNKNOWN)
    code = _code(row)
    if code.used_by is None:
        return Redeemed(Redemption.EXPIRED)
    if code.used_by != customer_id:
        return Redeemed(Redemption.USED)
    then = select(*ENTRY_COLUMNS).where(entries.c.reference == _reference(code_hash))
    return Redeemed(Redemption.ALREADY, read_entry((await connection.execute(then)).one()))


def _reference(code_hash: str) -> str:
    return f"code:{code_hash}"


def _valid(now_ms: int) -> Any:
    expires = redeem_codes.c.expires_at_ms
    return or_(expires.is_(None), expires > now_ms)


def _new(
    minted: MintedCode,
    amount_micro: int,
    expires_at_ms: int | None,
    actor: str,
    reason: str,
    now_ms: int,
) -> RedeemCode:
    return RedeemCode(
        code_hash=minted.code_hash,
        hint=minted.hint,
        amount_micro=amount_micro,
        expires_at_ms=expires_at_ms,
        actor=actor,
        reason=reason,
        created_at_ms=now_ms,
        used_by=None,
        used_at_ms=None,
    )


def _code(row: Row[Any]) -> RedeemCode:
    return RedeemCode(**row._mapping)
