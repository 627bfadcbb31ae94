"""The catalog: everything the operator declares, validated, frozen, and quick to ask.

The data plane asks several times per request, so what can be known at load is computed at load and
the rest is remembered (see routes, names, access). A catalog never changes; a changed file is a new
catalog.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StringConstraints, field_validator, model_validator

from catalog.access import Access, Gate, GroupNames
from catalog.auth import Identity
from catalog.billing import Billing
from catalog.fields import Name, Part, is_host_name
from catalog.limits import Limits
from catalog.memo import Memo
from catalog.models import Group, Model, Target
from catalog.names import Names
from catalog.price_lists import ListPrices
from catalog.prices import Price
from catalog.providers import Account, Provider
from catalog.ranks import Way, ways
from catalog.routes import MAX_REMEMBERED, Route, RouteTable
from catalog.surfaces import CHAT_SURFACES, SURFACES, Surface

ROUTES_AT_LOAD = 10_000  # built ahead; a catalog with more builds the rest when first asked for

KeyPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


class Domain(Part):
    """A host name that the gateway answers to."""

    name: str = Field(description="api.example.com, or *.example.com for one label.")
    kind: Literal["api", "portal"] = Field(
        default="api", description="api: the doors of every protocol; portal: pages and management."
    )
    certificate: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file with the chain; absent: issued by the development CA.",
    )
    private_key: str | None = Field(default=None, min_length=1, description="PEM file of its key.")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not is_host_name(name.removeprefix("*.")):
            raise ValueError("a host name in lower case, without port")
        return name

    @model_validator(mode="after")
    def _both_or_none(self) -> "Domain":
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key come together or not at all")
        return self


class Catalog(Part):
    """The whole file."""

    version: Literal[1] = Field(description="Version of this format.")
    domains: tuple[Domain, ...] = Field(default=(), description="Host names, each with TLS by SNI.")
    key_prefix: KeyPrefix = Field(default="sk-", description="What new keys begin with.")
    accepted_prefixes: tuple[KeyPrefix, ...] = Field(
        default=(), description="Further prefixes of keys that are still accepted."
    )
    credit_refusal_status: Literal[402, 429] = Field(
        default=402, description="Status of a refusal for lack of credit."
    )
    billing: Billing = Field(
        default_factory=Billing,
        description="Prepaid or open customers, models without price, holds.",
    )
    limits: Limits = Field(default_factory=Limits, description="Bounds of one request.")
    providers: dict[Name, Provider] = Field(
        default_factory=dict, description="Upstreams by name; one Envoy cluster each."
    )
    accounts: dict[Name, Account] = Field(
        default_factory=dict, description="Credentials at providers, by name."
    )
    models: tuple[Model, ...] = Field(default=(), description="What clients may ask for.")
    groups: dict[Name, Group] = Field(
        default_factory=dict,
        description="What keys may use. `default` always exists; undeclared it allows everything.",
    )

    _left_out: dict[str, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    @property
    def left_out(self) -> Mapping[str, tuple[str, ...]]:
        """Optional accounts that are not there, and the variables that they miss."""
        return self._left_out

    @property
    def key_prefixes(self) -> tuple[str, ...]:
        """Every prefix a key may have, the one of new keys first."""
        return (self.key_prefix, *self.accepted_prefixes)

    def find_model(self, name: str) -> Model | None:
        """The model that answers to a name: exact, alias, then the most specific pattern."""
        return self._index.names.find(name)

    def nearest(self, name: str, groups: GroupNames | None = None) -> str | None:
        """The most similar model name, for a 404 that helps; with groups, of those they may see."""
        index = self._index
        if groups is None:
            return index.names.nearest(name, lambda _: True)
        allowed = index.gate.groups(groups)
        return index.names.nearest(
            name, lambda known: any(index.gate.allows_model(group, known) for group in allowed)
        )

    def visible_models(self, groups: GroupNames = (), patterns: GroupNames = ()) -> list[Model]:
        """Models to list for a key with these groups and own patterns. Do not change the list."""
        return self._index.gate.visible(groups, patterns)

    def access(
        self,
        groups: GroupNames,
        model: str,
        endpoint: str,
        key_models: GroupNames = (),
        key_endpoints: GroupNames = (),
    ) -> Access:
        """Whether a key may ask for this model at this door (a DoorKind), by which group."""
        return self._index.gate.access(groups, model, endpoint, key_models, key_endpoints)

    def multiplier(self, group: str | None) -> Fraction:
        """The price multiplier of a group (`Access.group`); 1 for none."""
        return self._index.gate.multiplier(group)

    def targets(
        self, model_name: str, surface: Surface, groups: GroupNames | None = None
    ) -> tuple[Route, ...]:
        """Routes of a model on a surface, best first; empty: not served there. With groups (empty:
        `default`), those of the first group that has any; None does not filter. Pass
        `(Access.group,)`, so that pools and price are of the same group."""
        return self._index.targets(model_name, surface, groups, convert=False)

    def convertible(
        self, model_name: str, surface: Surface, groups: GroupNames | None = None
    ) -> tuple[Route, ...]:
        """As `targets`, with every target and account of the model: by a route on the surface where
        it is served there, else on the best other one (`Route.surface`), to be translated. A group
        with `passthrough` has the routes on the surface alone."""
        return self._index.targets(model_name, surface, groups, convert=True)

    def ways(
        self, model_name: str, surface: Surface, groups: GroupNames | None, *, convert: bool
    ) -> tuple[Way, ...]:
        """The routes of a model as each of these groups (`Access.groups`) gives them, in the order
        in which the groups are tried. None: whatever the group."""
        return self._index.ways(model_name, surface, groups, convert)

    def reachable(self, model_name: str, groups: GroupNames | None = None) -> tuple[Surface, ...]:
        """The surfaces at whose doors the model answers, translated or not."""
        return tuple(s for s in SURFACES if self.convertible(model_name, s, groups))

    def passthrough(self, group: str | None) -> bool:
        """Whether a group (`Access.group`) never converts; False for none."""
        found = self.groups.get(group or "")
        return found is not None and found.passthrough

    def strict(self, group: str | None) -> bool:
        """Whether a group refuses what cannot be converted without loss; False for none."""
        found = self.groups.get(group or "")
        return found is not None and found.strict

    def route_by_account(self, account: str, surface: Surface) -> Route | None:
        """The route to one account whatever the model, for what it stored: its `upstream_model` is
        empty and its price None. None: no such account, or it does not serve the surface."""
        return self._index.routes.by_account(account, surface)

    @property
    def identities(self) -> frozenset[Identity]:
        """The accounts whose header is made at request time, as whom they are shown."""
        return self._index.routes.identities()

    def surfaces_of(self, model: str | Model) -> tuple[Surface, ...]:
        """The surfaces on which the model is served without translation; by name or itself."""
        found = self.find_model(model) if isinstance(model, str) else model
        return self._index.routes.surfaces(found) if found else ()

    def accounts_for(self, target: Target) -> list[Account]:
        """The accounts that serve a target, as declared."""
        return self._index.routes.accounts_for(target)

    def price_of(self, subject: Model | Route, asked: str | None = None) -> Price | None:
        """A route's price; a model's is its own, else that of its first target (lowest tier)."""
        if isinstance(subject, Route):
            return subject.price
        first = min(subject.targets, key=lambda target: target.tier)
        return self._index.routes.price(subject, first, asked or subject.name)

    def finish(self, left_out: Mapping[str, tuple[str, ...]]) -> None:
        """Last step of loading: note the accounts left out, and compute what is asked for often."""
        self._left_out.update(left_out)
        self._index.warm(self.models)

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> "Catalog":
        """A copy with some fields changed, and without what was computed from the old ones."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_index", None)
        return copied

    @cached_property
    def _index(self) -> "_Parts":
        return _Parts(
            self
        )  # in the instance's dict: pydantic's private attributes are slow to read


