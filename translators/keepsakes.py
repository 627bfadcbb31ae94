"""Sealed reasoning kept by the gateway, for clients whose dialect has no field for it.

A model that signs its reasoning wants it back before the results of the tools that it called, or
answers worse, or refuses. Where the client cannot carry the seals (translators/carry.py), they are
kept under the ids of the calls, which the client does send back. What is kept is JSON with the
reasoning's exact text, because a signature covers it; nothing here says where or for how long.

Whatever is found under an id that is not of this form is as good as nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from translators import text_json
from translators.canonical.parts import Part, Reasoning, Text, ToolCall
from translators.canonical.request import Request, Role, Turn
from translators.canonical.sealed import Sealed

# Models need the reasoning of the tool loop that they are in. A loop longer than this loses the
# beginning of its reasoning, not its use.
MOST_WANTED = 64

_VERSION = 1


def kept(parts: Iterable[Part]) -> dict[str, bytes]:
    """What to keep of an answer, by the id of the call that it belongs to.

    A call keeps its own seal and the sealed reasoning between the call before it and itself.
    """
    found: dict[str, bytes] = {}
    reasoning: list[dict[str, object]] = []
    spoken = False
    for part in parts:
        if isinstance(part, Text) and part.text:
            spoken = True
        elif isinstance(part, Reasoning) and part.sealed is not None:
            reasoning.append(_written(part, part.sealed, first=not spoken and not found))
        elif isinstance(part, ToolCall):
            if reasoning or part.sealed is not None:
                seal = _written_seal(part.sealed) if part.sealed is not None else None
                value = {"version": _VERSION, "reasoning": reasoning, "seal": seal}
                found[part.id] = text_json.dumps(value)
            reasoning = []
            spoken = True
    return found


def wanted(request: Request) -> list[str]:
    """The ids of the latest calls in the history whose turn carries no seal, oldest first."""
    found: dict[str, None] = {}
    for turn in reversed(request.turns):
        if _is_bare(turn):
            for part in reversed(turn.parts):
                if isinstance(part, ToolCall):
                    found.setdefault(part.id)
        if len(found) >= MOST_WANTED:
            break
    return list(found)[:MOST_WANTED][::-1]


def restored(request: Request, found: Mapping[str, bytes]) -> Request:
    """The request with the reasoning back before its calls, and the seals on them.

    Unsealed reasoning of the same turn gives way: it is the same, as the client could show it. Of
    several calls with one id the latest is meant.
    """
    keepsakes = {call_id: _read(value) for call_id, value in found.items()}
    waiting = {call_id: keepsake for call_id, keepsake in keepsakes.items() if keepsake}
    turns: list[Turn] = []
    for turn in reversed(request.turns):
        turns.append(_restored_turn(turn, waiting) if waiting and _is_bare(turn) else turn)
    return replace(request, turns=tuple(reversed(turns)))


@dataclass(frozen=True, slots=True)
class _Keepsake:
    """`first`: reasoning that stood before everything else of the answer."""

    first: tuple[Reasoning, ...]
    before: tuple[Reasoning, ...]
    seal: Sealed | None


def _is_bare(turn: Turn) -> bool:
    return turn.role is Role.ASSISTANT and not any(
        isinstance(part, Reasoning | ToolCall) and part.sealed is not None for part in turn.parts
    )


def _restored_turn(turn: Turn, waiting: dict[str, _Keepsake]) -> Turn:
    first: list[Part] = []
    rest: list[Part] = []  # from the last part to the first
    for part in reversed(turn.parts):
        keepsake = waiting.pop(part.id, None) if isinstance(part, ToolCall) else None
        if isinstance(part, ToolCall) and keepsake is not None:
            rest.append(replace(part, sealed=keepsake.seal))
            rest += reversed(keepsake.before)
            first = [*keepsake.first, *first]
        else:
            rest.append(part)
    if len(first) + len(rest) == len(turn.parts) and all(
        new is old for new, old in zip(reversed(rest), turn.parts, strict=True)
    ):
        return turn
    parts = [*first, *reversed(rest)]
    if any(isinstance(part, Reasoning) and part.sealed is not None for part in parts):
        parts = [p for p in parts if not isinstance(p, Reasoning) or p.sealed is not None]
    return replace(turn, parts=tuple(parts))


# ------------------------------------------------------------------------------------- as bytes


def _written(part: Reasoning, sealed: Sealed, *, first: bool) -> dict[str, object]:
    return {
        "text": part.text,
        "redacted": part.redacted,
        "id": part.id,
        "first": first,
        "seal": _written_seal(sealed),
    }


def _written_seal(sealed: Sealed) -> dict[str, object]:
    return {"issuer": sealed.issuer, "payload": sealed.payload}


def _read(value: bytes) -> _Keepsake | None:
    try:
        stored = text_json.loads(value)
    except (ValueError, TypeError):
        return None
    if not isinstance(stored, dict) or stored.get("version") != _VERSION:
        return None
    pieces, seal = stored.get("reasoning"), _read_seal(stored.get("seal"))
    if not isinstance(pieces, list) or (seal is None and not pieces):
        return None
    first: list[Reasoning] = []
    before: list[Reasoning] = []
    for piece in pieces:
        reasoning = _read_reasoning(piece)
        if reasoning is None:
            return None
        (first if piece.get("first") is True else before).append(reasoning)
    return _Keepsake(tuple(first), tuple(before), seal)


def _read_reasoning(stored: Any) -> Reasoning | None:
    if not isinstance(stored, dict):
        return None
    text, named, seal = stored.get("text"), stored.get("id"), _read_seal(stored.get("seal"))
    if not isinstance(text, str) or seal is None:
        return None
    redacted = stored.get("redacted") is True
    return Reasoning(text, seal, redacted, named if isinstance(named, str) else None)


def _read_seal(stored: Any) -> Sealed | None:
    if not isinstance(stored, dict):
        return None
    issuer, payload = stored.get("issuer"), stored.get("payload")
    if not isinstance(issuer, str) or not isinstance(payload, str):
        return None
    return Sealed(issuer, payload)
