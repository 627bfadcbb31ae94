"""What is wrong with a catalog, said so that the operator finds the place.

    CatalogError                the catalog cannot be used; every problem found is in `.problems`

A problem is one line: `models[2].targets[0].provider: no provider called 'opnai'; did you mean
'openai'? (line 31)`. Values never appear in it, only names: a value may be a credential.
"""

import difflib
from collections.abc import Iterable, Mapping

Place = tuple[str | int, ...]


class CatalogError(ValueError):
    """The catalog is wrong: correct what each line of `.problems` names, then load it again."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: list[str] = list(problems)
        super().__init__("\n".join(self.problems))


def dotted(place: Place) -> str:
    """('models', 2, 'name') as `models[2].name`; the document itself is `catalog`."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text or "catalog"


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing when nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Problems:
    """Collects problems with their places and gives each the line where its place begins."""

    def __init__(self, lines: Mapping[Place, int] | None = None) -> None:
        self._lines = {} if lines is None else lines  # may fill up later
        self._found: dict[str, int] = {}
        self._places: set[Place] = set()

    def add(self, place: Place, message: str) -> None:
        self._places.add(place)
        line = self._line(place)
        suffix = f" (line {line})" if line else ""
        self._found.setdefault(f"{dotted(place)}: {message}{suffix}", line)

    def has(self, place: Place) -> bool:
        """Whether something is known to be wrong exactly here."""
        return place in self._places

    def unknown(self, place: Place, noun: str, name: str, known: Iterable[str]) -> None:
        """A reference to something that does not exist, with the nearest name that does."""
        self.add(place, f"no {noun} called {name!r}" + nearest_hint(name, known))

    def raise_if_any(self) -> None:
        if self._found:
            raise CatalogError(sorted(self._found, key=lambda text: self._found[text]))

    def __bool__(self) -> bool:
        return bool(self._found)

    def _line(self, place: Place) -> int:
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 0)
