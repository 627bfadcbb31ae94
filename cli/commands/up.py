"""`clavis up`: the gateway, until it is told to end."""

from cli.flags import (
    Bind,
    CatalogPath,
    Concurrency,
    DataDir,
    DrainTimeout,
    EnvoyBinary,
    HttpPort,
    HttpsPort,
    Logs,
    RedisUrl,
    SqlUrl,
    WorkerCount,
)
from cli.output import Json, answers
from cli.settings import Settings


@answers
def up(
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    bind: Bind = None,
    http_port: HttpPort = None,
    https_port: HttpsPort = None,
    workers: WorkerCount = None,
    concurrency: Concurrency = None,
    envoy: EnvoyBinary = None,
    drain_timeout_s: DrainTimeout = None,
    logs: Logs = None,
    json: Json = False,
) -> None:
    """Run the gateway of a catalog file and a data directory. SIGTERM drains, SIGHUP renews
    workers."""
    settings = Settings.read(
        data_dir=data_dir,
        catalog=catalog,
        redis_url=redis_url,
        sql_url=sql_url,
        bind=bind,
        http_port=http_port,
        https_port=https_port,
        workers=workers,
        concurrency=concurrency,
        envoy=envoy,
        drain_timeout_s=drain_timeout_s,
        logs=logs,
    )
    from cli.serving import serve  # what only a running gateway needs is slow to load

    serve(settings, json)
