"""`clavis doctor`: is every part well, and if not, what to do."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from cli.flags import Bind, CatalogPath, DataDir, EnvoyBinary, HttpPort, HttpsPort, RedisUrl, SqlUrl
from cli.output import Json, answers, console, print_json
from cli.settings import Settings

if TYPE_CHECKING:
    from cli.checks.finding import Finding

MARKS = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]FAIL[/red]"}


@answers
def doctor(
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    bind: Bind = None,
    http_port: HttpPort = None,
    https_port: HttpsPort = None,
    envoy: EnvoyBinary = None,
    json: Json = False,
) -> None:
    """Check every part and say what to do. Exit code 1 when something must be mended."""
    settings = Settings.read(
        data_dir=data_dir,
        catalog=catalog,
        redis_url=redis_url,
        sql_url=sql_url,
        bind=bind,
        http_port=http_port,
        https_port=https_port,
        envoy=envoy,
    )
    from cli.doctor import examine  # slow to load

    findings = asyncio.run(examine(settings))
    failed = [finding for finding in findings if finding.level == "fail"]
    if json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    if failed:
        raise typer.Exit(1)


def _print(findings: "Sequence[Finding]") -> None:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        console.print(f"{MARKS[finding.level]} {finding.part:<{width}}  {escape(finding.seen)}")
        if finding.advice:
            console.print(f"     {'':<{width}}  -> {escape(finding.advice)}")
