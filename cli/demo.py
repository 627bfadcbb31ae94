"""The demo: a gateway with a catalog, a customer and a key, and words that work when pasted.

The key is kept in the data directory, readable by its owner alone, so that the next demo has the
same one: a convenience that only a demo may have.
"""

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.demo import demo_catalog
from cli import bootstrap
from cli.settings import Settings
from cli.stack import Simulated
from ledger.keys import parse as parse_key
from ledger.ledger import Ledger
from ledger.model import KeySpec

CUSTOMER = "demo"
HOST = "127.0.0.1"
CLAUDE, GPT, GEMINI = "claude-haiku-4-5", "gpt-5-mini", "gemini-2.5-flash"
QUESTION = "What does clavis mean?"

# FEATURES A7: which tool wants which base URL.
TOOLS: Sequence[tuple[str, str]] = (
    ("Claude Code, Claude Agent SDK", "/api"),
    ("Cline, Aider (Anthropic mode)", "/api"),
    ("OpenAI SDKs, DeepSeek-TUI", "/openai/v1"),
    ("Codex CLI", "/openai"),
    ("OpenCode (google provider)", "/gemini/v1beta"),
    ("Gemini CLI, @google/genai", "/gemini"),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What a person needs to try it. `secret` is the demo key."""

    http: str
    https: str
    secret: str
    ca: Path
    real: tuple[str, ...]

    @property
    def tools(self) -> list[tuple[str, str]]:
        return [(tool, self.http + prefix) for tool, prefix in TOOLS]

    @property
    def curls(self) -> list[str]:
        """One per protocol; one streamed, one over TLS."""
        message = f'"messages":[{{"role":"user","content":"{QUESTION}"}}]'
        json = "-H 'content-type: application/json'"
        ca = shlex.quote(str(self.ca))
        bearer = f"-H 'authorization: Bearer {self.secret}'"
        return [
            f"curl {self.http}/api/v1/messages -H 'x-api-key: {self.secret}'"
            f" -H 'anthropic-version: 2023-06-01' {json}"
            f' -d \'{{"model":"{CLAUDE}","max_tokens":200,{message}}}\'',
            f"curl -N {self.http}/openai/v1/chat/completions {bearer} {json}"
            f' -d \'{{"model":"{GPT}","stream":true,{message}}}\'',
            f"curl --cacert {ca} {self.https}/openai/v1/responses {bearer} {json}"
            f' -d \'{{"model":"{GPT}","input":"{QUESTION}"}}\'',
            f"curl {self.http}/gemini/v1beta/models/{GEMINI}:generateContent"
            f" -H 'x-goog-api-key: {self.secret}' {json}"
            f' -d \'{{"contents":[{{"parts":[{{"text":"{QUESTION}"}}]}}]}}\'',
        ]


def write_catalog(settings: Settings, simulated: Simulated, env: Mapping[str, str]) -> None:
    """The demo's catalog, into the data directory. It may be edited while the demo runs."""
    settings.places.prepare()
    bootstrap.replace(settings.catalog, demo_catalog(env, simulated.url))


async def demo_key(settings: Settings, prefixes: Sequence[str]) -> str:
    """The kept key if it still works, else a new one."""
    path = settings.places.data / "demo-key"
    now_ms = int(time.time() * 1000)
    ledger = await Ledger.open(settings.redis, settings.sql)
    try:
        kept = path.read_text().strip() if path.exists() else ""
        handle = parse_key(kept, prefixes)
        if handle is not None:
            facts = await ledger.authenticate(handle, now_ms)
            if facts is not None and not facts.disabled:
                return kept
        owner = await ledger.record.customer(CUSTOMER)
        if owner is None:
            owner = await ledger.create_customer(CUSTOMER, now_ms)
        _, secret = await ledger.create_key(owner.id, KeySpec(name="demo"), now_ms, prefixes[0])
    finally:
        await ledger.close()
    keep(path, secret)
    return secret


def keep(path: Path, secret: str) -> None:
    """Write a secret so that nobody else can read it at any moment."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    beside.replace(path)
