"""`clavis demo`: everything on one machine, with an upstream that needs no account."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli import ports
from cli.flags import EnvoyBinary, WorkerCount
from cli.output import Json, answers
from cli.settings import Settings, default_workers

DIRECTORY = Path(".demo")
HOST = "127.0.0.1"


@answers
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Ask eight questions with the vendors' SDKs, and end.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Default: ./.demo")] = None,
    http_port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    https_port: Annotated[int, typer.Option(min=1, max=65535)] = 8443,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Any that are free.")] = False,
    workers: WorkerCount = None,
    envoy: EnvoyBinary = None,
    json: Json = False,
) -> None:
    """Run a complete gateway with a simulated upstream; Ctrl-C ends it and leaves nothing running.

    With ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY set, that provider is the real one.
    """
    if once or free_ports:
        http_port, https_port = ports.free(HOST), ports.free(HOST)
    else:
        ports.require(
            HOST, {"--http-port": http_port, "--https-port": https_port}, "or take --free-ports"
        )
    with _directory(data_dir, once) as directory:
        settings = Settings(
            data_dir=directory,
            run_dir=None,
            catalog=directory / "catalog.yaml",
            redis_url=None,
            sql_url=None,
            bind=HOST,
            http_port=http_port,
            https_port=https_port,
            workers=workers or default_workers(),
            envoy=envoy,
            logs="files",
            drain_timeout_s=10.0,
        )
        from cli.demonstration import run  # what only a running gateway needs is slow to load

        run(settings, once, json)


@contextmanager
def _directory(chosen: Path | None, once: bool) -> Iterator[Path]:
    if chosen is not None or not once:
        yield (chosen or DIRECTORY).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="clavis-demo-") as directory:
        yield Path(directory)
