"""`clavis ledger`: the record's schema."""

import asyncio

import typer

from cli.flags import DataDir, SqlUrl
from cli.output import Json, answers, console, print_json
from cli.settings import Settings
from ledger.store.record import Record

app = typer.Typer(no_args_is_help=True, help="Look after the ledger.")


@app.command()
@answers
def migrate(data_dir: DataDir = None, sql_url: SqlUrl = None, json: Json = False) -> None:
    """Bring the SQL schema up to date. `clavis up` does it by itself."""
    settings = Settings.read(data_dir=data_dir, sql_url=sql_url)
    if settings.sql_url is None:
        settings.places.prepare()

    async def run() -> None:
        record = Record.connect(settings.sql)
        try:
            await record.migrate()
        finally:
            await record.close()

    asyncio.run(run())
    if json:
        print_json({"migrated": True})
    else:
        console.print("The schema is up to date.")
