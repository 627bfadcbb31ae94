"""Every kind of failure at every place, plain and streamed, in one protocol and across protocols:
what the caller sees, what is recorded and charged, and which account rests.

Each case has an upstream account and a model of its own, and all have the same two that are well
behind it, so that cases do not touch each other.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import httpx
import pytest

from tests.e2e.gateway import Gateway, free_port, gateway, simulator, until

pytestmark = pytest.mark.e2e

Json = dict[str, Any]
ADMIN = "an-admin-token-for-these-tests-only"
SAID = "You said: hello"
FIRST_BYTE_MS = 1_500


@dataclass(frozen=True)
class Kind:
    """A failure: what the provider does, and what is to be known of it afterwards. `rests` is what
    the account rests for: this model, everything ("whole"), or nothing yet ("suspect")."""

    name: str
    script: Json
    status: int  # in the attempt; 0: none came
    reason: str
    rests: str
    streamed: bool | None = None  # None: both ways
    refused: bool = False  # nobody listens


def answered(status: int, reason: str, rests: str, **headers: str) -> Kind:
    return Kind(
        f"status-{status}", {"error": {"status": status, "headers": headers}}, status, reason, rests
    )


BEFORE = [
    Kind("refused", {}, 0, "upstream", "suspect", refused=True),
    Kind("dropped", {"drop": True}, 0, "upstream", "suspect"),
    Kind("silent", {"delay_headers_ms": 60_000}, 0, "timeout", "suspect"),
    answered(408, "timeout", "suspect"),
    answered(429, "rate_limited", "model", **{"retry-after": "30"}),
    answered(500, "internal", "suspect"),
    answered(503, "unavailable", "suspect"),
    answered(529, "overloaded", "model"),
    answered(401, "authentication", "whole"),
    answered(402, "credit", "whole"),
    answered(403, "permission", "model"),
    Kind("cut", {"truncate_bytes": 20}, 200, "broke_off", "suspect"),
    Kind("page", {"html": True}, 200, "upstream", "suspect"),
    Kind("inside", {"stream_error": {"at": 0}}, 200, "overloaded", "model", streamed=True),
    Kind("after-opening", {"stream_error": {"at": 1}}, 200, "overloaded", "model", streamed=True),
]
# What the caller has begun to see is never tried again.
WORDS: Json = {"text": "word " * 40, "chunks": 40}
WITHIN = [
    Kind("broken", WORDS | {"stream_error": {"at": 12}}, 200, "overloaded", "model", streamed=True),
    Kind("unfinished", WORDS | {"no_terminal": True}, 200, "truncated", "suspect", streamed=True),
]
# OpenAI has no word for overload inside a stream.
INSIDE = ("inside", "after-opening", "broken")
CROSSINGS = ("same", "cross")


def cases(kinds: list[Kind]) -> list[tuple[Kind, bool, str]]:
    return [
        (known_as(kind, crossing), streamed, crossing)
        for kind, streamed, crossing in product(kinds, (False, True), CROSSINGS)
        if kind.streamed in (None, streamed)
    ]


def known_as(kind: Kind, crossing: str) -> Kind:
    """What is known of the failure in the words of the provider that failed."""
    if crossing == "same" and kind.name in INSIDE:
        return replace(kind, reason="internal", rests="suspect")
    return kind


def name_of(case: tuple[Kind, bool, str]) -> str:
    kind, streamed, crossing = case
    return f"{kind.name}-{'streamed' if streamed else 'plain'}-{crossing}"


ALL = cases(BEFORE) + cases(WITHIN)


def catalog() -> str:
    closed = free_port()
    accounts, models = [], []
    for case in ALL:
        name, (kind, _, crossing) = name_of(case), case
        provider = "openai" if crossing == "same" else "anthropic"
        there = f', base_url: "http://127.0.0.1:{closed}"' if kind.refused else ""
        accounts.append(f"  {name}: {{provider: {provider}, credential: key-{name}{there}}}")
        first = "gpt-5" if crossing == "same" else "claude-haiku-4-5"
        second = "{provider: openai, pool: well, model: gpt-5-mini, tier: 2}"
        if crossing == "cross":
            second = "{provider: google, model: gemini-2.5-flash, tier: 2}"
        models.append(
            f"- {{name: m-{name}, targets: [{{provider: {provider}, accounts: [{name}], "
            f"model: {first}}}, {second}]}}"
        )
    return f"""
version: 1
limits:
  first_byte_ms: {FIRST_BYTE_MS}
  cooldown: {{start_ms: 60000, account_ms: 60000}}
providers:
  openai: {{preset: openai, base_url: "${{SIMULATOR}}", prices: openai}}
  anthropic: {{preset: anthropic, base_url: "${{SIMULATOR}}", prices: anthropic}}
  google: {{preset: google, base_url: "${{SIMULATOR}}", prices: google}}
accounts:
  well-openai: {{provider: openai, pool: well, credential: key-well-openai}}
  well-google: {{provider: google, credential: key-well-google}}
{chr(10).join(accounts)}
models:
{chr(10).join(models)}
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with (
        simulator("--max-body-bytes", "1000000") as upstream,
        gateway(
            tmp_path_factory.mktemp("failing"), upstream, catalog(), admin_token=ADMIN
        ) as running,
    ):
        for case in ALL:
            httpx.post(
                f"{upstream.url}/_sim/scripts",
                json={
                    "match": {"key": f"key-{name_of(case)}"},
                    "scripts": [case[0].script],
                    "repeat": True,
                },
            ).raise_for_status()
        yield running


