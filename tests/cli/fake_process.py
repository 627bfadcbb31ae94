"""A child for the supervisor's tests, run as a script: binds a Unix socket, says who it is, obeys.

    fake_process.py --socket PATH [--name NAME] [--born FILE] [--fail] [--deaf] [--child FILE]

It appends its process id to `--born`, answers each connection with `<name> <pid>`, ends at SIGTERM
after appending its name to `--ends`. `--fail` exits with code 3 at once; `--deaf` ignores SIGTERM;
`--child` leaves a grandchild that would sleep on, its id written there. The word `die` on a
connection kills it.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--name", default="fake")
    parser.add_argument("--born", type=Path)
    parser.add_argument("--ends", type=Path)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--child", type=Path)
    options, _ = parser.parse_known_args()
    if options.born:
        append(options.born, str(os.getpid()))
    if options.fail:
        print("this is why it failed")
        return 3
    if options.child:
        sleeper = subprocess.Popen(["sleep", "600"])
        options.child.write_text(str(sleeper.pid))

    def end(number: int, frame: object) -> None:
        if options.deaf:
            return
        if options.ends:
            append(options.ends, options.name)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    serve(options.socket, f"{options.name} {os.getpid()}")
    return 0


def serve(path: Path, answer: str) -> None:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        print('{"message": "listening"}', flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer.encode())
                connection.settimeout(0.5)
                try:
                    if connection.recv(3) == b"die":
                        os.kill(os.getpid(), signal.SIGKILL)
                except OSError:
                    pass


def append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
