"""A call whose arguments come in pieces, as Vertex AI streams them where it is asked to.

Each piece names its place by a JSON path (RFC 9535, names and indexes alone) and gives a value, or
the next piece of a string there. We never ask for this; an upstream may be set to it.
"""

import re
from collections.abc import Mapping
from typing import Any

from translators.canonical.sealed import Sealed
from translators.fields import text
from translators.gemini.wire import either

_STEP = re.compile(
    r"\.([^.\[\]]+)|\[(\d{1,4})\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]"
)
_ESCAPED = re.compile(r"\\(.)")
_MOST_STEPS = 64
_MOST_INDEX = 4_096

Place = str | int


class PartialCall:
    """The pieces put together. `args` is read when the call is complete."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.id: str | None = None
        self.sealed: Sealed | None = None
        self._whole: dict[str, Any] = {}
        self._strings: dict[tuple[Place, ...], list[str]] = {}
        self._others: dict[tuple[Place, ...], Any] = {}

    def add(self, call: Mapping[str, Any], sealed: Sealed | None) -> bool:
        """Whether the call is complete now."""
        self.name = self.name or text(call.get("name"))
        self.id = self.id or text(call.get("id"))
        self.sealed = sealed or self.sealed
        if isinstance(args := call.get("args"), dict):
            self._whole |= args
        pieces = either(call, "partialArgs")
        for piece in pieces if isinstance(pieces, list) else ():
            self._add_piece(piece)
        return either(call, "willContinue") is not True

    def _add_piece(self, piece: object) -> None:
        path = _path(text(either(piece, "jsonPath")) or "")
        if path is None or not isinstance(piece, dict):
            return
        if isinstance(said := either(piece, "stringValue"), str):
            self._strings.setdefault(path, []).append(said)
        elif (value := either(piece, "numberValue")) is not None:
            whole = isinstance(value, float) and value.is_integer()
            self._others[path] = int(value) if whole else value
        elif (value := either(piece, "boolValue")) is not None:
            self._others[path] = value
        elif either(piece, "nullValue") is not None:
            self._others[path] = None

    @property
    def args(self) -> dict[str, Any]:
        values = {path: "".join(pieces) for path, pieces in self._strings.items()} | self._others
        result = dict(self._whole)
        for path, value in values.items():
            _put(result, path, value)
        return result


def _path(json_path: str) -> tuple[Place, ...] | None:
    if not json_path.startswith("$"):
        return None
    steps: list[Place] = []
    at = 1
    while at < len(json_path):
        step = _STEP.match(json_path, at)
        if step is None or len(steps) > _MOST_STEPS:
            return None
        name, index, single, double = step.groups()
        quoted = single if single is not None else double
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(name if name is not None else _ESCAPED.sub(r"\1", quoted))
        at = step.end()
    return tuple(steps) if steps and isinstance(steps[0], str) else None


def _put(root: dict[str, Any], path: tuple[Place, ...], value: Any) -> None:
    """The value at its place. What stands in the way of the path keeps its place."""
    here: Any = root
    for step, following in zip(path, (*path[1:], None), strict=True):
        inside: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if not isinstance(here, list) or step > min(len(here), _MOST_INDEX):
                return
            if step == len(here):
                here.append(inside)
        elif not isinstance(here, dict):
            return
        else:
            here.setdefault(step, inside)
        here = here[step]
