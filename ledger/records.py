"""Usage records as bytes (the lease's note, the stream) and as the JSON that callers see.

The bytes are compact JSON with a version. Encoding is on the hot path and does no more than it
must; decoding happens once per record in the writer. It is strict about types and lets nothing
reach SQL that SQL would refuse: texts are cut and cleaned, counts brought into range, as a record
with one absurd figure from an upstream is still worth keeping. Unknown fields are ignored.
"""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from ledger.errors import BadRecord
from ledger.model import Attempt, Json, Outcome, UsageRecord, UsageSource

VERSION = 1
MAX_RECORD_BYTES = 16 * 1024  # a record is about 700; a model name from the wire may be anything
MAX_TEXT = 256  # longest text of a record: ids and names, never content
MAX_LOSSES = 64
MAX_ATTEMPTS = 16  # in detail; Envoy tries a few times
MAX_COUNT = 2**53 - 1  # what every reader of JSON holds exactly; no count of ours comes near
MAX_SMALL = 2**31 - 1  # status and attempts
MAX_TIME_MS = 253_402_300_799_999  # the end of the year 9999, the last that a date can say

_TEXTS = ("request_id", "key_id", "customer_id", "protocol", "endpoint", "model")
_MAYBE_TEXTS = (
    "upstream",
    "upstream_protocol",
    "account",
    "upstream_model",
    "upstream_request_id",
    "finish",
    "price_source",
)
_SMALL_COUNTS = ("status", "attempts")
_COUNTS = ("started_at_ms", "latency_ms")
_CHARGES = ("charged_credit_micro", "charged_allowance_micro", "uncollected_micro")
# How the JSON of a record ends where it was text alone and nothing is charged yet, and before that
# where no upstream was tried: what need not be said.
_PLAIN_END = (
    b',"image_input_tokens":null,"audio_input_tokens":null,"image_output_tokens":null'
    b',"audio_output_tokens":null,"web_searches":null,"file_searches":null'
    b',"charged_credit_micro":0,"charged_allowance_micro":0,"uncollected_micro":0}'
)
_NO_ATTEMPTS = b',"attempts_detail":[]'
_MAYBE_COUNTS = (
    "ttft_ms",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "image_input_tokens",
    "audio_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "image_output_tokens",
    "audio_output_tokens",
    "web_searches",
    "file_searches",
    "cost_micro",
)


def encode_record(record: UsageRecord) -> bytes:
    """Compact JSON. What JSON cannot carry is replaced, what is too long for a record is cut."""
    try:
        body = orjson.dumps(record)
    except TypeError:  # a lone surrogate in some text, a count beyond 64 bits
        body = orjson.dumps(_clipped(record))
    if len(body) > MAX_RECORD_BYTES:
        body = orjson.dumps(_clipped(record))
    if body.endswith(_PLAIN_END):
        body = body[1 : -len(_PLAIN_END)].removesuffix(_NO_ATTEMPTS)
        return b'{"v":%d,%b}' % (VERSION, body)
    return b'{"v":%d,%b' % (VERSION, body[1:])


def decode_record(data: bytes) -> UsageRecord:
    """Raises BadRecord for whatever encode_record of this or a compatible version never wrote."""
    try:
        raw = orjson.loads(data)
    except ValueError:
        raise BadRecord("not JSON") from None
    if not isinstance(raw, dict) or raw.get("v") != VERSION:
        raise BadRecord("not a record of a known version")
    try:
        values: dict[str, Any] = {name: _text(raw[name]) for name in _TEXTS}
        values |= {name: _count(raw[name]) for name in _COUNTS}
        values |= {name: min(_count(raw[name]), MAX_SMALL) for name in _SMALL_COUNTS}
        values["started_at_ms"] = min(values["started_at_ms"], MAX_TIME_MS)
        values |= {name: _maybe_text(raw.get(name)) for name in _MAYBE_TEXTS}
        values |= {name: _maybe_count(raw.get(name)) for name in _MAYBE_COUNTS}
        values |= {name: _count(raw.get(name, 0)) for name in _CHARGES}
        return UsageRecord(
            **values,
            outcome=Outcome(raw["outcome"]),
            streamed=_boolean(raw["streamed"]),
            usage_source=UsageSource(raw.get("usage_source", UsageSource.NONE)),
            losses=_losses(raw.get("losses", [])),
            attempts_detail=_attempts(raw.get("attempts_detail", [])),
        )
    except KeyError as error:
        raise BadRecord(f"a record without {error}") from None
    except (ValueError, TypeError) as error:
        raise BadRecord(f"a record with a wrong value ({type(error).__name__})") from None


