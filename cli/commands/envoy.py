"""`clavis envoy`: the configuration that Envoy would be given, shown and proved."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.flags import (
    Bind,
    CatalogPath,
    Concurrency,
    DataDir,
    EnvoyBinary,
    HttpPort,
    HttpsPort,
    WorkerCount,
)
from cli.output import Json, OperatorError, answers, console, print_json
from cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Render and validate Envoy's configuration.")


@app.command()
@answers
def render(
    out: Annotated[
        Path | None, typer.Option(help="Write the files there instead of printing them.")
    ] = None,
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    bind: Bind = None,
    http_port: HttpPort = None,
    https_port: HttpsPort = None,
    workers: WorkerCount = None,
    json: Json = False,
) -> None:
    """Print every file that Envoy reads, or write them with --out."""
    settings = Settings.read(
        data_dir=data_dir,
        catalog=catalog,
        bind=bind,
        http_port=http_port,
        https_port=https_port,
        workers=workers,
    )
    from cli.rendering import rendered, write  # slow to load

    if out is not None:
        names = write(settings, out.absolute())
        if json:
            print_json({"written": [str(out / name) for name in names]})
        else:
            console.print(f"Wrote {', '.join(names)} to {escape(str(out))}.")
        return
    files = rendered(settings)
    if json:
        print_json(files)
        return
    for name, text in files.items():
        typer.echo(f"# ---- {name}")
        typer.echo(text)


@app.command()
@answers
def validate(
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    envoy: EnvoyBinary = None,
    concurrency: Concurrency = None,
    json: Json = False,
) -> None:
    """Let Envoy itself check the configuration."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, envoy=envoy, concurrency=concurrency
    )
    from cli.rendering import refusals  # slow to load

    problems = refusals(settings)
    if problems:
        raise OperatorError("Envoy refuses the configuration.", problems)
    if json:
        print_json({"valid": True})
    else:
        console.print("[green]Envoy accepts the configuration.[/green]")
