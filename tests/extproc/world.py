"""A small world for exchanges: a real catalog, the real protocols, and no process."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from catalog import parse
from extproc.exchange.actions import (
    Accuse,
    Action,
    Admit,
    ForgetAnswer,
    LookUpAnswer,
    LookUpKey,
    LookUpSeals,
    LookUpTries,
    NoteTry,
    Praise,
    Release,
    Reserve,
    SendBody,
    SendHeaders,
    Settle,
)
from extproc.exchange.events import (
    AdmissionDecided,
    AnswerForgotten,
    AnswerLookedUp,
    Event,
    KeyLookedUp,
    PlaceDecided,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    SealsLookedUp,
    Settled,
    StoreFailed,
    TriesLookedUp,
)
from extproc.exchange.exchange import Exchange
from extproc.world import World
from ledger.cooldowns import Evidence, Reservation, Reserved
from ledger.keys import mint
from ledger.model import Admission, Attempt, KeyFacts, UsageRecord, Verdict
from translators.protocol import discover

CATALOG = """
version: 1
providers:
  one:
    preset: openai
    base_url: "http://127.0.0.1:1"
    prices: openai
    headers: {openai-organization: org-of-the-operator}
  two: {preset: openai, base_url: "http://127.0.0.1:2/two", prices: openai}
  claude: {preset: anthropic, base_url: "https://anthropic.test", prices: anthropic}
  google: {preset: google, base_url: "https://google.test", prices: google}
  free: {preset: openai, base_url: "https://free.test", prices: none}
accounts:
  first: {provider: one, credential: sk-upstream-first}
  second: {provider: two, credential: sk-upstream-second}
  anthropic: {provider: claude, credential: sk-upstream-anthropic}
  google: {provider: google, credential: sk-upstream-google}
  free: {provider: free, credential: sk-upstream-free}
models:
- {name: gpt-5, targets: [{provider: one}]}
- {name: chatty, targets: [{provider: one, model: gpt-5, surfaces: [openai_chat]}]}
- {name: gemini-2.5-flash, targets: [{provider: google}]}
- {name: gpt-image-1, kinds: [image], targets: [{provider: one}]}
- {name: unknown, targets: [{provider: one, model: never-heard-of}]}
- {name: unpriced, targets: [{provider: free}]}
- name: either
  targets:
  - {provider: claude, model: claude-haiku-4-5, tier: 1}
  - {provider: google, model: gemini-3-pro, tier: 2}
- name: pair
  targets: [{provider: one, model: gpt-5, tier: 1}, {provider: two, model: gpt-5, tier: 2}]
- {name: "claude-*", targets: [{provider: claude, model: "*"}]}
- {name: gemini-3-pro, targets: [{provider: google}]}
groups:
  chatters: {models: ["gpt-*"], endpoints: [chat]}
  untouched: {passthrough: true}
  metered: {limits: {tpm: 1000}}
  careful: {strict: true}
"""

SECRET = mint("sk-", "3").secret
FACTS = KeyFacts(key_id="key_1", customer_id="cus_1", name="a key")
START_MS = 1_700_000_000_000


def world(catalog: str = CATALOG) -> World:
    return World(parse(catalog, {}), discover(), worker_id="w0", lease_ms=30_000)


def headers(path: str, method: str = "POST", **more: str) -> dict[str, str]:
    """Request headers as the edge sends them."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {
        ":method": method,
        ":path": path,
        ":authority": "api.test",
        ":scheme": "http",
        "x-request-id": "req-1",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "http",
        "content-type": "application/json",
        "authorization": f"Bearer {SECRET}",
        **named,
    }


