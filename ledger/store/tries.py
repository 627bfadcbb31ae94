"""What became of the attempts of a request so far: fields of its lease, so that whichever worker
makes the next attempt knows them.

    {sN}:lease:<id>   hash   try:<number>   one attempt that failed, as JSON

An attempt whose worker died took nothing down; its draft record says where it had gone.
"""

from contextlib import suppress

from ledger.errors import BadRecord
from ledger.model import WORKER_LOST, Attempt
from ledger.records import decode_attempt, decode_record, encode_attempt
from ledger.store.wire import Script, Wire

NOTE_TRY = Script.load("note_try")


class Tries:
    """All methods raise StoreUnavailable when Redis is away."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def note(
        self, shard: str, request_id: str, worker_id: str, number: int, attempt: Attempt
    ) -> bool:
        """False: the lease is not this attempt's any more, and nothing was taken down."""
        key = _lease(shard, request_id)
        noted = await self._wire.run(NOTE_TRY, (key,), worker_id, number, encode_attempt(attempt))
        return bool(noted)

    async def find(self, shard: str, request_id: str) -> tuple[Attempt, ...]:
        """The attempts that failed, in their order."""
        flat = await self._wire.call("HGETALL", _lease(shard, request_id))
        fields: dict[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))
        found: dict[int, Attempt] = {}
        for name, value in fields.items():
            if name.startswith(b"try:"):
                with suppress(BadRecord, ValueError):
                    found[int(name[4:])] = decode_attempt(value)
        last = int(fields.get(b"attempt", 0))
        if last and last not in found:
            with suppress(BadRecord):
                found[last] = _left_behind(fields.get(b"note", b""))
        return tuple(found[number] for number in sorted(found))


def _left_behind(note: bytes) -> Attempt:
    draft = decode_record(note)
    return Attempt(
        upstream=draft.upstream,
        account=draft.account,
        status=0,
        reason=WORKER_LOST,
        duration_ms=draft.latency_ms,
        upstream_model=draft.upstream_model,
    )


def _lease(shard: str, request_id: str) -> str:
    return f"{{s{shard}}}:lease:{request_id}"
