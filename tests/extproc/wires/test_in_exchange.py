"""An exchange with an upstream in a cloud: the envelope last of all, who asks shown with it, and
what becomes of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from catalog import Identity, parse
from extproc.exchange.actions import Action, Refuse, SendUpstream
from extproc.exchange.events import ResponseBody, ResponseHeaders
from extproc.vouching import Outgoing
from extproc.world import World
from ledger.cooldowns import WHOLE
from ledger.model import Outcome
from simulator.clouds import frames
from tests.extproc.world import FACTS, Play, body_of, headers_of
from translators.protocol import discover

CATALOG = """
version: 1
providers:
  signed: {preset: bedrock, base_url: "https://aws.test", variables: {region: eu-west-1}}
  keyed: {preset: bedrock-api-key, base_url: "https://aws.test", variables: {region: eu-west-1}}
  vertex:
    preset: vertex-gemini
    base_url: "https://google.test"
    variables: {project: ours, location: global}
accounts:
  signed: {provider: signed, aws: {access_key_id: AKID, secret_access_key: hidden}}
  keyed: {provider: keyed, credential: bedrock-key}
  vertex: {provider: vertex, google: {key: '{"type": "service_account"}'}}
models:
- name: claude
  targets:
  - {provider: signed, model: anthropic.claude-sonnet-4-5-20250929-v1:0, tier: 1}
  - {provider: keyed, model: anthropic.claude-sonnet-4-5-20250929-v1:0, tier: 2}