def ask(running: Gateway, name: str, streamed: bool) -> tuple[httpx.Response, str]:
    """The answer of a chat, and its text; an answer that breaks off is kept as far as it came."""
    body = {"model": f"m-{name}", "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx.post(
        f"{running.http}/v1/chat/completions",
        json=body | {"stream": streamed},
        headers={"x-api-key": running.key},
        timeout=60,
    )
    if answer.status_code == 200 and not streamed:
        text: str = answer.json()["choices"][0]["message"]["content"]
        return answer, text
    return answer, _streamed_text(answer.text)


def _streamed_text(said: str) -> str:
    text = ""
    for line in said.splitlines():
        if line.startswith("data: {"):
            found = httpx.Response(200, content=line[6:]).json()
            for choice in found.get("choices", []):
                text += choice["delta"].get("content") or ""
    return text


def rests_of(running: Gateway, account: str) -> list[Json]:
    answer = httpx.get(
        f"{running.http}/manage/v1/upstreams", headers={"authorization": f"Bearer {ADMIN}"}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, list[Json]] = {one["account"]: one["rests"] for one in answer.json()["data"]}
    return found[account]


def check_rest(running: Gateway, kind: Kind, account: str) -> None:
    rest = until(lambda: rests_of(running, account), f"what is known of {account}")[0]
    assert rest["reason"] == ("upstream" if kind.reason == "truncated" else kind.reason)
    assert rest["status"] == kind.status
    assert (rest["model"] is None) == (kind.rests == "whole")
    assert (rest["until"] is None) == (kind.rests == "suspect")


@pytest.mark.parametrize("case", cases(BEFORE), ids=name_of)
def test_before_the_caller_has_seen_a_byte_the_next_account_answers(
    failing: Gateway, case: tuple[Kind, bool, str]
) -> None:
    kind, streamed, crossing = case
    name = name_of(case)
    answer, text = ask(failing, name, streamed)
    assert (answer.status_code, text) == (200, SAID)
    usage = failing.usage(answer.headers["x-request-id"])
    assert answer.headers["x-clavis-attempts"] == "2"
    first, second = usage["attempts_detail"]
    assert (first["status"], first["reason"], first["cost_micro"]) == (
        kind.status,
        kind.reason,
        None,
    )
    assert (second["status"], second["reason"]) == (200, None)
    assert second["upstream"] == ("openai" if crossing == "same" else "google")
    assert usage["cost_micro"] == second["cost_micro"] and usage["outcome"] == "completed"
    if kind.name == "silent":
        assert first["duration_ms"] >= FIRST_BYTE_MS
    check_rest(failing, kind, name)
    again, text = ask(failing, name, streamed)
    assert (again.status_code, text) == (200, SAID)
    attempts = "2" if kind.rests == "suspect" else "1"
    assert again.headers["x-clavis-attempts"] == attempts, "who rests is not asked"


@pytest.mark.parametrize("case", cases(WITHIN), ids=name_of)
def test_after_that_the_failure_is_the_callers_to_see_and_nothing_is_tried_again(
    failing: Gateway, case: tuple[Kind, bool, str]
) -> None:
    kind, streamed, _ = case
    name = name_of(case)
    answer, text = ask(failing, name, streamed)
    assert answer.status_code == 200 and text.startswith("word word")
    assert '"error"' in answer.text and "[DONE]" not in answer.text
    assert answer.headers["x-clavis-attempts"] == "1"
    usage = failing.usage(answer.headers["x-request-id"])
    assert usage["outcome"] == ("truncated" if kind.reason == "truncated" else "failed")
    (only,) = usage["attempts_detail"]
    assert only["reason"] == usage["outcome"]
    assert usage["output_tokens"] > 0 and usage["cost_micro"] > 0, "what was seen is charged"
    check_rest(failing, kind, name)


def test_when_every_account_rests_the_caller_is_told_how_long(failing: Gateway) -> None:
    name = name_of(next(case for case in ALL if case[0].name == "status-429"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ask(failing, name, False), range(4)))
    limited = {"error": {"status": 429, "headers": {"retry-after": "20"}}}
    httpx.post(
        f"{failing.simulator.url}/_sim/scripts",
        json={"match": {"key": "key-well-openai"}, "scripts": [limited]},
    ).raise_for_status()
    answer, _ = ask(failing, name, False)
    assert answer.status_code == 429, "the upstream's own, as it came"
    answer, _ = ask(failing, name, False)
    assert answer.status_code == 503 and 1 <= int(answer.headers["retry-after"]) <= 20
    assert answer.json()["error"]["message"].startswith("No healthy upstream account")
    reset = httpx.post(
        f"{failing.http}/manage/v1/upstreams/well-openai/reset",
        headers={"authorization": f"Bearer {ADMIN}"},
    )
    assert reset.json() == {"forgotten": 1}
    until(lambda: ask(failing, name, False)[0].status_code == 200, "the account is asked again")
