"""What no single part can see: whether names refer to something, and whether parts fit each other.

Runs over a catalog whose parts are valid; optional accounts that will be left out still count here,
so that the same file is right or wrong whatever the environment holds.
"""

from collections.abc import Collection, Iterator

from catalog.access import DEFAULT_GROUP
from catalog.address import Address, split_url
from catalog.catalog import Catalog
from catalog.models import Group, Model, Target
from catalog.presets import presets
from catalog.price_lists import ListPrices
from catalog.problems import Place, Problems
from catalog.providers import Account, Provider
from catalog.surfaces import SURFACES_OF_KIND
from catalog.variables import names
from catalog.wires import WIRE_SURFACES


def check(
    catalog: Catalog, left_out: Collection[str], list_prices: ListPrices, problems: Problems
) -> None:
    """Add every problem between parts."""
    _domains(catalog, problems)
    for name, provider in catalog.providers.items():
        _provider(("providers", name), provider, list_prices, problems)
    for name, account in catalog.accounts.items():
        _account(catalog, account, name in left_out, problems)
    _model_names(catalog, problems)
    for index, model in enumerate(catalog.models):
        for number, target in enumerate(model.targets):
            _target(catalog, model, target, ("models", index, "targets", number), problems)
        _price(catalog, model, ("models", index, "price"), list_prices, problems)
    _groups(catalog, problems)


def _domains(catalog: Catalog, problems: Problems) -> None:
    seen: set[str] = set()
    for index, domain in enumerate(catalog.domains):
        if domain.name in seen:
            problems.add(("domains", index, "name"), f"domain {domain.name!r} is declared twice")
        seen.add(domain.name)


def _provider(
    place: Place, provider: Provider, list_prices: ListPrices, problems: Problems
) -> None:
    if provider.preset is not None and provider.preset not in presets():
        problems.unknown((*place, "preset"), "preset", provider.preset, presets())
        return
    missing = [name for name in provider.wanted if name not in provider.variables]
    for name in missing:
        problems.add((*place, "variables"), f"{name} is needed: variables: {{{name}: ...}}")
    _variables(place, provider.variables, provider, problems)
    if not provider.base_url:
        problems.add((*place, "base_url"), "needed, because no preset supplies it")
    elif not missing:
        _prefixes((*place, "base_url"), provider.address, provider, problems)
    if not provider.surfaces:
        problems.add((*place, "surfaces"), "declare at least one surface, or name a preset")
    _wires(place, provider, problems)
    known = ("none", *list_prices.provider_ids())
    if provider.prices is not None and provider.prices not in known:
        problems.unknown((*place, "prices"), "price list", provider.prices, known)


def _wires(place: Place, provider: Provider, problems: Problems) -> None:
    for surface, endpoint in provider.surfaces.items():
        allowed = WIRE_SURFACES.get(endpoint.wire, (surface,))
        if surface not in allowed:
            where = (*place, "surfaces", surface, "wire")
            problems.add(where, f"{endpoint.wire} carries {', '.join(allowed)} alone")


def _variables(
    place: Place, declared: Collection[str], provider: Provider, problems: Problems
) -> None:
    preset = presets().get(provider.preset or "")
    known = {*provider.wanted, *names(preset.base_url or "" if preset else "")}
    for name in declared:
        if name not in known:
            problems.unknown((*place, "variables", name), "variable", name, known)


def _prefixes(place: Place, address: Address, provider: Provider, problems: Problems) -> None:
    """The commonest slip: a base URL with /v1 at its end beside a base path that has it too."""
    last = address.prefix.rpartition("/")[2]
    for surface, endpoint in provider.surfaces.items():
        if last and endpoint.base_path.split("/")[1:2] == [last]:
            problems.add(
                place, f"ends with /{last}, which {surface}'s base path adds: leave it out here"
            )
            return


def _account(catalog: Catalog, account: Account, left_out: bool, problems: Problems) -> None:
    place: Place = ("accounts", account.name)
    provider = catalog.providers.get(account.provider)
    if provider is None:
        problems.unknown((*place, "provider"), "provider", account.provider, catalog.providers)
        return
    for field in sorted(provider.needs):
        if getattr(account, field) is None and not left_out:
            problems.add((*place, field), f"needed by provider {provider.name!r}")
    _variables(place, account.variables, provider, problems)
    if account.base_url is not None:
        _prefixes((*place, "base_url"), split_url(account.base_url), provider, problems)