_Asked = tuple[str, Surface, GroupNames | None, bool]


class _Parts:
    """What is computed from a catalog once."""

    def __init__(self, catalog: Catalog) -> None:
        self.names = Names(catalog.models)
        self.routes = RouteTable(
            catalog.providers, catalog.accounts, ListPrices(datetime.now(UTC).date())
        )
        pools = {model.name: self.routes.pools(model) for model in catalog.models}
        self.gate = Gate(catalog.groups, catalog.models, self.names, pools)
        self.answers: Memo[_Asked, tuple[Route, ...]] = Memo(MAX_REMEMBERED)
        self._ways: Memo[_Asked, tuple[Way, ...]] = Memo(MAX_REMEMBERED)

    def warm(self, models: tuple[Model, ...]) -> None:
        """Build the routes and prices of named models ahead of the first request."""
        left = ROUTES_AT_LOAD
        for build in (self._build, self._build_converted):
            for model in models:
                left -= 0 if model.is_pattern else build(model)
                if left < 0:
                    return

    def _build(self, model: Model) -> int:
        surfaces = self.routes.surfaces(model)
        return sum(len(self.routes.routes(model, model.name, surface)) for surface in surfaces)

    def _build_converted(self, model: Model) -> int:
        table = self.routes
        return sum(len(table.convertible(model, model.name, s)) for s in CHAT_SURFACES)

    def ways(
        self, model_name: str, surface: Surface, groups: GroupNames | None, convert: bool
    ) -> tuple[Way, ...]:
        return self._ways(
            (model_name, surface, groups, convert),
            lambda: ways(
                surface,
                [
                    (
                        name,
                        self.gate.multiplier(name),
                        self.targets(
                            model_name, surface, None if name is None else (name,), convert=convert
                        ),
                    )
                    for name in (groups if groups is not None else (None,))
                ],
            ),
        )

    def targets(
        self, model_name: str, surface: Surface, groups: GroupNames | None, *, convert: bool
    ) -> tuple[Route, ...]:
        return self.answers(
            (model_name, surface, groups, convert),
            lambda: self._targets(model_name, surface, groups, convert),
        )

    def _targets(
        self, model_name: str, surface: Surface, groups: GroupNames | None, convert: bool
    ) -> tuple[Route, ...]:
        model = self.names.find(model_name)
        if model is None:
            return ()
        if groups is None:
            return self._routes(model, model_name, surface, convert)
        for group in self.gate.groups(groups):
            if self.gate.allows_model(group, model_name):
                routes = self._routes(model, model_name, surface, convert and not group.passthrough)
                own = tuple(r for r in routes if not group.pools or r.pool in group.pools)
                if own:
                    return own
        return ()

    def _routes(
        self, model: Model, asked: str, surface: Surface, convert: bool
    ) -> tuple[Route, ...]:
        table = self.routes
        return (table.convertible if convert else table.routes)(model, asked, surface)
