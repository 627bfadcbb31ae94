"""Where a model can be sent on a surface, with all that the data plane needs, computed once.

A route is one target by one account: cluster, authority, path prefix, key header, price, and what
the upstream model takes. Routes are ordered by tier, then by weight, then as declared. A
convertible route may be on another surface than the asked one: the best that its provider serves
(see surfaces). What depends on the account and the surface alone
(a line) is built at load; routes are built when first asked for and remembered, because a thousand
models by two hundred accounts would be most of a worker's memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from catalog.address import Address
from catalog.auth import Identity
from catalog.capabilities import UNKNOWN, ModelCapabilities, known
from catalog.fields import RateLimits
from catalog.memo import Memo
from catalog.models import Model, Target
from catalog.price_lists import ListPrices
from catalog.prices import Price
from catalog.providers import Account, Provider
from catalog.quotes import declared_price
from catalog.surfaces import CONVERSION_ORDER, SURFACES, SURFACES_OF_KIND, Surface, best_surface
from catalog.wires import Wire

MAX_REMEMBERED = 4096  # answers of one cache: (name, surface) pairs; clients choose the names


@dataclass(frozen=True, slots=True)
class Route:
    """One place to send a request. Holds a credential: `auth` and `headers` are kept out of its
    repr."""

    provider: str
    account: str
    pool: str
    surface: Surface
    upstream_model: str
    tier: int
    weight: int  # target's by account's: the share among the routes of a tier
    cluster: str  # Envoy cluster
    authority: str  # host[:port] for :authority
    tls: bool
    base: str  # path prefix: the provider's own and the surface's
    auth: tuple[str, str] | None = field(repr=False)  # lower-case name, value
    headers: tuple[tuple[str, str], ...] = field(repr=False)  # further static headers
    price: Price | None = field(repr=False)
    capabilities: ModelCapabilities = field(default=UNKNOWN, repr=False)
    limits: RateLimits | None = field(default=None, repr=False)  # of the account, if it has any
    identity: Identity | None = None  # whose header is made at request time; `auth` is None then
    wire: Wire | None = None  # how requests and answers are wrapped; None: as they are

    def path(self, rest: str) -> str:
        """The upstream's path; `rest` follows the version segment: /messages, /chat/completions."""
        return self.base + rest


@dataclass(frozen=True, slots=True)
class _Line:
    """What all routes by one account on one surface share."""

    cluster: str
    address: Address
    base: str
    auth: tuple[str, str] | None = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    identity: Identity | None
    wire: Wire | None


