"""Flags that several commands share. Each stands over the environment variable of its setting."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Everything that is kept. [CLAVIS_DATA_DIR]")
]
RunDir = Annotated[Path | None, typer.Option("--run-dir", help="Sockets. [CLAVIS_RUN_DIR]")]
CatalogPath = Annotated[
    Path | None, typer.Option("--catalog", help="The catalog file. [CLAVIS_CATALOG]")
]
RedisUrl = Annotated[
    str | None, typer.Option("--redis-url", help="Default: embedded. [CLAVIS_REDIS_URL]")
]
SqlUrl = Annotated[str | None, typer.Option("--sql-url", help="Default: SQLite. [CLAVIS_SQL_URL]")]
Bind = Annotated[str | None, typer.Option("--bind", help="Address to bind to. [CLAVIS_BIND]")]
HttpPort = Annotated[
    int | None, typer.Option("--http-port", help="Plain HTTP; 0: none. [CLAVIS_HTTP_PORT]")
]
HttpsPort = Annotated[
    int | None, typer.Option("--https-port", help="TLS; 0: none. [CLAVIS_HTTPS_PORT]")
]
WorkerCount = Annotated[
    int | None, typer.Option("--workers", help="Worker processes. [CLAVIS_WORKERS]")
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", help="Envoy's threads. [CLAVIS_CONCURRENCY]")
]
EnvoyBinary = Annotated[Path | None, typer.Option("--envoy", help="Envoy. [CLAVIS_ENVOY]")]
Logs = Annotated[
    str | None, typer.Option("--logs", help="stderr, or files in the data directory. [CLAVIS_LOGS]")
]
DrainTimeout = Annotated[
    float | None,
    typer.Option("--drain-timeout-s", help="For requests at shutdown. [CLAVIS_DRAIN_TIMEOUT_S]"),
]
