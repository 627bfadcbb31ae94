"""Unions: the alternative is found before it is checked, so that the problem told is the one
meant."""

from typing import Any

from simulator.grammar.check import Array, Literals, Map, Node, Obj, Problem, Scalar, Tag

TAG_FIELDS = ("type", "role")


class Union:
    """One of several kinds. Built after all objects are known."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self._ready = False

    def _prepare(self) -> None:
        """Sorts the alternatives by JSON type and tag; on first use, because types may refer in
        circles."""
        flat: list[Node] = []
        for node in self._nodes:
            flat += node.nodes() if isinstance(node, Union) else [node]
        self._scalars = tuple(
            kind for node in flat if isinstance(node, Scalar) for kind in node.kinds
        )
        self._scalar_nodes = [node for node in flat if isinstance(node, Scalar)]
        self._literals = [node for node in flat if isinstance(node, Literals)]
        self._lists = [node for node in flat if isinstance(node, Array)]
        self._maps: list[Node] = [node for node in flat if isinstance(node, Map)]
        self._objects = [node for node in flat if isinstance(node, Obj)]
        self._tag_field = next(
            (name for name in TAG_FIELDS if sum(name in node.tags for node in self._objects) > 1),
            None,
        )
        self._ready = True

    def nodes(self) -> list[Node]:
        """The alternatives."""
        return self._nodes

    def check(self, value: Any) -> Problem | None:
        if not self._ready:
            self._prepare()
        if isinstance(value, dict):
            if self._maps:
                return None if self._objects else self._maps[0].check(value)
            return self._object(value) if self._objects else self._wrong(value)
        if isinstance(value, list):
            return _best(self._lists, value) if self._lists else self._wrong(value)
        for node in self._scalar_nodes:
            if node.check(value) is None:
                return None
        for literal in self._literals:
            problem = literal.check(value)
            if problem is None:
                return None
            if isinstance(value, str):
                return problem
        return self._wrong(value)

    def _wrong(self, value: Any) -> Problem:
        """The value is of no kind that would do."""
        expected = list(self._scalars)
        expected += ["str"] * bool(self._literals)
        expected += ["list"] * bool(self._lists)
        expected += ["obj"] * bool(self._objects or self._maps)
        if expected == ["null"] and self._literals:
            return Problem("value", (), value)
        return Problem("type", tuple(dict.fromkeys(expected)), value)

    def _object(self, value: dict[str, Any]) -> Problem | None:
        name = self._tag_field
        if name is None:
            return _best(self._objects, value)
        tag = value.get(name)
        fitting = [node for node in self._objects if _may_be(node, name, tag)]
        if fitting:
            problem = _best(fitting, value)
            if problem is not None and name == "type":
                problem.at(Tag(tag if isinstance(tag, str) else _default_tag(fitting[0], name)))
            return problem
        if name not in value:
            return Problem("missing").at(name)
        known = sorted({text for node in self._objects for text in node.tags.get(name, ())})
        return Problem("tag", tuple(known), tag).at(name)


def _may_be(node: Obj, name: str, tag: Any) -> bool:
    if tag is None:
        return name not in node.required
    return name not in node.tags or tag in node.tags[name]


def _default_tag(node: Obj, name: str) -> str:
    return next(iter(node.tags.get(name, ("object",))))


def _best(nodes: list[Any], value: Any) -> Problem | None:
    """The first alternative that fits, else the problem of the one that got furthest."""
    best: Problem | None = None
    for node in nodes:
        problem: Problem | None = node.check(value)
        if problem is None:
            return None
        if best is None or len(problem.steps) > len(best.steps):
            best = problem
    return best
