"""A running gateway in a terminal or under a service manager: what happens is told as it
happens."""

import asyncio
from contextlib import suppress

from rich.markup import escape

from cli.gateway import Gateway, running
from cli.journal import FileSink, Journal, Listener, Sink, StderrSink
from cli.output import console, print_json_line
from cli.settings import Settings

TOLD = {  # what a person wants to see of what happens; the journal has all of it
    "ready": "{name} runs (process {pid})",
    "restarting": "{name} ended with code {code}; starting it again",
    "restart_failed": "{reason}",
    "catalog_published": "the changed catalog is in force: {models} models",
    "catalog_refused": "the changed catalog is refused, the old one stays: {problems}",
    "restart_needed": "this change needs a restart: {reason}",
    "rolling": "new workers, one after the other",
    "rolled": "all workers are new",
    "roll_failed": "{reason}",
    "stopping": "stopping: requests in flight may finish",
    "killing": "ending everything at once",
}


def serve(settings: Settings, as_json: bool) -> None:
    """Start, tell, stay until a signal, stop. Raises what cannot be started."""
    journal = journal_of(settings, tell_json if as_json else tell)
    with suppress(asyncio.CancelledError):  # a signal during the start
        asyncio.run(_serve(settings, journal, as_json))
    journal.close()


async def _serve(settings: Settings, journal: Journal, as_json: bool) -> None:
    async with running(settings, journal) as gateway:
        urls = base_urls(gateway)
        if as_json:
            print_json_line({"event": "up", **urls})
        else:
            console.print(f"[bold]Clavis is up:[/bold] {'  '.join(urls.values())}")
        await gateway.serve()


def journal_of(settings: Settings, listener: Listener | None) -> Journal:
    sink: Sink = StderrSink() if settings.logs == "stderr" else FileSink(settings.places.logs)
    return Journal(sink, listener)


def tell(event: str, fields: dict[str, object]) -> None:
    if event in TOLD:
        console.print(escape(TOLD[event].format_map(fields)))


def tell_json(event: str, fields: dict[str, object]) -> None:
    print_json_line({"event": event, **fields})


def base_urls(gateway: Gateway) -> dict[str, str]:
    """Where this machine itself reaches the gateway."""
    settings = gateway.settings
    host = "127.0.0.1" if settings.bind in ("0.0.0.0", "::", "") else settings.bind
    host = f"[{host}]" if ":" in host else host
    urls = {"http": settings.http_port, "https": settings.https_port}
    return {scheme: f"{scheme}://{host}:{port}" for scheme, port in urls.items() if port}
