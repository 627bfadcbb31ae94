"""`clavis catalog add-provider`: a provider, its account and its models, added to the file."""

import os
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from catalog.presets import Preset, presets
from catalog.problems import nearest_hint
from cli.catalog_changes import LIVE_WORDS, change, live, reference_in
from cli.catalog_editing import Added, with_added
from cli.discovery import model_entry
from cli.flags import CatalogPath, DataDir
from cli.output import Json, OperatorError, answers, console, print_json
from cli.settings import Settings

FROM_INPUT = "-"


@answers
def add_provider(
    name: Annotated[str, typer.Argument(help="What the provider is called in the catalog.")],
    preset: Annotated[
        str, typer.Option(help="What is known of it: a name of `clavis catalog presets`.")
    ],
    base_url: Annotated[
        str | None, typer.Option(help="Address, where it differs from the preset's.")
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(help="The key, as a reference: '${ACME_API_KEY}'; -: from standard input."),
    ] = None,
    literal: Annotated[
        bool, typer.Option("--literal", help="Write the key itself into the file.")
    ] = False,
    account: Annotated[
        str | None, typer.Option(help="The account's name; default: NAME-1.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model to serve, PUBLIC or PUBLIC=UPSTREAM; repeat for more."),
    ] = None,
    catalog: CatalogPath = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add a provider with its account and models. A running gateway takes it over at once."""
    settings = Settings.read(catalog=catalog, data_dir=data_dir)
    known = _preset(preset)
    key, unset = _credential(known, name, credential, literal)
    provider = {"preset": preset, **({"base_url": base_url} if base_url else {})}
    accounts = {account or f"{name}-1": {"provider": name, "credential": key}} if key else {}
    added = Added({name: provider}, accounts, [_model(name, said) for said in model or ()])
    change(settings.catalog, lambda text: with_added(text, added), os.environ, unset)
    taken_over = live(settings)
    if json:
        print_json(
            {
                "provider": name,
                "account": next(iter(accounts), None),
                "models": [one["name"] for one in added.models],
                "effective": taken_over is True,
                "not_set_here": list(unset),
            }
        )
        return
    console.print(
        f"Added {escape(name)} to {escape(str(settings.catalog))}. {LIVE_WORDS[taken_over]}"
    )
    if unset:
        console.print(f"{unset[0]} is not set here: the gateway needs it.")


def _preset(name: str) -> Preset:
    known = presets().get(name)
    if known is None:
        hint = nearest_hint(name, presets())
        raise OperatorError(f"There is no preset {name!r}{hint}. See `clavis catalog presets`.")
    if known.retired is not None:
        raise OperatorError(f"{known.title} ended on {known.retired}.")
    return known


def _credential(
    preset: Preset, name: str, said: str | None, literal: bool
) -> tuple[str | None, tuple[str, ...]]:
    """What to write, and the variable that it needs and that is not set here."""
    if said is None:
        if preset.auth.scheme == "none":
            return None, ()
        variable = f"{name.upper().replace('-', '_')}_API_KEY"
        raise OperatorError(
            f"{preset.title} needs a key.", [f"Name its variable: --credential '${{{variable}}}'"]
        )
    variable = reference_in(said) or ""
    if variable:
        return said, () if os.environ.get(variable) else (variable,)
    if not literal:
        raise OperatorError(
            "A key does not belong into the catalog file.",
            [
                "Put it into a variable and name that: --credential '${ACME_API_KEY}'",
                "Or: --literal",
            ],
        )
    key = sys.stdin.readline().strip() if said == FROM_INPUT else said
    if not key:
        raise OperatorError("The key is empty.")
    return key.replace("${", "$${"), ()


def _model(provider: str, said: str) -> dict[str, Any]:
    public, _, upstream = said.partition("=")
    return model_entry(provider, public, upstream or public)
