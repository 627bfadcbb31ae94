"""A simulator as a process, and the little that tests ask of it besides what clients do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

KEY = "upstream-key-1"
ANTHROPIC = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
BEARER = {"authorization": f"Bearer {KEY}"}
GOOGLE = {"x-goog-api-key": KEY}
PATIENCE_S = 20

Json = dict[str, Any]


@dataclass
class Running:
    """A simulator that answers at `url`."""

    url: str

    def post(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        """One request; `body` as bytes is sent as it is."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            self.url + path,
            content=sent,
            headers={"content-type": "application/json", **headers},
            timeout=PATIENCE_S,
        )

    def queue(self, *scripts: Json, match: Json | None = None, repeat: bool = False) -> None:
        """Scripts for the calls to come."""
        body = {"match": match or {}, "scripts": scripts, "repeat": repeat}
        httpx.post(f"{self.url}/_sim/scripts", json=body).raise_for_status()

    def received(self, **query: str) -> list[Json]:
        """What was received, oldest first."""
        found: list[Json] = httpx.get(f"{self.url}/_sim/requests", params=query).json()["requests"]
        return found

    def last(self, model: str) -> Json:
        """The last request for a model."""
        return self.received(model=model, last="1")[0]


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """Starts a process on a free port, ends it, and insists that it ends well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Running(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        code = process.wait(PATIENCE_S)
        process.stdout.close()
    assert code == 0


def sse(text: str) -> list[Json]:
    """The JSON data of a stream's events, the [DONE] left out."""
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.startswith("data:")]
    data = [line.removeprefix("data:").strip() for line in lines]
    return [json.loads(one) for one in data if one != "[DONE]"]
