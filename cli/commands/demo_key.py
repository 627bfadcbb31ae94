"""`clavis keys demo`: a key that is made once and kept, for a demo in containers.

A convenience that only a demo may have: every other secret is shown once and stored nowhere.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from catalog import Catalog, load
from cli.flags import CatalogPath, DataDir, RedisUrl, SqlUrl
from cli.output import Json, answers, console, print_json, table
from cli.settings import Settings
from ledger.errors import StoreUnavailable
from ledger.store.record import Record

RETRY_S = 0.5


@answers
def demo_key(
    http: Annotated[str, typer.Option(help="Where it is reached.")] = "http://127.0.0.1:8080",
    https: Annotated[str, typer.Option(help="The same over TLS.")] = "https://localhost:8443",
    ca: Annotated[Path, typer.Option(help="Where the development CA will be.")] = Path("ca.pem"),
    patience_s: Annotated[float, typer.Option(min=0, help="How long to wait for SQL.")] = 60.0,
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Print the demo's key and words that work when pasted; makes the key if there is none."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )
    from catalog.demo import real_providers
    from cli.demo import Demo

    declared = load(settings.catalog, os.environ)
    secret = asyncio.run(_secret(settings, declared, patience_s))
    shown = Demo(http, https, secret, ca, real_providers(os.environ))
    if json:
        print_json({"key": secret, "tools": dict(shown.tools), "curl": shown.curls})
        return
    console.print(table("Base URLs", ("tool", "base URL"), shown.tools))
    console.print(f"\nKey        {secret}", markup=False)
    console.print(f"Portal     {http}/", markup=False)
    console.print(f"Upstreams  {', '.join((*shown.real, 'simulator'))}\n", markup=False)
    for line in shown.curls:
        console.print(line, markup=False)


async def _secret(settings: Settings, declared: Catalog, patience_s: float) -> str:
    """Waits for a database that is still starting."""
    from cli.demo import demo_key as kept_or_new

    deadline = time.monotonic() + patience_s
    while True:
        record = Record.connect(settings.sql)
        try:
            await record.migrate()
            return await kept_or_new(settings, declared.key_prefixes)
        except StoreUnavailable:
            if time.monotonic() >= deadline:
                raise
        finally:
            await record.close()
        await asyncio.sleep(RETRY_S)
