"""What a key's groups let it use: models, doors and pools.

A key names groups; one group that allows both the model and the door is enough, and the first such
group in the key's order decides pools and price multiplier. No group named means `default`. A group
that is not in the catalog (any more) allows nothing. A model is judged by its own name, not by the
alias that was asked for; a name that a pattern answers is judged as asked. A group that is limited
to pools allows only the models that some account of those pools serves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from catalog.globs import matches_any
from catalog.memo import Memo
from catalog.models import Group, Model
from catalog.names import Names

DEFAULT_GROUP = "default"
MAX_REMEMBERED = 4096
_ONE = Fraction(1)
_MAX_NAMED = 8  # names listed in a reason: enough to help, short enough for a header

GroupNames = tuple[str, ...]
Refusal = Literal["model", "endpoint", "group"]


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a key may; if so by which group, if not what stands against it and what is
    allowed."""

    allowed: bool
    reason: str | None = None  # a sentence for the caller
    refused: Refusal | None = None
    group: str | None = None
    groups: tuple[str, ...] = ()  # that may be tried one after the other; the first is `group`


class Gate:
    """Judges by groups; built once per catalog."""

    def __init__(
        self,
        groups: Mapping[str, Group],
        models: Iterable[Model],
        names: Names,
        pools: Mapping[str, frozenset[str]],
    ) -> None:
        """`pools`: by model name, the pools of the accounts that serve it."""
        self._groups = groups
        self._multipliers = {name: group.multiplier for name, group in groups.items()}
        self._listed = [m for m in models if not m.is_pattern and pools[m.name]]
        self._names = names
        self._pools = pools
        self._visible: Memo[tuple[GroupNames, GroupNames], list[Model]] = Memo(MAX_REMEMBERED)
        self._judged: Memo[tuple[GroupNames, str, str, GroupNames, GroupNames], Access] = Memo(
            MAX_REMEMBERED
        )

    def groups(self, names: GroupNames) -> list[Group]:
        """The groups of a key that exist, in its order, with those of a choice in its place."""
        return [group for choice in self._choices(names) for group in choice]

    def _choices(self, names: GroupNames) -> list[list[Group]]:
        """For each group of a key those that it stands for: itself, or what it chooses among."""
        found = (self._groups[name] for name in names or (DEFAULT_GROUP,) if name in self._groups)
        return [self._among(group) if group.among else [group] for group in found]

    def _among(self, group: Group) -> list[Group]:
        members = [self._groups[name] for name in group.among if name in self._groups]
        if group.choose == "price":
            members.sort(key=lambda member: self._multipliers[member.name])
        return members

    def visible(self, names: GroupNames, patterns: GroupNames) -> list[Model]:
        """The models to list, in the catalog's order: named ones that some upstream serves."""
        return self._visible((names, patterns), lambda: self._list(names, patterns))

    def allows_model(self, group: Group, asked: str) -> bool:
        """Whether the group takes the model that answers to a name."""
        if group.models and not matches_any(group.models, self._own_name(asked)):
            return False
        model = self._names.find(asked)
        served = self._pools[model.name] if model else frozenset()
        return not (group.pools and served) or not served.isdisjoint(group.pools)

    def access(
        self,
        names: GroupNames,
        model: str,
        endpoint: str,
        key_models: GroupNames = (),
        key_endpoints: GroupNames = (),
    ) -> Access:
        """The judgement on one request; `key_models` and `key_endpoints` are the key's own
        limits."""
        key = (names, model, endpoint, key_models, key_endpoints)
        return self._judged(key, lambda: self._judge(*key))

    def multiplier(self, name: str | None) -> Fraction:
        """The price multiplier of a group; 1 for none."""
        return self._multipliers.get(name or "", _ONE)

    def _own_name(self, asked: str) -> str:
        model = self._names.find(asked)
        return asked if model is None or model.is_pattern else model.name

    def _list(self, names: GroupNames, patterns: GroupNames) -> list[Model]:
        groups = self.groups(names)
        return [
            model
            for model in self._listed
            if (not patterns or matches_any(patterns, model.name))
            and any(self.allows_model(group, model.name) for group in groups)
        ]

    def _judge(
        self,
        names: GroupNames,
        model: str,
        endpoint: str,
        key_models: GroupNames,
        key_endpoints: GroupNames,
    ) -> Access:
        groups = self.groups(names)
        if not groups:
            return Access(False, "the key's groups no longer exist", "group")
        if key_endpoints and endpoint not in key_endpoints:
            return Access(False, _only("this key", "endpoints", key_endpoints), "endpoint")
        if key_models and not matches_any(key_models, self._own_name(model)):
            return self._no_model(names, model, key_models)
        with_model = [group for group in groups if self.allows_model(group, model)]
        if not with_model:
            return self._no_model(names, model, key_models)
        for choice in self._choices(names):
            open_to = tuple(
                group.name
                for group in choice
                if group in with_model and (not group.endpoints or endpoint in group.endpoints)
            )
            if open_to:
                return Access(True, group=open_to[0], groups=open_to)
        doors = sorted({door for group in with_model for door in group.endpoints})
        return Access(False, _only("the key's group", "endpoints", doors), "endpoint")

    def _no_model(self, names: GroupNames, model: str, key_models: GroupNames) -> Access:
        usable = [visible.name for visible in self._list(names, key_models)]
        return Access(
            False, f"{model} is not open to this key; " + _only("it", "models", usable), "model"
        )


def _only(who: str, what: str, allowed: Iterable[str]) -> str:
    listed = list(allowed)
    if not listed:
        return f"{who} may use no {what}"
    more = f" and {len(listed) - _MAX_NAMED} more" if len(listed) > _MAX_NAMED else ""
    return f"{who} may use the {what} {', '.join(listed[:_MAX_NAMED])}{more}"
