"""Damage done to well-formed inputs, by a seed: the same seed and number make the same input.

JSON is damaged as a tree (a value of a wrong type at any depth, something left out, said twice,
moved, renamed, nested deep) and as bytes (cut, broken in the middle, with bytes that are no text).
"""

import json
import random
import re
from collections.abc import Callable
from typing import Any

Tree = Any
Place = tuple[Any, Any]  # a list or an object, and the index or key of a value in it

WRONG: tuple[Tree, ...] = (
    None, True, False, 0, -1, 7, 1.5, 1e300, 10**30, -(10**19), "", "x", "null", [], [[]], ["x"],
    [None], {}, {"x": 1}, {"type": "text"}, {"type": 7}, [{}], {"": None},
)  # fmt: skip
STRANGE = (
    "\u2028", "\u0085", "\x00", "\x1b[0m", "\ufeff", "\U0001f600", "e\u0301", "\u202e",
    "data: x\n\n", "\r\n", "%s{}", "../", "clv1.", "clv1.a.b", "Y2x2MS4",
    "data:image/png;base64,", "ü" * 70,
)  # fmt: skip
BYTES = (
    b"",
    b"\xff",
    b"\xc3",
    b"\x00",
    b'"',
    b"{",
    b"]",
    b",",
    b"\\ud800",
    b"\n\n",
    b"data:",
    b"1",
)
DEEP = (3, 60, 400, 900, 100_000)


def places(tree: Tree) -> list[Place]:
    """Every value inside a document."""
    found: list[Place] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        inside: list[Any] = []
        if isinstance(one, dict):
            inside = list(one)
        elif isinstance(one, list):
            inside = list(range(len(one)))
        for key in inside:
            found.append((one, key))
            waiting.append(one[key])
    return found


def _replace(rng: random.Random, at: Place, _: list[Place]) -> None:
    at[0][at[1]] = json.loads(json.dumps(rng.choice(WRONG)))


def _delete(rng: random.Random, at: Place, _: list[Place]) -> None:
    del at[0][at[1]]


def _twice(rng: random.Random, at: Place, _: list[Place]) -> None:
    holder, key = at
    if isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        holder[f"{key}_2"] = holder[key]


def _move(rng: random.Random, at: Place, others: list[Place]) -> None:
    holder, key = rng.choice(others)
    at[0][at[1]] = json.loads(json.dumps(holder[key]))


def _rename(rng: random.Random, at: Place, others: list[Place]) -> None:
    holder, key = at
    names = [name for inside, name in others if isinstance(inside, dict)]
    if isinstance(holder, dict) and names:
        holder[rng.choice(names)] = holder.pop(key)


def _strange(rng: random.Random, at: Place, _: list[Place]) -> None:
    value = at[0][at[1]]
    text = value if isinstance(value, str) else ""
    cut = rng.randint(0, len(text))
    at[0][at[1]] = text[:cut] + rng.choice(STRANGE) + text[cut:]


def _nest(rng: random.Random, at: Place, _: list[Place]) -> None:
    """A mark for `_unfolded`: the standard library cannot write so deep a tree."""
    key = rng.choice(["properties", "items", "content", "anyOf", "x", "list"])
    at[0][at[1]] = f"NESTED:{key}:{rng.choice(DEEP)}"


def _unfolded(match: re.Match[str]) -> str:
    key, depth = match[1], int(match[2])
    if key in ("anyOf", "list"):
        return "[" * depth + "]" * depth
    return f'{{"{key}":' * depth + "{}" + "}" * depth


_TREE: tuple[Callable[[random.Random, Place, list[Place]], None], ...] = (
    _replace, _replace, _replace, _delete, _twice, _move, _rename, _strange, _nest,
)  # fmt: skip


def damaged_tree(rng: random.Random, document: bytes) -> bytes:
    """A JSON document with one to three of its values damaged."""
    tree = json.loads(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        found = places(tree)
        if not found:
            return json.dumps(rng.choice(WRONG)).encode()
        rng.choice(_TREE)(rng, rng.choice(found), found)
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5, separators=(",", ":"))
    return re.sub(r'"NESTED:(\w+):(\d+)"', _unfolded, text).encode()


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """Cut short, cut out of, put in twice, or with something strange in the middle."""
    start = rng.randint(0, len(data))
    end = min(len(data), start + rng.randint(0, 60))
    match rng.randrange(4):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:end] + data[start:]
        case _:
            return data[:start] + rng.choice(BYTES) + data[end:]


def damaged_json(rng: random.Random, document: bytes) -> bytes:
    """Mostly still JSON."""
    return damaged_bytes(rng, document) if rng.random() < 0.15 else damaged_tree(rng, document)


def damaged_stream(rng: random.Random, stream: bytes) -> bytes:
    """An event stream of which an event is damaged, left out, or told twice or elsewhere."""
    if rng.random() < 0.2:
        return damaged_bytes(rng, stream)
    events = stream.split(b"\n\n")
    at = rng.randrange(len(events))
    match rng.randrange(5):
        case 0:
            del events[at]
        case 1:
            events.insert(rng.randrange(len(events)), events[at])
        case _:
            head, mark, data = events[at].partition(b"data: ")
            if mark and data[:1] == b"{":
                events[at] = head + mark + damaged_json(rng, data)
    return b"\n\n".join(events)


def pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """The same bytes as they may come from a network."""
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.randint(0, 4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