- {name: signed, targets: [{provider: signed, model: anthropic.claude-sonnet-4-5-20250929-v1:0}]}
- {name: gemini-3-pro, targets: [{provider: vertex}]}
"""
MESSAGE = {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
EVENTS = (
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)
STREAM = {":status": "200", "content-type": "application/vnd.amazon.eventstream"}


@dataclass
class Vouched:
    """Shows who asks, and writes down over what it was asked to."""

    unready: tuple[str, ...] = ()
    over: list[Outgoing] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)

    def ready(self, identity: Identity) -> bool:
        return identity.account not in self.unready

    def headers(self, identity: Identity, request: Outgoing) -> dict[str, str]:
        self.over.append(replace(request, headers=dict(request.headers)))
        return {"authorization": f"proof of {identity.account}"}

    def doubt(self, account: str) -> None:
        self.doubted.append(account)


def play(*unready: str) -> tuple[Play, Vouched]:
    vouched = Vouched(unready)
    world = World(parse(CATALOG, {}), discover(), worker_id="w0", vouching=vouched)
    return Play(facts=FACTS, world=world), vouched


def ask(made: Play, model: str, headers: Mapping[str, str] = {}, **more: Any) -> list[Action]:
    return made.request("/v1/messages", MESSAGE | {"model": model} | more, **headers)


def sent(said: list[Action]) -> SendUpstream:
    (found,) = (action for action in said if isinstance(action, SendUpstream))
    return found


def refusal(said: list[Action]) -> tuple[int, Any]:
    (refused,) = (action for action in said if isinstance(action, Refuse))
    return refused.status, orjson.loads(refused.body)


def chunk(event: Mapping[str, Any]) -> bytes:
    return frames.chunk(orjson.dumps(event))


# ------------------------------------------------------------------ the request


def test_a_signature_is_over_what_is_sent() -> None:
    made, vouched = play()
    request = sent(ask(made, "claude", {"anthropic_beta": "effort-2025-11-24"}, stream=True))
    (over,) = vouched.over
    headers = request.set_headers
    assert headers["authorization"] == "proof of signed"
    assert over.path == headers[":path"]
    assert over.path.endswith("-v1%3A0/invoke-with-response-stream")
    assert over.authority == headers[":authority"] == "aws.test"
    assert over.method == "POST"
    assert over.body == request.body
    assert "authorization" not in over.headers, "the signature is made last"
    body = orjson.loads(over.body)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert not {"model", "stream"} & set(body)
    assert {"anthropic-version", "anthropic-beta"} & set(headers) == set()
    assert "anthropic-beta" in request.remove_headers


def test_a_fixed_key_needs_nobody_to_vouch() -> None:
    world = World(parse(CATALOG, {}), discover(), worker_id="w0")
    made = Play(facts=FACTS, world=world)
    assert sent(ask(made, "claude")).set_headers["authorization"] == "Bearer bedrock-key"


def test_a_lowered_output_cap_is_in_the_body_that_is_signed() -> None:
    made, vouched = play()
    made.granted = made.balance = 20_000
    request = sent(ask(made, "signed", max_tokens=64_000))
    (over,) = vouched.over
    assert over.body == request.body
    assert orjson.loads(over.body)["max_tokens"] < 64_000


def test_an_account_that_cannot_show_who_asks_is_passed_over() -> None:
    made, vouched = play("signed")
    assert sent(ask(made, "claude")).set_headers["authorization"] == "Bearer bedrock-key"
    assert vouched.over == []


def test_no_attempt_is_hoped_for_behind_the_last_account_that_is_ready() -> None:
    made, _ = play("signed")
    ask(made, "claude")
    assert headers_of(made.answer(503, b"{}")).get("x-clavis-retry") is None
    assert made.records[0].outcome is Outcome.FAILED


def test_where_no_account_can_show_it_callers_hear_of_the_operator_and_no_more() -> None:
    made, _ = play("signed")
    status, body = refusal(ask(made, "signed"))
    assert status == 503
    assert "operator" in body["error"]["message"]
    assert made.records[0].attempts_detail == ()


def test_a_translated_request_goes_in_the_envelope_too() -> None:
    made, vouched = play()
    chat = {"model": "signed", "messages": [{"role": "user", "content": "hello"}]}
    request = sent(made.request("/v1/chat/completions", chat))
    body = orjson.loads(request.body or b"")
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert "model" not in body
    assert vouched.over[0].body == request.body


def test_gemini_in_vertex_has_its_own_path() -> None:
    made, _ = play()
    gemini = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    path = "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
    request = sent(made.request(path, gemini))
    assert request.set_headers[":path"] == (
        "/v1/projects/ours/locations/global/publishers/google/models/"
        "gemini-3-pro:streamGenerateContent?alt=sse"
    )
    assert request.set_headers["authorization"] == "proof of vertex"


# ------------------------------------------------------------------ the answer


def test_frames_become_the_stream_that_anthropics_clients_know() -> None:
    made, _ = play()
    ask(made, "claude", stream=True)
    said = made.tell(ResponseHeaders(STREAM, False))
    for event in EVENTS:
        said += made.tell(ResponseBody(chunk(event), False))
    said += made.tell(ResponseBody(b"", True))
    assert headers_of(said)["content-type"].startswith("text/event-stream")
    assert body_of(said) == b"".join(
        b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), orjson.dumps(event))
        for event in EVENTS
    )
    (record,) = made.records
    assert record.outcome is Outcome.COMPLETED
    assert (record.input_tokens, record.output_tokens) == (3, 2)


def test_a_throttled_stream_goes_to_the_next_account_while_nothing_was_said() -> None:
    made, _ = play()
    ask(made, "claude", stream=True)
    made.tell(ResponseHeaders(STREAM, False))
    throttled = frames.exception("throttlingException", "slow down")
    said = made.tell(ResponseBody(chunk(EVENTS[0]) + throttled, False))
    assert headers_of(said)["x-clavis-retry"] == "upstream"
    assert [(one.account, one.reason) for one in made.noted] == [("signed", "rate_limited")]
    assert [(one.account, one.at_once) for one in made.accused] == [("signed", True)]


@pytest.mark.parametrize(
    ("status", "kind"), [(403, "ExpiredTokenException"), (403, "InvalidSignatureException")]
)
def test_an_upstream_that_does_not_believe_who_asks_costs_a_short_rest(
    status: int, kind: str
) -> None:
    made, vouched = play()
    ask(made, "signed")
    headers = {
        ":status": str(status),
        "content-type": "application/json",
        "x-amzn-errortype": kind,
    }
    made.tell(ResponseHeaders(headers, False))
    said = made.tell(ResponseBody(b'{"message": "the signature of AKID"}', True))
    assert headers_of(said)[":status"] == "502"
    assert b"AKID" not in body_of(said)
    assert vouched.doubted == ["signed"]
    (evidence,) = made.accused
    cooldown = made.world.catalog.limits.cooldown
    assert (evidence.model, evidence.start_ms) == (WHOLE, cooldown.start_ms)
    assert evidence.most_ms > cooldown.most_ms


def test_a_fixed_key_that_is_refused_rests_for_long() -> None:
    made, _ = play("signed")
    ask(made, "claude")
    made.answer(401, b'{"message": "no"}')
    (evidence,) = made.accused
    assert (evidence.account, evidence.start_ms) == (
        "keyed",
        made.world.catalog.limits.cooldown.account_ms,
    )