def encode_attempt(attempt: Attempt) -> bytes:
    """Compact JSON, as in a record."""
    return orjson.dumps(replace(attempt, **_clean_values(attempt)))


def decode_attempt(data: bytes) -> Attempt:
    """Raises BadRecord for what encode_attempt never wrote."""
    try:
        return _attempt(orjson.loads(data))
    except (ValueError, TypeError, KeyError):
        raise BadRecord("not an attempt") from None


def charged(
    record: UsageRecord, credit_micro: int, allowance_micro: int, uncollected_micro: int
) -> UsageRecord:
    """The record with what its settlement made of the cost."""
    return replace(
        record,
        charged_credit_micro=credit_micro,
        charged_allowance_micro=allowance_micro,
        uncollected_micro=uncollected_micro,
    )


def decode_settled(data: bytes) -> UsageRecord:
    """A settled record, with what the settlement wrote behind it. Raises BadRecord."""
    body, _, charges = data.partition(b"\n")  # compact JSON has no line feed
    record = decode_record(body)
    try:
        return charged(record, *map(int, charges.split())) if charges else record
    except (ValueError, TypeError):
        raise BadRecord("charges that are no three numbers") from None


def total_tokens(record: UsageRecord) -> int:
    """All tokens of all buckets: what token limits count."""
    return (
        (record.input_tokens or 0)
        + (record.cache_read_tokens or 0)
        + (record.cache_write_5m_tokens or 0)
        + (record.cache_write_1h_tokens or 0)
        + (record.image_input_tokens or 0)
        + (record.audio_input_tokens or 0)
        + (record.output_tokens or 0)
        + (record.reasoning_tokens or 0)
        + (record.image_output_tokens or 0)
        + (record.audio_output_tokens or 0)
    )


def lost(draft: UsageRecord, now_ms: int) -> UsageRecord:
    """The record of an exchange whose worker died: what was last metered, and that it was lost.

    A draft whose status is not an answer yet (below 100) becomes 500: nobody can know what the
    client saw.
    """
    return replace(
        draft,
        outcome=Outcome.LOST,
        status=draft.status if draft.status >= 100 else 500,
        latency_ms=max(draft.latency_ms, now_ms - draft.started_at_ms, 0),
    )


def public_usage(record: UsageRecord) -> Json:
    """What the owner of the key may see of an exchange: never the upstream account.

    Token counts are null where the upstream did not report. `input_tokens` is all fresh input,
    images and audio included, as the cache counts stand beside it; `output_tokens` is everything
    generated, reasoning, images and audio included. `cost_micro` is micro-USD.
    """
    return {
        "request_id": record.request_id,
        "model": record.model,
        "protocol": record.protocol,
        "endpoint": record.endpoint,
        "streamed": record.streamed,
        "status": record.status,
        "outcome": record.outcome.value,
        "finish": record.finish,
        "input_tokens": fresh_input(record),
        "output_tokens": total_output(record),
        "cache_read_input_tokens": record.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": record.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": record.cache_write_1h_tokens,
        },
        "image_input_tokens": record.image_input_tokens,
        "audio_input_tokens": record.audio_input_tokens,
        "reasoning_tokens": record.reasoning_tokens,
        "image_output_tokens": record.image_output_tokens,
        "audio_output_tokens": record.audio_output_tokens,
        "web_searches": record.web_searches,
        "file_searches": record.file_searches,
        "cost_micro": record.cost_micro,
        "price_source": record.price_source,
        "charged_credit_micro": record.charged_credit_micro,
        "charged_allowance_micro": record.charged_allowance_micro,
        "uncollected_micro": record.uncollected_micro,
        "usage_source": record.usage_source.value,
        "upstream": record.upstream,
        "upstream_protocol": record.upstream_protocol,
        "attempts": record.attempts,
        "attempts_detail": [_public_attempt(one) for one in attempts_of(record)],
        "losses": list(record.losses),
        "timing": {
            "started_at": _timestamp(record.started_at_ms),
            "latency_ms": record.latency_ms,
            "ttft_ms": record.ttft_ms,
        },
    }


