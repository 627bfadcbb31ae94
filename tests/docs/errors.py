"""The exception classes of the rooms, read from their sources: names, parents, docstrings.

Read and not imported, because one process cannot import every room: the command line and the
workers bring two implementations of the same gRPC health messages, which protobuf refuses.
"""

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from tests.test_house import PYTHON, ROOT, relative

ROOMS = ("catalog", "cli", "extproc", "ledger", "portal", "translators")


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """One class. `parents` are the names of its bases as they are written."""

    name: str
    module: str
    parents: tuple[str, ...]
    meaning: str

    @property
    def room(self) -> str:
        return self.module.split(".")[0]


@cache
def error_classes() -> tuple[ErrorClass, ...]:
    """Every public exception class of the rooms that run in production, in order of definition."""
    candidates = [found for path in PYTHON for found in _classes(relative(path))]
    known: set[str] = set()
    while more := {c.name for c in candidates if _raised(c, known)} - known:
        known |= more
    return tuple(c for c in candidates if c.name in known and not c.name.startswith("_"))


def tree_of(root: ErrorClass, classes: Sequence[ErrorClass]) -> list[str]:
    """The tree below a class, drawn as the modules draw it; children as they are defined."""
    children = [cls for cls in classes if root.name in cls.parents]
    lines = [root.name]
    for child in children:
        last = child is children[-1]
        head, *below = tree_of(child, classes)
        lines.append(("└── " if last else "├── ") + head)
        lines += [("    " if last else "│   ") + line for line in below]
    return lines


def trees(room: str) -> list[list[str]]:
    """Every tree of a room, one for each class that extends none of the room's own."""
    classes = [cls for cls in error_classes() if cls.room == room]
    names = {cls.name for cls in classes}
    return [tree_of(cls, classes) for cls in classes if not names.intersection(cls.parents)]


def _raised(candidate: ErrorClass, known: set[str]) -> bool:
    for parent in candidate.parents:
        builtin = getattr(builtins, parent, None)
        if isinstance(builtin, type) and issubclass(builtin, BaseException):
            return True
    return not known.isdisjoint(candidate.parents)


def _classes(path: str) -> Iterator[ErrorClass]:
    module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    if module.split(".")[0] not in ROOMS:
        return
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            parents = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
            words = (ast.get_docstring(node) or "").split("\n\n")[0].split()
            yield ErrorClass(node.name, module, parents, " ".join(words))