@dataclass
class Play:
    """Drives one exchange and answers for the stores, as told."""

    facts: KeyFacts | None = FACTS
    verdict: Verdict = Verdict.ADMITTED
    pinned: str | None = None
    decided: KeyFacts | None = None  # what admission finds, where the key was changed meanwhile
    store_fails: bool = False
    granted: int | None = None  # micro-USD; None: whatever is asked for
    balance: int | None = None  # None: an open account
    found: dict[str, Any] = field(default_factory=dict)  # more of what admission finds
    now_ms: int = START_MS
    said: list[Action] = field(default_factory=list)
    records: list[UsageRecord] = field(default_factory=list)
    pins: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    admitted: list[Admit] = field(default_factory=list)
    tries: tuple[Attempt, ...] = ()  # what the attempts before this one left
    noted: list[Attempt] = field(default_factory=list)
    accused: list[Evidence] = field(default_factory=list)
    praised: list[tuple[str, str]] = field(default_factory=list)
    full: dict[str, str] = field(default_factory=dict)  # accounts without a place: what is missing
    reserved: list[Reservation] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)
    world: World = field(default_factory=world)

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.world, lambda: "fallback-id", self.now_ms)

    def tell(self, event: Event) -> list[Action]:
        """What is said to Envoy because of `event`, stores answered on the way."""
        said: list[Action] = []
        for action in self.exchange.handle(event, self.now_ms):
            if self._was_told(action):
                continue
            answer = self._answer(action)
            if answer is None:
                said.append(action)
            else:
                said += self.tell(answer)
        self.said += said
        return said

    def _was_told(self, action: Action) -> bool:
        match action:
            case NoteTry():
                self.noted.append(action.attempt)
            case Accuse():
                self.accused.append(action.evidence)
            case Praise():
                self.praised.append((action.account, action.model))
            case Release():
                self.released.append((action.reservation.account, action.tokens))
            case _:
                return False
        return True

    def _place(self, wanted: Reservation) -> Reserved:
        self.reserved.append(wanted)
        what = self.full.get(wanted.account)
        if what is None:
            return Reserved(granted=True)
        limited = what not in ("probe", "rest")
        self.world.cooldowns.block(wanted.account, "", self.now_ms + 500, limited=limited)
        return Reserved(False, 500, what)

    def _answer(self, action: Action) -> Event | None:
        match action:
            case LookUpTries():
                return TriesLookedUp(self.tries)
            case Reserve():
                return PlaceDecided(self._place(action.reservation))
            case LookUpKey():
                return StoreFailed() if self.store_fails else KeyLookedUp(self.facts)
            case LookUpAnswer():
                kept = self.kept.get(("answer", action.subject))
                return AnswerLookedUp(self.pinned, kept)
            case LookUpSeals():
                wanted = action.call_ids
                return SealsLookedUp(
                    {i: self.kept["seal", i] for i in wanted if ("seal", i) in self.kept}
                )
            case ForgetAnswer():
                del self.kept["answer", action.subject]
                return AnswerForgotten()
            case Admit():
                self.admitted.append(action)
                granted = action.request.hold_micro if self.granted is None else self.granted
                return AdmissionDecided(
                    Admission(
                        self.verdict,
                        self.decided or self.facts,
                        granted_micro=granted,
                        balance_micro=self.balance,
                        **self.found,
                    )
                )
            case Settle():
                self.records.append(action.record)
                self.kept |= action.kept
                if action.pin is not None:
                    self.pins.append(action.pin)
                return Settled()
            case _:
                return None

    def request(self, path: str, body: object = None, **more: str) -> list[Action]:
        """A whole request. `body` is JSON-able or bytes; None: no body."""
        said = self.tell(RequestHeaders(headers(path, **more), end=body is None))
        if body is None:
            return said
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.tell(RequestBody(data))

    def answer(self, status: int, body: bytes, kind: str = "application/json") -> list[Action]:
        """A whole upstream answer."""
        said = self.tell(ResponseHeaders({":status": str(status), "content-type": kind}, False))
        return said + self.tell(ResponseBody(body, True))


def body_of(said: list[Action]) -> bytes:
    return b"".join(action.data for action in said if isinstance(action, SendBody))


def headers_of(said: list[Action]) -> dict[str, str]:
    found = [action for action in said if isinstance(action, SendHeaders)]
    assert len(found) == 1
    return found[0].set_headers


CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }
)


def chunk(content: str | None = None, finish: str | None = None, **more: object) -> bytes:
    delta = {"content": content} if content is not None else {"role": "assistant"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "choices": [choice], **more}
    return b"data: " + orjson.dumps(body) + b"\n\n"


USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
