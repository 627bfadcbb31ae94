"""Key facts as bytes: what Redis keeps of a key and every admission brings back.

Compact JSON, one version, unknown fields ignored (a newer writer may know more). The data plane
sees the same bytes again and again, so decoding is remembered by the bytes themselves: a change
of the key changes the bytes, which makes a stale answer impossible.
"""

import orjson

from ledger.errors import BadRecord
from ledger.model import KeyFacts, Limit, LimitKind

MAX_REMEMBERED = 8192  # about 500 bytes each; more keys than one worker meets in a minute


def encode_facts(facts: KeyFacts) -> bytes:
    return orjson.dumps(facts)


def decode_facts(data: bytes) -> KeyFacts:
    """Raises BadRecord for anything that is not the JSON of key facts."""
    try:
        raw = orjson.loads(data)
        return KeyFacts(
            key_id=_text(raw["key_id"]),
            customer_id=_text(raw["customer_id"]),
            name=_text(raw["name"]),
            groups=_texts(raw.get("groups", ())),
            models=_texts(raw.get("models", ())),
            endpoints=_texts(raw.get("endpoints", ())),
            networks=_texts(raw.get("networks", ())),
            expires_at_ms=_maybe_integer(raw.get("expires_at_ms")),
            disabled=bool(raw.get("disabled", False)),
            version=int(raw.get("version", 0)),
            strict=bool(raw.get("strict", False)),
            limits=_limits(raw.get("limits", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecord(f"not key facts: {type(error).__name__}") from None


class FactsMemory:
    """Decoded facts by their bytes. Forgets everything when full: refilling costs microseconds."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, KeyFacts] = {}

    def decode(self, data: bytes) -> KeyFacts:
        facts = self._known.get(data)
        if facts is None:
            facts = decode_facts(data)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[data] = facts
        return facts


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(_text(item) for item in value)


def _limits(value: object) -> tuple[Limit, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(
        Limit(_text(item["scope"]), LimitKind(item["kind"]), _integer(item["most"]))
        for item in value
    )


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _maybe_integer(value: object) -> int | None:
    return None if value is None else _integer(value)
