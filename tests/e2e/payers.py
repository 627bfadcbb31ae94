"""Prepaid customers, and whether what they paid adds up."""

import subprocess
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from tests.e2e.gateway import BIN, Gateway, until


@dataclass(eq=False)
class Payer:
    """A prepaid customer with a key."""

    bank: Gateway
    name: str
    key: str

    @classmethod
    def of(cls, bank: Gateway, name: str, dollars: str, *flags: str) -> "Payer":
        bank.clavis("customers", "create", name, "--mode", "prepaid", *flags)
        if dollars != "0":
            bank.clavis("credits", "add", name, dollars)
        made = bank.clavis("keys", "create", f"{name}-key", "--customer", name)
        return cls(bank, name, made["secret"])

    def ask(self, tokens: int = 100, **told: Any) -> httpx.Response:
        text = f"[[sim: {orjson.dumps(told).decode()}]]" if told else "hello"
        return httpx.post(
            f"{self.bank.http}/v1/chat/completions",
            json={
                "model": "gpt-5",
                "max_completion_tokens": tokens,
                "messages": [{"role": "user", "content": text}],
            },
            headers={"x-api-key": self.key},
            timeout=60,
        )

    def account(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.bank.http}/v1/credits", headers={"x-api-key": self.key})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def available(self) -> int:
        micro: int = self.account()["available_micro"]
        return micro


def clears(bank: Gateway) -> None:
    """`clavis ledger reconcile` finds nothing, once what is on its way has arrived."""
    found: dict[str, Any] = {}

    def clean() -> bool:
        done = subprocess.run(
            [str(BIN / "clavis"), "ledger", "reconcile", "--json"],
            env=bank.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found.update(orjson.loads(done.stdout) if done.stdout else {"failed": done.stderr})
        return done.returncode == 0

    try:
        until(clean, "books that clear", 30)
    except AssertionError:
        raise AssertionError(found) from None
