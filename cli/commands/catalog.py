"""`clavis catalog`: what the operator declares, checked and shown."""

import os
from typing import Annotated, Any

import typer
from rich.markup import escape

from catalog import Catalog, json_schema, load
from catalog.presets import presets
from cli.commands.amounts import usd
from cli.flags import CatalogPath, DataDir
from cli.output import Json, answers, console, print_json, table
from cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Check and show the catalog.")


@app.command()
@answers
def check(catalog: CatalogPath = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Say whether the catalog can be used, and if not, every problem with its line."""
    settings = Settings.read(catalog=catalog, data_dir=data_dir)
    loaded = load(settings.catalog, os.environ)
    counts = {
        "domains": len(loaded.domains),
        "providers": len(loaded.providers),
        "accounts": len(loaded.accounts),
        "models": len(loaded.models),
        "groups": len(loaded.groups),
    }
    if json:
        print_json({"valid": True, **counts, "left_out": loaded.left_out})
        return
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    console.print(f"[green]{escape(str(settings.catalog))} is right:[/green] {parts}.")
    for account, variables in loaded.left_out.items():
        console.print(f"  account {account} is left out: {', '.join(variables)} not set")


@app.command()
@answers
def schema(json: Json = False) -> None:
    """Print the JSON schema of the catalog file, for editors."""
    print_json(json_schema())  # the same for people: it is what they point their editor to


@app.command()
@answers
def show(
    catalog: CatalogPath = None,
    data_dir: DataDir = None,
    group: Annotated[str | None, typer.Option(help="Only what this group sees.")] = None,
    json: Json = False,
) -> None:
    """Show models with their upstreams and prices. Credentials are never shown."""
    settings = Settings.read(catalog=catalog, data_dir=data_dir)
    loaded = load(settings.catalog, os.environ)
    rows = model_rows(loaded, group)
    if json:
        print_json({"models": rows, "domains": [domain.name for domain in loaded.domains]})
        return
    for domain in loaded.domains:
        console.print(f"{domain.kind:<7} {domain.name}")
    console.print(
        table(
            None,
            ("model", "kinds", "targets", "input $/M", "output $/M"),
            [
                (
                    row["name"],
                    " ".join(row["kinds"]),
                    ", ".join(row["targets"]),
                    row["input_usd_per_million"],
                    row["output_usd_per_million"],
                )
                for row in rows
            ],
        )
    )


@app.command("presets")
@answers
def list_presets(
    protocol: Annotated[
        str | None, typer.Option(help="Only those with this surface, such as anthropic")
    ] = None,
    json: Json = False,
) -> None:
    """List the providers that are known, with their addresses and surfaces."""
    rows = [
        {"name": name, **preset.model_dump(mode="json"), "home": preset.home}
        for name, preset in presets().items()
        if protocol is None or protocol in preset.surfaces
    ]
    if json:
        print_json({"presets": rows})
        return
    console.print(
        table(
            None,
            ("preset", "provider", "address", "surfaces"),
            [
                (
                    row["name"],
                    row["title"],
                    f"ended on {row['retired']}"
                    if row["retired"]
                    else row["base_url"] or "your own",
                    " ".join(row["surfaces"]),
                )
                for row in rows
            ],
        )
    )


def model_rows(loaded: Catalog, group: str | None) -> list[dict[str, Any]]:
    models = loaded.models if group is None else loaded.visible_models((group,))
    rows = []
    for model in models:
        price = loaded.price_of(model)
        rows.append(
            {
                "name": model.name,
                "aliases": list(model.aliases),
                "kinds": list(model.kinds),
                "targets": [f"{t.provider}:{t.upstream_model(model.name)}" for t in model.targets],
                "surfaces": list(loaded.surfaces_of(model.name)),
                "input_usd_per_million": usd(price.rates.input if price else None),
                "output_usd_per_million": usd(price.rates.output if price else None),
            }
        )
    return rows
