"""Load on prepaid customers while processes are killed, and what must be true afterwards.

Callers ask plainly and streamed, in their provider's protocol and across, and remember every
request that was answered: that which had its status. Whoever kills says what and when by a seed.
The audit afterwards reads SQL by itself: what callers saw is there, once, at the price that they
were told.
"""

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import psutil

from tests.e2e.gateway import Gateway, until
from tests.e2e.payers import Payer, clears

EVERYTHING = "everything"
WORDS = {"worker": "extproc", "redis": "redis-server", "writer": "ledger.writer", "envoy": "envoy"}
MODELS = ("gpt-5", "claude-haiku-4-5")
START_S = 240.0  # for a gateway that starts on a busy machine
PAUSE_S = 0.5  # of a caller who was not answered


@dataclass(frozen=True)
class Answered:
    """A request that had its status. `whole`: it came to its end; `cost`: as the caller was told,
    where it was not streamed."""

    payer: Payer
    request_id: str
    whole: bool
    cost: int | None


class Callers:
    """So many for each payer, in threads, until they are stopped."""

    def __init__(self, running: Gateway, payers: Sequence[Payer], each: int, seed: int) -> None:
        self.answered: list[Answered] = []
        self.refused: Counter[int] = Counter()  # by status
        self.failed = 0  # without any answer
        self._running = running
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, args=(payer, random.Random(f"{seed} {number}")))
            for number, payer in enumerate(list(payers) * each)
        ]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self, payer: Payer, dice: random.Random) -> None:
        with httpx.Client(timeout=60, headers={"x-api-key": payer.key}) as client:
            while not self._stop.is_set():
                try:
                    self._ask(client, payer, dice)
                except httpx.HTTPError:
                    self.failed += 1
                    self._stop.wait(PAUSE_S)

    def _ask(self, client: httpx.Client, payer: Payer, dice: random.Random) -> None:
        streamed = dice.random() < 0.5
        told: dict[str, Any] = {"delay_first_ms": dice.randrange(200), "text": "a few words "}
        if streamed:
            told |= {"chunks": dice.randrange(5, 60), "delay_between_ms": dice.choice((10, 50))}
            told["text"] *= 40
        body = {
            "model": dice.choice(MODELS),
            "stream": streamed,
            "max_completion_tokens": 500,
            "messages": [{"role": "user", "content": f"[[sim: {orjson.dumps(told).decode()}]]"}],
        }
        url = f"{self._running.http}/v1/chat/completions"
        with client.stream("POST", url, json=body) as answer:
            if answer.status_code != 200:
                self.refused[answer.status_code] += 1
                self._stop.wait(PAUSE_S)
                return
            request_id, seen = answer.headers["x-request-id"], b""
            cost = None if streamed else int(answer.headers["x-clavis-cost-micro"])
            try:
                for data in answer.iter_raw():
                    seen += data
                whole = not streamed or b"[DONE]" in seen
            except httpx.HTTPError:
                whole = False
            self.answered.append(Answered(payer, request_id, whole, cost))


@dataclass
class Killer:
    """Kills by SIGKILL, one process of a kind or all of them, and starts again what nobody else
    does."""

    running: Gateway
    seed: int
    kinds: Sequence[str]  # one that is listed twice is twice as likely
    pauses_s: tuple[float, float] = (0.5, 2.5)
    killed: Counter[str] = field(default_factory=Counter)

    def work(self, duration_s: float) -> None:
        dice = random.Random(self.seed)
        deadline = time.monotonic() + duration_s
        while time.monotonic() < deadline:
            time.sleep(dice.uniform(*self.pauses_s))
            kind = dice.choice(self.kinds)
            self.killed[kind] += 1
            if kind == EVERYTHING:
                self.running.kill()
                self.running.begin()
                if dice.random() < 0.7:  # else the next one falls while it starts
                    self.running.wait(START_S)
            elif found := self._processes(kind):
                self._kill(dice.choice(found))
        self.running.wait(START_S)

    def _processes(self, kind: str) -> list[psutil.Process]:
        """Without the guardians of workers."""
        found = self.running.processes(WORDS[kind])
        return [one for one in found if kind != "worker" or "-m" in one.cmdline()]

    def _kill(self, victim: psutil.Process) -> None:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return


def audit(running: Gateway, payers: Sequence[Payer], answered: Sequence[Answered]) -> None:
    """Nothing is held, the books clear, Redis needs no correction; each answered request is in SQL
    once, and was charged once what its caller was told."""
    until(lambda: all(p.account()["held_micro"] == 0 for p in payers), "no holds", 90)
    clears(running)
    rebuilt = running.clavis("ledger", "rebuild")
    assert (rebuilt["corrected"], rebuilt["left"]) == ([], [])
    with closing(sqlite3.connect(running.data / "ledger.sqlite3")) as sql:
        rows = sql.execute("SELECT request_id, outcome, cost_micro FROM usage").fetchall()
        charges = sql.execute(
            "SELECT request_id, count(*), sum(-amount_micro) FROM entries"
            " WHERE kind = 'charge' GROUP BY request_id, pot"
        ).fetchall()
    assert len({request_id for request_id, *_ in rows}) == len(rows)
    recorded = {request_id: (outcome, cost) for request_id, outcome, cost in rows}
    charged: Counter[str] = Counter()
    for request_id, entries, amount in charges:
        assert entries == 1
        charged[request_id] += amount
    for one in answered:
        assert one.request_id in recorded, one
        outcome, cost = recorded[one.request_id]
        assert (outcome == "completed") >= one.whole, (one, outcome)
        assert one.cost in (None, cost), (one, cost)
        assert charged[one.request_id] == (cost or 0), (one, cost)