class RouteTable:
    """Answers `routes(model, asked, surface)`; built once per catalog."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        accounts: Mapping[str, Account],
        list_prices: ListPrices,
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._accounts_of = _by_provider(accounts.values())
        self._lines = {
            (account.name, surface): _line(providers[account.provider], account, surface)
            for account in accounts.values()
            if account.provider in providers
            for surface in providers[account.provider].surfaces
        }
        self._list_prices = list_prices
        self._priced_as = {name: self._price_list(provider) for name, provider in providers.items()}
        self._routes: Memo[tuple[str, Surface], tuple[Route, ...]] = Memo(MAX_REMEMBERED)
        self._convertible: Memo[tuple[str, Surface], tuple[Route, ...]] = Memo(MAX_REMEMBERED)
        self._prices: Memo[tuple[str, ...], Price | None] = Memo(MAX_REMEMBERED)

    def accounts_for(self, target: Target) -> list[Account]:
        """The accounts that serve a target, as declared, drained ones (weight 0) included."""
        accounts = self._accounts_of.get(target.provider, ())
        if target.accounts:
            return [account for account in accounts if account.name in target.accounts]
        if target.pool is not None:
            return [account for account in accounts if account.pool == target.pool]
        return list(accounts)

    def surfaces(self, model: Model) -> tuple[Surface, ...]:
        """The surfaces on which the model has at least one route."""
        return tuple(s for s in SURFACES if any(True for _ in self._candidates(model, s)))

    def pools(self, model: Model) -> frozenset[str]:
        """The pools of the accounts that serve the model on any surface."""
        return frozenset(account.pool for s in SURFACES for account in self._candidates(model, s))

    def routes(self, model: Model, asked: str, surface: Surface) -> tuple[Route, ...]:
        """Every route of the model on the surface, best first; empty when there is none."""
        name = own_name(model, asked)
        return self._routes((name, surface), lambda: self._build(model, name, surface))

    def convertible(self, model: Model, asked: str, surface: Surface) -> tuple[Route, ...]:
        """One route for each target and account: on the surface where it is served there, else on
        the best other one. The same as `routes` for a surface that is not of chat."""
        if surface not in CONVERSION_ORDER:
            return self.routes(model, asked, surface)
        name = own_name(model, asked)
        return self._convertible((name, surface), lambda: self._convert(model, name, surface))

    def by_account(self, account: str, surface: Surface) -> Route | None:
        """The way to an account whatever the model: for what it stored. Names no model or price."""
        held, line = self._accounts.get(account), self._lines.get((account, surface))
        if held is None or line is None:
            return None
        preset = self._providers[held.provider].preset
        return _on(
            line,
            held,
            surface,
            upstream_model="",
            tier=1,
            weight=1,
            price=None,
            capabilities=known().of("", preset, surface),
        )

    def identities(self) -> frozenset[Identity]:
        """Everybody whose header is made at request time."""
        return frozenset(line.identity for line in self._lines.values() if line.identity)

    def price(self, model: Model, target: Target, asked: str) -> Price | None:
        """The model's own price, else the list price of the target, or the one over the other."""
        own = model.price
        if own is not None and not own.over_list:
            return self._prices((model.name,), lambda: declared_price(own))
        list_name = self._priced_as.get(target.provider) or ""
        upstream = target.known_as(own_name(model, asked))
        if own is not None:
            place = (model.name, list_name, upstream)
            return self._prices(
                place, lambda: declared_price(own, self._list_prices.quote(list_name, upstream))
            )
        return self._prices(
            (list_name, upstream), lambda: self._list_prices.price(list_name, upstream)
        )

    def _build(self, model: Model, asked: str, surface: Surface) -> tuple[Route, ...]:
        routes: list[Route] = []
        for target in model.targets:
            if surface in self._offered(model, target):
                routes += self._to(model, target, asked, surface)
        return _ordered(routes)

    def _convert(self, model: Model, asked: str, surface: Surface) -> tuple[Route, ...]:
        routes: list[Route] = []
        for target in model.targets:
            best = best_surface(surface, self._offered(model, target))
            if best is not None:
                routes += self._to(model, target, asked, best)
        if all(route.surface == surface for route in routes):
            return self.routes(model, asked, surface)  # so that both share their memory
        return _ordered(routes)

    def _candidates(self, model: Model, surface: Surface) -> Iterable[Account]:
        """The accounts that serve the model on a surface."""
        for target in model.targets:
            if surface in self._offered(model, target):
                yield from self._open(target)

    def _open(self, target: Target) -> Iterable[Account]:
        return (account for account in self.accounts_for(target) if account.weight)

    def _offered(self, model: Model, target: Target) -> tuple[Surface, ...]:
        """The surfaces on which a target is open for the model, in its provider's order."""
        provider = self._providers.get(target.provider)
        if provider is None or not target.weight:
            return ()
        return tuple(
            surface
            for surface in provider.surfaces
            if (not target.surfaces or surface in target.surfaces)
            and any(surface in SURFACES_OF_KIND[kind] for kind in model.kinds)
        )

    def _to(self, model: Model, target: Target, asked: str, surface: Surface) -> Iterator[Route]:
        """The routes to a target, by each of its accounts."""
        price = self.price(model, target, asked)
        capabilities = self._capabilities(model, target, asked, surface)
        for account in self._open(target):
            yield _on(
                self._lines[account.name, surface],
                account,
                surface,
                upstream_model=target.upstream_model(asked),
                tier=target.tier,
                weight=target.weight * account.weight,
                price=price,
                capabilities=capabilities,
            )

    def _capabilities(
        self, model: Model, target: Target, asked: str, surface: Surface
    ) -> ModelCapabilities:
        """What is known of the model there, then what is declared of it, then of the target."""
        preset = self._providers[target.provider].preset
        found = known().of(target.known_as(asked), preset, surface)
        return found.overridden(model.declared, target.upstream)

    def _price_list(self, provider: Provider) -> str | None:
        """Which list prices a provider: the declared one, else the one its address belongs to."""
        if provider.prices == "none":
            return None
        return provider.prices or self._list_prices.recognise(provider.base_url)


def _on(
    line: _Line,
    account: Account,
    surface: Surface,
    *,
    upstream_model: str,
    tier: int,
    weight: int,
    price: Price | None,
    capabilities: ModelCapabilities,
) -> Route:
    return Route(
        provider=account.provider,
        account=account.name,
        pool=account.pool,
        surface=surface,
        upstream_model=upstream_model,
        tier=tier,
        weight=weight,
        cluster=line.cluster,
        authority=line.address.authority,
        tls=line.address.tls,
        base=line.base,
        auth=line.auth,
        headers=line.headers,
        price=price,
        capabilities=capabilities,
        limits=account.limits if account.limits.ceilings() else None,
        identity=line.identity,
        wire=line.wire,
    )


def _ordered(routes: Iterable[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: (route.tier, -route.weight)))


def own_name(model: Model, asked: str) -> str:
    """The name that stands for `*` in a target: never an alias, which upstreams have not heard
    of."""
    return asked if model.is_pattern else model.name


def _by_provider(accounts: Iterable[Account]) -> dict[str, tuple[Account, ...]]:
    grouped: dict[str, list[Account]] = {}
    for account in accounts:
        grouped.setdefault(account.provider, []).append(account)
    return {provider: tuple(members) for provider, members in grouped.items()}


def _line(provider: Provider, account: Account, surface: Surface) -> _Line:
    own = account.own_address(provider)
    address = own or provider.address
    return _Line(
        cluster=account.cluster if own else provider.cluster,
        address=address,
        base=address.prefix + account.base_path(provider, surface),
        auth=provider.auth_header(account.credential, surface),
        headers=tuple((n, value.get_secret_value()) for n, value in provider.headers.items()),
        identity=account.identity(provider, surface),
        wire=account.wire(provider, surface),
    )
