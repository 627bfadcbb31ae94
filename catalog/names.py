"""From the name a client asked for to the model: exact, then alias, then the most specific pattern.

Exact names and aliases are one dictionary lookup. A name that only a pattern could answer must be
made of characters that are safe in a URL's path, because the name goes there (Gemini) or into the
upstream's logs. The nearest name is searched among those that share most three-letter pieces with
the asked one: difflib over a thousand names would hold up a worker for 30 ms.
"""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from catalog.globs import matches, specificity
from catalog.memo import Memo
from catalog.models import Model

MAX_REMEMBERED = 4096
_NEAREST_CUTOFF = 0.5
_NEAREST_CANDIDATES = 40
_SAFE = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")


class Names:
    """The models by name."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._exact: dict[str, Model] = {}
        patterns: list[Model] = []
        for model in models:
            if model.is_pattern:
                patterns.append(model)
            else:
                self._exact.setdefault(model.name, model)
        for model in models:
            for alias in model.aliases:
                self._exact.setdefault(alias, model)
        self._by_piece: defaultdict[str, list[str]] = defaultdict(list)
        for name in self._exact:
            for piece in _pieces(name.lower()):
                self._by_piece[piece].append(name)
        self._patterns = sorted(patterns, key=lambda model: specificity(model.name), reverse=True)
        self._by_pattern: Memo[str, Model | None] = Memo(MAX_REMEMBERED)
        self._nearest: Memo[str, tuple[str, ...]] = Memo(MAX_REMEMBERED)

    def find(self, name: str) -> Model | None:
        """The model that answers to a name."""
        model = self._exact.get(name)
        if model is not None or not self._patterns or not _SAFE.fullmatch(name):
            return model
        return self._by_pattern(name, lambda: self._match(name))

    def nearest(self, name: str, wanted: Callable[[str], bool]) -> str | None:
        """The most similar name or alias that `wanted` accepts."""
        short = name[:200].lower()
        close = self._nearest(short, lambda: self._close(short))
        return next((candidate for candidate in close if wanted(candidate)), None)

    def _match(self, name: str) -> Model | None:
        return next((model for model in self._patterns if matches(model.name, name)), None)

    def _close(self, name: str) -> tuple[str, ...]:
        shared: Counter[str] = Counter()
        for piece in _pieces(name):
            shared.update(self._by_piece.get(piece, ()))
        candidates = {known.lower(): known for known, _ in shared.most_common(_NEAREST_CANDIDATES)}
        close = difflib.get_close_matches(name, candidates, n=10, cutoff=_NEAREST_CUTOFF)
        return tuple(candidates[match] for match in close)


def _pieces(name: str) -> set[str]:
    """Every run of three characters; the ends count as characters."""
    padded = f"\n{name}\n"
    return {padded[index : index + 3] for index in range(len(padded) - 2)}
