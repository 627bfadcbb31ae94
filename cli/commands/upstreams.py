"""`clavis upstreams test` and `models`: what we have with providers, tried and looked up."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from catalog import Catalog, load
from catalog.globs import matches_any
from catalog.problems import nearest_hint
from catalog.surfaces import SURFACES_OF_KIND
from cli.catalog_changes import LIVE_WORDS, change, live
from cli.catalog_editing import Added, with_added
from cli.flags import CatalogPath, DataDir
from cli.output import Json, OperatorError, answers, console, print_json, table
from cli.settings import Settings

if TYPE_CHECKING:
    from cli.discovery import Listed
    from cli.upstream_client import Finding, Upstream

Name = Annotated[str, typer.Argument(help="An account, or a provider: then all of its accounts.")]
TimeoutS = Annotated[float, typer.Option(help="How long to wait for an answer, in seconds.")]

_COLOURS = {"ok": "green", "slow": "yellow", "skipped": "dim"}


@answers
def test(
    name: Name,
    model: Annotated[
        str | None,
        typer.Option(help="Ask this one, by the provider's name; default: the cheapest."),
    ] = None,
    timeout_s: TimeoutS = 30.0,
    slow_s: Annotated[float, typer.Option(help="What takes longer is called slow.")] = 10.0,
    catalog: CatalogPath = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Ask for the model list and one cheap question on each surface, and say what is wrong."""
    from cli.upstream_check import examine, exit_code  # slow to load

    loaded = _load(catalog, data_dir)
    found: dict[str, list[Finding]] = {}
    for upstream in _upstreams(loaded, name, timeout_s):
        with upstream:
            found[upstream.account.name] = examine(loaded, upstream, model, slow_s)
    code = next((exit_code(each) for each in found.values() if exit_code(each)), 0)
    if json:
        accounts = {account: list(map(_as_json, each)) for account, each in found.items()}
        print_json({"ok": code == 0, "accounts": accounts})
    else:
        for account, each in found.items():
            _print(account, each)
    if code:
        raise typer.Exit(code)


@answers
def models(
    name: Name,
    add: Annotated[
        bool, typer.Option("--add", help="Add those that are not served to the catalog file.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Patterns of names, such as 'gpt-*'; repeat for more.")
    ] = None,
    timeout_s: TimeoutS = 30.0,
    catalog: CatalogPath = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the models that a provider has, and which of them the catalog serves."""
    from cli.discovery import served_as

    settings = Settings.read(catalog=catalog, data_dir=data_dir)
    loaded = load(settings.catalog, os.environ)
    upstream = next(_upstreams(loaded, name, timeout_s))
    listed = _listed(upstream, only or ())
    provider = upstream.provider.name
    rows: list[dict[str, Any]] = [
        {"id": one.id, "title": one.title, "served_as": served_as(loaded, provider, one.id)}
        for one in listed
    ]
    wanted = [row["id"] for row in rows if not row["served_as"]] if add else []
    taken = [name for name in wanted if loaded.find_model(name) is not None]
    added, taken_over = _added(settings, upstream, [n for n in wanted if n not in taken])
    if json:
        said = {"models": rows, "added": added, "taken": taken, "effective": taken_over is True}
        print_json(said)
        return
    console.print(
        table(
            None,
            ("model", "title", "served as"),
            [(row["id"], row["title"], ", ".join(row["served_as"]) or None) for row in rows],
        )
    )
    if add:
        console.print(f"Added {len(added)} models. {LIVE_WORDS[taken_over] if added else ''}")
    if taken:
        console.print(f"{len(taken)} are names that the catalog answers elsewhere: left alone.")


# ------------------------------------------------------------------------------------------ parts


def _load(catalog: Any, data_dir: Any) -> Catalog:
    return load(Settings.read(catalog=catalog, data_dir=data_dir).catalog, os.environ)


def _upstreams(loaded: Catalog, name: str, timeout_s: float) -> "Iterator[Upstream]":
    """The accounts of that name. Raises OperatorError where there are none."""
    from cli.upstream_client import Upstream, accounts_named

    accounts = accounts_named(loaded, name)
    if not accounts:
        _refuse(loaded, name)
    return (Upstream(loaded.providers[one.provider], one, timeout_s) for one in accounts)


def _refuse(loaded: Catalog, name: str) -> None:
    if name in loaded.left_out:
        missing = ", ".join(loaded.left_out[name])
        raise OperatorError(f"Account {name!r} is left out: {missing} is not set.")
    if name in loaded.providers:
        raise OperatorError(f"Provider {name!r} has no account.")
    hint = nearest_hint(name, (*loaded.accounts, *loaded.providers))
    raise OperatorError(f"There is no account and no provider {name!r}{hint}.")


def _listed(upstream: "Upstream", only: Sequence[str]) -> "list[Listed]":
    from cli.discovery import list_models
    from cli.upstream_client import EXIT_CODES

    with upstream:
        finding, listed = list_models(upstream)
    if not finding.well:
        code = EXIT_CODES[finding.verdict]
        raise OperatorError(f"No list of models at {finding.url}.", [finding.words], code)
    return [one for one in listed if not only or matches_any(only, one.id)]


def _added(
    settings: Settings, upstream: "Upstream", wanted: Sequence[str]
) -> tuple[list[str], bool | None]:
    """The names that were added, and whether the gateway has taken them over."""
    from cli.discovery import kind_of, model_entry

    surfaces = upstream.provider.surfaces
    names = [
        name
        for name in wanted
        if _is_name(name) and any(s in surfaces for s in SURFACES_OF_KIND[kind_of(name)])
    ]
    if not names:
        return [], None
    entries = [model_entry(upstream.provider.name, name, name) for name in names]
    change(settings.catalog, lambda text: with_added(text, Added({}, {}, entries)), os.environ)
    return names, live(settings)


def _is_name(name: str) -> bool:
    """Whether a model may be called so in the catalog: a star would make a pattern of it."""
    return re.fullmatch(r"[!-)+-~]{1,200}", name) is not None


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {
        "step": finding.step,
        "url": finding.url,
        "verdict": finding.verdict.value,
        "words": finding.words,
        "status": finding.status,
        "ms": finding.ms,
        "model": finding.model,
    }


def _print(account: str, findings: "Sequence[Finding]") -> None:
    console.print(f"[bold]{escape(account)}[/bold]")
    for finding in findings:
        colour = _COLOURS.get(finding.verdict.value, "red")
        verdict = f"[{colour}]{finding.verdict.value:<18}[/{colour}]"
        took = "" if finding.ms is None else f"{finding.ms} ms"
        asked = f" {escape(finding.model)}" if finding.model else ""
        console.print(f"  {verdict} {finding.step:<18} {took:>8}{asked}")
        if finding.words:
            console.print(f"     {escape(finding.words)}")
        if not finding.well:
            console.print(f"     {escape(finding.url)}")