def attempts_of(record: UsageRecord) -> tuple[Attempt, ...]:
    """Every attempt at an upstream. Of an only one the record itself tells."""
    if record.attempts_detail or record.upstream is None:
        return record.attempts_detail
    failed = record.outcome is not Outcome.COMPLETED
    return (
        Attempt(
            upstream=record.upstream,
            account=record.account,
            status=record.status,
            reason=record.outcome.value if failed else None,
            duration_ms=record.latency_ms,
            tokens=None if record.usage_source is UsageSource.NONE else total_tokens(record),
            cost_micro=record.cost_micro,
            upstream_model=record.upstream_model,
        ),
    )


def _public_attempt(attempt: Attempt) -> Json:
    return {
        "upstream": attempt.upstream,
        "status": attempt.status,
        "reason": attempt.reason,
        "duration_ms": attempt.duration_ms,
        "tokens": attempt.tokens,
        "cost_micro": attempt.cost_micro,
    }


def fresh_input(record: UsageRecord) -> int | None:
    """Input of every kind that no cache had a part in; None when the upstream reported none."""
    return _known((record.input_tokens, record.image_input_tokens, record.audio_input_tokens))


def visible_output(record: UsageRecord) -> int | None:
    """Everything generated but reasoning; None when the upstream reported none of it."""
    return _known((record.output_tokens, record.image_output_tokens, record.audio_output_tokens))


def total_output(record: UsageRecord) -> int | None:
    """Everything generated; None when the upstream reported none of it."""
    return _known((visible_output(record), record.reasoning_tokens))


def _known(parts: tuple[int | None, ...]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _timestamp(at_ms: int) -> str:
    """RFC 3339, UTC, milliseconds."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _clipped(record: UsageRecord) -> UsageRecord:
    return replace(
        record,
        losses=tuple(map(_clean, record.losses[:MAX_LOSSES])),
        attempts_detail=tuple(
            replace(one, **_clean_values(one)) for one in record.attempts_detail[:MAX_ATTEMPTS]
        ),
        **_clean_values(record),
    )


def _clean_values(one: UsageRecord | Attempt) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for field in fields(one):
        value = getattr(one, field.name)
        if type(value) is str:  # not the enumerations, which are str too
            changes[field.name] = _clean(value)
        elif type(value) is int:  # nor the booleans
            changes[field.name] = _count(value)
    return changes


def _clean(text: str) -> str:
    return text[:MAX_TEXT].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value[:MAX_TEXT].replace("\0", "\ufffd")


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return max(0, min(value, MAX_COUNT))


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _maybe_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _maybe_count(value: object) -> int | None:
    return None if value is None else _count(value)


def _losses(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(item) for item in value[:MAX_LOSSES])


def _attempts(value: object) -> tuple[Attempt, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_attempt(item) for item in value[:MAX_ATTEMPTS])


def _attempt(value: object) -> Attempt:
    if not isinstance(value, dict):
        raise TypeError
    return Attempt(
        upstream=_maybe_text(value.get("upstream")),
        account=_maybe_text(value.get("account")),
        status=min(_count(value["status"]), MAX_SMALL),
        reason=_maybe_text(value.get("reason")),
        duration_ms=_count(value["duration_ms"]),
        tokens=_maybe_count(value.get("tokens")),
        cost_micro=_maybe_count(value.get("cost_micro")),
        upstream_model=_maybe_text(value.get("upstream_model")),
    )
