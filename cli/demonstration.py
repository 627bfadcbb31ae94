"""The demo as it runs: started, introduced or examined, stopped."""

import asyncio
import os
from contextlib import suppress

import typer
from rich.markup import escape

from catalog.demo import real_providers
from cli import ports
from cli.demo import HOST, Demo, demo_key, write_catalog
from cli.gateway import Gateway, running
from cli.once import Answer, ask_all
from cli.output import OperatorError, console, print_json, print_json_line, table
from cli.serving import base_urls, journal_of
from cli.settings import Settings
from cli.stack import Simulated


def run(settings: Settings, once: bool, as_json: bool) -> None:
    """Stay until a signal, or with `once` until eight questions are answered."""
    with suppress(asyncio.CancelledError):  # Ctrl-C during the start
        asyncio.run(_run(settings, once, as_json))


async def _run(settings: Settings, once: bool, as_json: bool) -> None:
    simulated = Simulated(HOST, ports.free(HOST))
    write_catalog(settings, simulated, os.environ)
    journal = journal_of(settings, None)
    if not as_json:
        console.print("Starting Envoy, the workers, the portal, Redis and the simulator ...")
    try:
        async with running(settings, journal, simulated) as gateway:
            shown = await _describe(gateway)
            if once:
                await _ask(shown, as_json)
            else:
                _introduce(shown, settings, as_json)
                await gateway.serve()
                if not as_json:
                    console.print("Stopping ...")
    finally:
        journal.close()


async def _describe(gateway: Gateway) -> Demo:
    urls = base_urls(gateway)
    secret = await demo_key(gateway.settings, gateway.catalog.key_prefixes)
    ca = gateway.settings.places.tls / "ca.pem"
    return Demo(urls["http"], urls["https"], secret, ca, real_providers(os.environ))


def _introduce(shown: Demo, settings: Settings, as_json: bool) -> None:
    if as_json:
        print_json_line(
            {
                "event": "up",
                "http": shown.http,
                "https": shown.https,
                "ca": str(shown.ca),
                "key": shown.secret,
                "tools": dict(shown.tools),
                "curl": shown.curls,
                "real_providers": shown.real,
            }
        )
        return
    console.print()
    console.print(table("Base URLs", ("tool", "base URL"), shown.tools))
    console.print(f"\nKey        {shown.secret}", markup=False)
    console.print(f"Portal     {shown.http}/", markup=False)
    console.print(f"TLS        {shown.https}  (CA: {shown.ca})", markup=False)
    console.print(f"Upstreams  {', '.join((*shown.real, 'simulator'))}", markup=False)
    console.print(f"Logs       {settings.places.logs}\n", markup=False)
    for line in shown.curls:
        console.print(line, markup=False)
    console.print("\nCtrl-C ends it.")


async def _ask(shown: Demo, as_json: bool) -> None:
    """Raises OperatorError unless all eight answers are right."""

    def tell(answer: Answer) -> None:
        if as_json:
            return
        mark = "[green]ok[/green]" if answer.error is None else "[red]failed[/red]"
        console.print(f"\n{mark} {answer.protocol}, {'streamed' if answer.streamed else 'plain'}")
        console.print(f"   question  {escape(answer.question)}")
        if answer.error is not None:
            console.print(f"   error     {escape(answer.error)}")
            return
        console.print(f"   answer    {escape(answer.text)}")
        console.print(
            f"   tokens    {answer.input_tokens} in, {answer.output_tokens} out"
            f"   cost {answer.cost}   request {answer.request_id}"
        )

    given = await ask_all(shown.http, shown.secret, tell)
    failed = [answer for answer in given if answer.error is not None]
    if as_json:
        print_json({"ok": not failed, "answers": [answer.as_json() for answer in given]})
    if failed:
        if as_json:
            raise typer.Exit(1)
        raise OperatorError(f"{len(failed)} of {len(given)} questions failed.")