def _model_names(catalog: Catalog, problems: Problems) -> None:
    owner: dict[str, str] = {}
    for place, name in _names(catalog):
        if name in owner:
            problems.add(place, f"the name {name!r} is taken by {owner[name]}")
        else:
            owner[name] = f"models[{place[1]}]"


def _names(catalog: Catalog) -> Iterator[tuple[Place, str]]:
    for index, model in enumerate(catalog.models):
        yield ("models", index, "name"), model.name
        for number, alias in enumerate(model.aliases):
            yield ("models", index, "aliases", number), alias


def _target(
    catalog: Catalog, model: Model, target: Target, place: Place, problems: Problems
) -> None:
    provider = catalog.providers.get(target.provider)
    if provider is None:
        problems.unknown((*place, "provider"), "provider", target.provider, catalog.providers)
        return
    own = {a.name: a for a in catalog.accounts.values() if a.provider == target.provider}
    if not own and provider.needs_credential:
        problems.add((*place, "provider"), f"provider {target.provider!r} has no account")
    if target.accounts and target.pool is not None:
        problems.add((*place, "pool"), "give pool or accounts, not both")
    pools = {account.pool for account in own.values()}
    if target.pool is not None and target.pool not in pools:
        problems.unknown(
            (*place, "pool"), f"pool at provider {target.provider!r}", target.pool, pools
        )
    for number, name in enumerate(target.accounts):
        if name not in own:
            where = (*place, "accounts", number)
            problems.unknown(where, f"account at provider {target.provider!r}", name, own)
    _surfaces(provider, model, target, place, problems)


def _surfaces(
    provider: Provider, model: Model, target: Target, place: Place, problems: Problems
) -> None:
    for number, surface in enumerate(target.surfaces):
        if provider.surfaces and surface not in provider.surfaces:
            where = (*place, "surfaces", number)
            problems.unknown(where, f"surface at {provider.name!r}", surface, provider.surfaces)
    fitting = {surface for kind in model.kinds for surface in SURFACES_OF_KIND[kind]}
    offered = set(target.surfaces or provider.surfaces)
    if offered and not offered & fitting:
        kinds = ", ".join(model.kinds)
        problems.add(place, f"{provider.name!r} serves no surface for this kind of model ({kinds})")


def _price(
    catalog: Catalog, model: Model, place: Place, list_prices: ListPrices, problems: Problems
) -> None:
    """A price over a list needs a list, unless it could stand alone. Patterns are not judged: what
    fits them is not known."""
    own = model.price
    if own is None or not own.over_list or model.is_pattern:
        return
    if own.usd_per_million_tokens.input is not None:
        return
    for target in model.targets:
        provider = catalog.providers.get(target.provider)
        if provider is None or provider.prices == "none":
            listed = None
        else:
            name = provider.prices or list_prices.recognise(provider.base_url) or ""
            listed = list_prices.quote(name, target.known_as(model.name))
        if provider is not None and listed is None:
            message = f"no list price of {target.known_as(model.name)!r} at {provider.name!r}"
            problems.add((*place, "over_list"), f"{message}: write at least its input price")
            return


def _groups(catalog: Catalog, problems: Problems) -> None:
    pools = {account.pool for account in catalog.accounts.values()} | {DEFAULT_GROUP}
    for name, group in catalog.groups.items():
        for number, pool in enumerate(group.pools):
            if pool not in pools:
                problems.unknown(("groups", name, "pools", number), "pool", pool, pools)
        if group.among:
            _among(catalog, group, problems)


def _among(catalog: Catalog, group: Group, problems: Problems) -> None:
    """A choice among groups is one step deep, and nothing else."""
    own = group.model_dump(exclude={"name", "among", "choose"}, exclude_defaults=True)
    for field in own:
        message = "a group that chooses among others has nothing of its own: declare it with them"
        problems.add(("groups", group.name, field), message)
    for number, name in enumerate(group.among):
        place: Place = ("groups", group.name, "among", number)
        other = catalog.groups.get(name)
        if other is None:
            problems.unknown(place, "group", name, catalog.groups)
        elif other.among:
            problems.add(place, f"{name!r} chooses among others itself: name those")
