"""A server of ours in a thread with an event loop of its own, and calls that tests make of it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from extproc.http2.calls import Call
from extproc.http2.connection import Limits
from extproc.http2.health import Health
from extproc.http2.listeners import mutual_tls
from extproc.http2.messages import Abort, Status
from extproc.http2.server import Server
from extproc.http2.session import Service
from tests.e2e.authority import Authority, Signed

MAX_MESSAGE = 33 * 1024 * 1024
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
T = TypeVar("T")


async def echo(call: Call) -> None:
    while (data := await call.read()) is not None:
        await call.write(data)


async def count(call: Call) -> None:
    total = 0
    while (data := await call.read()) is not None:
        total += len(data)
    await call.write(str(total).encode())


async def many(call: Call) -> None:
    """`number size`: so many messages of that size."""
    number, size = map(int, (await call.read() or b"").split())
    for _ in range(number):
        await call.write(b"x" * size)


async def fail(call: Call) -> None:
    await call.read()
    raise ValueError("a secret")


async def abort(call: Call) -> None:
    await call.read()
    raise Abort(Status.NOT_FOUND, "no such thing: 100 % gone, é")


async def nap(call: Call) -> None:
    data = await call.read()
    await asyncio.sleep(0.05)
    await call.write(data or b"")


@dataclass
class Running:
    """`address` is what was asked for, with the port. `ended` counts calls of `/test.T/Hold`,
    which end when the peer does."""

    server: Server
    health: Health
    loop: asyncio.AbstractEventLoop
    address: str
    failures: list[BaseException] = field(default_factory=list)
    held: int = 0
    ended: int = 0

    async def hold(self, call: Call) -> None:
        self.held += 1
        while await call.read() is not None:
            await call.write(b"held")
        self.ended += 1

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run in the server's loop."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    async def sessions(self) -> int:
        return len(self.server._sessions)


@contextmanager
def serving(
    address: str,
    loop: str = "uvloop",
    tls: tuple[Authority, Signed] | None = None,
    max_age_s: float = 3600,
    max_message: int = MAX_MESSAGE,
) -> Iterator[Running]:
    health = Health()
    made = Running(None, health, LOOPS[loop](), address)  # type: ignore[arg-type]
    methods = {"Echo": echo, "Count": count, "Many": many, "Fail": fail, "Abort": abort}
    methods |= {"Nap": nap, "Hold": made.hold}
    handlers = {f"/test.T/{name}": handler for name, handler in methods.items()}
    service = Service(
        {**handlers, **health.handlers}, Limits(max_message), max_age_s, made.failures.append
    )
    made.server = Server(service)
    context = None if tls is None else mutual_tls(tls[1].chain, tls[1].key, tls[0].ca)
    made.address = made.server.listen(address, context)
    thread = threading.Thread(target=made.loop.run_forever)
    thread.start()
    try:
        made.do(made.server.start())
        health.set_serving("", "test.T")
        yield made
        made.do(made.server.drain(0))
        assert made.do(made.sessions()) == 0
    finally:
        made.loop.call_soon_threadsafe(made.loop.stop)
        thread.join()
        made.loop.close()


def unix(directory: Path) -> str:
    return f"unix:{directory}/s"
