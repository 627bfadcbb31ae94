"""YAML text to plain values, with the line of every place, and nothing that YAML could do behind
our back.

The node tree of PyYAML is walked here instead of by its constructor, because the constructor
forgets lines, lets a later duplicate key win silently and turns 1.25 into a binary float. Rules:

- only scalars, sequences and mappings; tags, timestamps and sets are text or a problem
- a key is its text as written (`on:` is "on", not true); a duplicate key is a problem
- sequences become tuples and fractions become Decimal, so that strict validation and money stay
  exact
- aliases and merge keys work, up to MAX_NODES nodes after expansion
- no problem ever quotes a value: what stands there may be a credential
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from catalog.problems import CatalogError, Place, Problems

MAX_NODES = 200_000  # a thousand models take about 20,000; aliases that multiply end here

# libyaml where PyYAML was built with it: twenty times faster on a thousand models.
_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)
_PREFIX = "tag:yaml.org,2002:"
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping as values, and the line (from 1) on which each place begins."""

    value: dict[str, Any]
    lines: dict[Place, int] = field(default_factory=dict)


def read(text: str) -> Document:
    """Read one YAML document whose top is a mapping. Raises CatalogError."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise CatalogError([_syntax(error, text)]) from None
    except RecursionError:
        raise CatalogError(["catalog: nested too deeply"]) from None
    if not isinstance(node, MappingNode):
        raise CatalogError(["catalog: the document must be a mapping (version:, providers:, ...)"])
    walk = _Walk()
    try:
        value = walk.mapping(node, ())
    except RecursionError:
        raise CatalogError(["catalog: an alias contains itself, or nesting is too deep"]) from None
    walk.problems.raise_if_any()
    return Document(value, walk.lines)


def _syntax(error: yaml.YAMLError, text: str) -> str:
    """Where the YAML breaks. ComposerError names the alias, which may be a mistyped credential."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "catalog: not YAML: a character that YAML does not allow"
    mark = error.problem_mark or error.context_mark
    where = f" (line {mark.line + 1})" if mark else ""
    if isinstance(error, yaml.composer.ComposerError):
        return f"catalog: not YAML: an unknown or repeated anchor, or several documents{where}"
    line = text.split("\n")[mark.line : mark.line + 1] if mark else []
    hint = ' (inside { } a reference needs quotes: "${NAME}")' if "${" in "".join(line) else ""
    return f"catalog: not YAML: {error.problem}{hint}{where}"


class _Walk:
    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self.problems = Problems(self.lines)
        self._nodes = 0

    def mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problems.add(place, "a key must be a plain name")
                continue
            key = str(key_node.value)
            if key_node.tag == _PREFIX + "merge":
                merged.update(self._merge(value_node, place))
                continue
            here = (*place, key)
            if key in result:
                line = key_node.start_mark.line + 1
                self.problems.add(here, f"declared twice, again on line {line}")
                continue
            self.lines[here] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, here)
        return {**merged, **result}

    def value(self, node: Node, place: Place) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise CatalogError(
                [f"catalog: more than {MAX_NODES} values after aliases are expanded"]
            )
        if isinstance(node, MappingNode) and node.tag == _PREFIX + "map":
            return self.mapping(node, place)
        if isinstance(node, SequenceNode) and node.tag == _PREFIX + "seq":
            items: list[Any] = []
            for index, item in enumerate(node.value):
                here = (*place, index)
                self.lines[here] = item.start_mark.line + 1
                items.append(self.value(item, here))
            return tuple(items)
        if isinstance(node, ScalarNode) and node.tag.startswith(_PREFIX):
            return self._scalar(node, place)
        self.problems.add(place, "YAML tags are not used here")
        return None

    def _merge(self, node: Node, place: Place) -> dict[str, Any]:
        if isinstance(node, MappingNode):
            return self.mapping(node, place)
        if isinstance(node, SequenceNode) and all(isinstance(n, MappingNode) for n in node.value):
            merged: dict[str, Any] = {}
            for item in reversed(node.value):  # YAML: the earlier mapping wins
                merged.update(self.mapping(item, place))
            return merged
        self.problems.add(place, "`<<` takes a mapping or a list of mappings")
        return {}

    def _scalar(self, node: ScalarNode, place: Place) -> Hashable:
        kind, text = node.tag.removeprefix(_PREFIX), str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return _BOOLEANS[text.lower()]
        if kind == "int":
            return self._integer(text)
        if kind == "float":
            try:
                return Decimal(text.replace("_", ""))
            except InvalidOperation:  # .inf, .nan, 1:30.5
                self.problems.add(place, "not a number that can be used here")
                return None
        return text

    @staticmethod
    def _integer(text: str) -> int | str:
        """Decimal integers only: 0o17, 0x1F and 1:30 stay text, which strict validation then
        refuses."""
        digits = text.replace("_", "")
        try:
            return int(digits)
        except ValueError:
            return text
