"""Names with `*`: matching, and which pattern is the more specific.

`*` stands for any run of characters, `/` and `:` included, because model names contain them;
nothing else is special. Matching is case-sensitive and walks the literal parts with `str.find`, so
that no pattern can be made to backtrack (a key's patterns come from users).
"""

from collections.abc import Iterable

STAR = "*"


def is_pattern(name: str) -> bool:
    """True when the name contains a star."""
    return STAR in name


def matches(pattern: str, name: str) -> bool:
    """Whether the whole name fits the pattern. Linear in the name for each literal part."""
    if STAR not in pattern:
        return pattern == name
    head, *middle, tail = pattern.split(STAR)
    if len(name) < len(head) + len(tail) or not name.startswith(head) or not name.endswith(tail):
        return False
    position, end = len(head), len(name) - len(tail)
    for part in middle:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def matches_any(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns fits; False for no patterns."""
    return any(matches(pattern, name) for pattern in patterns)


def specificity(pattern: str) -> tuple[int, int]:
    """Sorts descending: more literal characters first, then fewer stars."""
    stars = pattern.count(STAR)
    return len(pattern) - stars, -stars
