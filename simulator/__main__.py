"""python -m simulator --host 127.0.0.1 --port N [--uds PATH] [--api-key KEY ...] [--clouds FILE]

Prints one JSON line with the bound URL when it accepts connections (port 0: one the system chose),
then serves until SIGTERM or SIGINT.
"""

import argparse
import json
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from simulator.app import MAX_BODY_BYTES, Simulator
from simulator.clouds.config import load

BACKLOG = 2048


def main() -> None:
    """Parses the command line and serves."""
    parser = argparse.ArgumentParser(prog="simulator", description="A scripted LLM provider.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    parser.add_argument("--uds", help="serve on this Unix socket instead")
    parser.add_argument("--api-key", action="append", default=[], help="accept only this key")
    parser.add_argument("--clouds", type=Path, help="JSON file of whom the clouds know")
    parser.add_argument("--max-body-bytes", type=int, default=MAX_BODY_BYTES)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # uvicorn raises it again
    clouds = load(chosen.clouds) if chosen.clouds else None
    app = Simulator(chosen.api_key, chosen.max_body_bytes, clouds)
    listener = _listen(chosen.host, chosen.port, chosen.uds)
    url = f"unix:{chosen.uds}" if chosen.uds else _url(listener)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="critical",  # an answer cut short on purpose is an error to uvicorn
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        backlog=BACKLOG,
    )
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int, uds: str | None) -> socket.socket:
    """A listening socket, so that the URL is true when it is printed."""
    if uds:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(uds)
    else:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    main()
