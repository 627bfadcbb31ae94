"""Four accounts, each failing on its own random schedule, under mixed load from real SDKs: while at
least one account is well, no error reaches a caller.

A short form runs with the other tests; `make chaos` runs a minute. CHAOS_SEED replays a run.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.e2e.gateway import Gateway, gateway, simulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 8)
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
ACCOUNTS = ("north", "east", "south", "west")
# How long an account has been well before it may be the only one: longer than a rest.
OVERLAP_S = 1.5
CATALOG = """
version: 1
limits:
  max_attempts: 5
  first_byte_ms: 2000
  cooldown: {start_ms: 100, most_ms: 400, told_most_ms: 1000}
providers:
  openai: {preset: openai, base_url: "${SIMULATOR}", prices: none}
  anthropic: {preset: anthropic, base_url: "${SIMULATOR}", prices: none}
accounts:
  north: {provider: openai, credential: key-north}
  east: {provider: openai, credential: key-east}
  south: {provider: anthropic, credential: key-south}
  west: {provider: anthropic, credential: key-west}
models:
- name: compass
  targets:
  - {provider: openai, model: gpt-5}
  - {provider: anthropic, model: claude-haiku-4-5}
"""
FAILURES: list[dict[str, Any]] = [
    {"error": {"status": 500}},
    {"error": {"status": 503}},
    {"error": {"status": 529}},
    {"error": {"status": 429, "headers": {"retry-after": "1"}}},
    {"drop": True},
    {"stream_error": {"at": 0}},
    {"truncate_bytes": 10},
    {"html": True},
]


@pytest.fixture
def compass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with (
        simulator("--max-body-bytes", "1000000") as upstream,
        gateway(tmp_path_factory.mktemp("compass"), upstream, CATALOG) as running,
    ):
        yield running


class Weather:
    """Makes accounts fail and be well again. One is always well, and was before it had to be."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self._url = url
        self._dice = dice
        self._ill: set[str] = set()
        self.failures = 0

    def run(self, until_s: float) -> None:
        steady = ACCOUNTS[0]
        changes_s = time.monotonic() + 3
        while (now := time.monotonic()) < until_s:
            if now > changes_s:
                following = self._dice.choice([name for name in ACCOUNTS if name != steady])
                self._set({*self._ill} - {following})
                time.sleep(OVERLAP_S)  # both are well: the new one has no rest left
                steady, changes_s = following, time.monotonic() + self._dice.uniform(1, 3)
            others = [name for name in ACCOUNTS if name != steady]
            self._set(set(self._dice.sample(others, self._dice.randint(0, 3))))
            time.sleep(self._dice.uniform(0.1, 0.5))

    def _set(self, ill: set[str]) -> None:
        self._ill = ill
        httpx.delete(f"{self._url}/_sim/scripts")
        for name in sorted(ill):
            self.failures += 1
            script = {
                "match": {"key": f"key-{name}"},
                "scripts": [self._dice.choice(FAILURES)],
                "repeat": True,
            }
            httpx.post(f"{self._url}/_sim/scripts", json=script).raise_for_status()


class Callers:
    """SDKs that ask until they are told to stop, without the retries that they come with."""

    def __init__(self, chat: openai.OpenAI, messages: anthropic.Anthropic) -> None:
        self.answered: Counter[str] = Counter()
        self.errors: list[str] = []
        self.stop = threading.Event()
        kinds: dict[str, Callable[[], str | None]] = {
            "chat": lambda: chat.chat.completions.create(**_chat()).choices[0].message.content,
            "chat stream": lambda: "".join(
                chunk.choices[0].delta.content or ""
                for chunk in chat.chat.completions.create(**_chat(), stream=True)
                if chunk.choices
            ),
            "responses": lambda: chat.responses.create(model="compass", input="hello").output_text,
            "messages": lambda: _text(messages.messages.create(**_messages())),
            "messages stream": lambda: _streamed(messages),
        }
        self.threads = [
            threading.Thread(target=self._ask, args=(kind, call)) for kind, call in kinds.items()
        ]

    def _ask(self, kind: str, call: Callable[[], str | None]) -> None:
        while not self.stop.is_set():
            try:
                text = call()
            except Exception as error:  # noqa: BLE001 -- whatever reaches a caller is a failure
                self.errors.append(f"{kind}: {type(error).__name__}: {str(error)[:200]}")
                continue
            if text != "You said: hello":
                self.errors.append(f"{kind}: {text!r}")
            self.answered[kind] += 1


def _chat() -> dict[str, Any]:
    return {"model": "compass", "messages": [{"role": "user", "content": "hello"}]}


def _messages() -> dict[str, Any]:
    return {**_chat(), "max_tokens": 100}


def _text(message: anthropic.types.Message) -> str:
    return "".join(part.text for part in message.content if part.type == "text")


def _streamed(client: anthropic.Anthropic) -> str:
    with client.messages.stream(**_messages()) as stream:
        return _text(stream.get_final_message())


def _records(running: Gateway) -> Iterator[dict[str, Any]]:
    """Every request of the key, page by page."""
    asked: dict[str, str] | None = {"limit": "500"}
    while asked:
        page = httpx.get(
            f"{running.http}/v1/usage", params=asked, headers={"x-api-key": running.key}
        ).json()
        yield from page["data"]
        asked = page["next_cursor"] and {"limit": "500", "cursor": page["next_cursor"]}


def test_no_error_reaches_a_caller_while_one_account_is_well(compass: Gateway) -> None:
    print(f"CHAOS_SEED={SEED}")
    weather = Weather(compass.simulator.url, random.Random(SEED))
    with (
        openai.OpenAI(base_url=f"{compass.http}/v1", api_key=compass.key, max_retries=0) as chat,
        anthropic.Anthropic(base_url=compass.http, api_key=compass.key, max_retries=0) as messages,
    ):
        callers = Callers(chat, messages)
        for thread in callers.threads:
            thread.start()
        try:
            weather.run(time.monotonic() + SECONDS)
        finally:
            callers.stop.set()
            for thread in callers.threads:
                thread.join()
    assert callers.errors == [], f"CHAOS_SEED={SEED}"
    assert min(callers.answered.values()) > SECONDS, "everybody was answered again and again"
    assert len(callers.answered) == 5 and weather.failures > SECONDS / 2
    saved = any(len(one["attempts_detail"]) > 1 for one in _records(compass))
    assert saved, "some were answered by a second account"
