"""One exchange's decisions, told as stories: what Envoy hears, what is recorded."""

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest

from extproc.exchange.actions import ContinueRequest, Refuse, SendUpstream
from extproc.exchange.events import (
    RequestBody,
    RequestHeaders,
)
from extproc.exchange.phases import Phase
from ledger.model import Attempt, KeyFacts, Outcome, Verdict
from tests.extproc.world import CHAT, FACTS, SECRET, START_MS, Play, headers


def refusal(said: Sequence[object]) -> tuple[int, dict[str, object]]:
    found = [action for action in said if isinstance(action, Refuse)]
    assert len(found) == 1
    return found[0].status, orjson.loads(found[0].body)


# ----------------------------------------------------------------------------- refusals


def test_401_comes_before_the_body_is_read() -> None:
    play = Play()
    bare = headers("/v1/chat/completions")
    del bare["authorization"]
    status, body = refusal(play.tell(RequestHeaders(bare, end=False)))
    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"  # type: ignore[index]
    assert play.exchange.phase is Phase.CLOSED and not play.records


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (None, 401),
        (KeyFacts("k", "c", "n", disabled=True), 401),
        (KeyFacts("k", "c", "n", expires_at_ms=START_MS), 401),
        (KeyFacts("k", "c", "n", networks=("10.0.0.0/8",)), 403),
        (KeyFacts("k", "c", "n", networks=("203.0.113.0/24",)), None),
    ],
)
def test_a_key_is_judged_by_its_facts(facts: KeyFacts | None, status: int | None) -> None:
    said = Play(facts=facts).tell(RequestHeaders(headers("/v1/chat/completions"), end=False))
    if status is None:
        assert said == [ContinueRequest()]
    else:
        assert refusal(said)[0] == status


def test_garbage_is_refused_without_asking_the_store() -> None:
    play = Play(store_fails=True)
    said = play.tell(
        RequestHeaders(headers("/v1/messages", authorization="Bearer nonsense"), end=False)
    )
    status, body = refusal(said)
    assert status == 401 and body["type"] == "error"


def test_of_several_keys_the_one_that_is_ours_wins() -> None:
    said = Play().tell(
        RequestHeaders(
            headers("/v1/messages", authorization="Bearer sk-ant-other", x_api_key=SECRET), False
        )
    )
    assert said == [ContinueRequest()]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{not json", 400, None),
        (b"[]", 400, None),
        ({"messages": []}, 400, "model"),
        (b'{"model": {}, "model": "gpt-5", "messages": []}', 400, "model"),
        ({"model": "unheard-of", "messages": []}, 404, "model"),
        ({"model": "gemini-3-pro", "messages": []}, 400, "messages"),
    ],
)
def test_a_bad_body_is_explained_and_recorded(body: object, status: int, param: str | None) -> None:
    play = Play()
    got, error = refusal(play.request("/v1/chat/completions", body))
    assert got == status
    assert error["error"]["param"] == param  # type: ignore[index]
    assert [r.outcome for r in play.records] == [Outcome.REFUSED]
    assert play.records[0].status == status


def test_a_compressed_body_is_refused_clearly() -> None:
    status, body = refusal(
        Play().request("/v1/chat/completions", b"\x1f\x8b", content_encoding="gzip")
    )
    assert status == 415 and "uncompressed" in str(body)


def test_the_groups_of_a_key_decide() -> None:
    facts = KeyFacts("k", "c", "n", groups=("chatters",))
    status, _ = refusal(Play(facts=facts).request("/v1/chat/completions", CHAT | {"model": "pair"}))
    assert status == 403
    status, _ = refusal(Play(facts=facts).request("/v1/responses", {"model": "gpt-5", "input": ""}))
    assert status == 403


def test_a_body_over_the_limit_is_413_before_it_is_read() -> None:
    play = Play()
    big = headers("/v1/chat/completions", content_length=str(33 * 1024 * 1024))
    assert refusal(play.tell(RequestHeaders(big, end=False)))[0] == 413


def test_a_store_that_is_away_is_503_in_the_callers_dialect() -> None:
    said = Play(store_fails=True).tell(RequestHeaders(headers("/v1/chat/completions"), False))
    assert refusal(said)[0] == 503


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.UNKNOWN_KEY, 401),
        (Verdict.DISABLED, 401),
        (Verdict.EXPIRED, 401),
        (Verdict.DUPLICATE, 409),
        (Verdict.INSUFFICIENT_CREDIT, 402),
        (Verdict.OVER_LIMIT, 429),
    ],
)
def test_every_verdict_has_its_status(verdict: Verdict, status: int) -> None:
    play = Play(verdict=verdict)
    assert refusal(play.request("/v1/chat/completions", CHAT))[0] == status
    assert play.exchange.phase is Phase.CLOSED


def test_an_answer_that_was_settled_but_lost_with_its_worker_is_given_again() -> None:
    """The caller has paid for it; a second settlement of the request is nothing."""
    play = Play(verdict=Verdict.DUPLICATE, found={"settled": Outcome.COMPLETED})
    said = play.request("/v1/chat/completions", CHAT, x_envoy_attempt_count="2")
    assert any(isinstance(action, SendUpstream) for action in said)


@pytest.mark.parametrize("settled", [Outcome.LOST, Outcome.ABANDONED, Outcome.FAILED, None])
def test_an_attempt_that_comes_too_late_to_be_paid_is_not_sent(settled: Outcome | None) -> None:
    """What the one before had of the upstream is settled by now, or a later one runs."""
    play = Play(verdict=Verdict.DUPLICATE, found={"settled": settled})
    said = play.request("/v1/chat/completions", CHAT, x_envoy_attempt_count="2")
    status, body = refusal(said)
    assert status == 503 and "ask again" in str(body)
    assert play.records == []


# ----------------------------------------------------------------------------- upstream


def test_the_request_goes_up_with_our_credential_and_no_trace_of_the_clients() -> None:
    play = Play()
    (sent,) = play.request(
        "/openai/v1/chat/completions?x=1",
        CHAT,
        cookie="c",
        x_api_key="other",
        accept_encoding="br",
        openai_organization="org",
        anthropic_beta="some-new-beta",
    )
    assert isinstance(sent, SendUpstream)
    assert sent.body is None  # unchanged bytes stay with Envoy
    assert sent.set_headers[":path"] == "/v1/chat/completions?x=1"
    assert sent.set_headers["authorization"] == "Bearer sk-upstream-first"
    assert sent.set_headers["x-clavis-cluster"] == "provider_one"
    removed = set(sent.remove_headers)
    assert {"cookie", "x-api-key", "accept-encoding"} <= removed
    assert sent.set_headers["openai-organization"] == "org-of-the-operator"
    assert {"x-forwarded-for"} <= removed
    assert "anthropic-beta" not in removed and "authorization" not in removed


def test_only_the_model_name_changes_in_the_body() -> None:
    play = Play()
    body = b'{ "x":{"model":"pair"}, "model" : "pair","messages":[ ] }'
    (sent,) = play.request("/v1/chat/completions", body)
    assert isinstance(sent, SendUpstream)
    assert sent.body == b'{ "x":{"model":"pair"}, "model" : "gpt-5","messages":[ ] }'
    assert sent.set_headers["content-length"] == str(len(sent.body))


def test_the_second_attempt_takes_the_next_target() -> None:
    play = Play(tries=(Attempt("one", "first", 503, "unavailable", 5, upstream_model="gpt-5"),))
    (sent,) = play.request(
        "/v1/chat/completions", CHAT | {"model": "pair"}, x_envoy_attempt_count="2"
    )
    assert isinstance(sent, SendUpstream)
    assert sent.set_headers["x-clavis-cluster"] == "provider_two"
    assert sent.set_headers[":path"] == "/two/v1/chat/completions"
    assert play.admitted[0].request.attempt == 2


# ----------------------------------------------------------------------------- stored answers


def test_a_stored_answers_account_is_remembered_and_found_again() -> None:
    play = Play()
    play.request("/v1/responses", {"model": "gpt-5", "input": "x"})
    play.answer(
        200, b'{"id":"resp_1","object":"response","status":"completed","output":[],"usage":null}'
    )
    assert play.pins == [("resp_1", "first")]
    again = Play(pinned="first")
    (sent,) = again.request("/v1/responses/resp_1", None, method="GET")
    assert isinstance(sent, SendUpstream) and not sent.after_body
    assert sent.set_headers[":path"] == "/v1/responses/resp_1"


def test_somebody_elses_stored_answer_does_not_exist() -> None:
    play = Play(pinned=None)
    status, _ = refusal(play.request("/v1/responses/resp_1", None, method="GET"))
    assert status == 404


def test_models_and_usage_are_the_portals() -> None:
    (sent,) = Play().request("/api/v1/models?limit=2", None, method="GET")
    assert isinstance(sent, SendUpstream)
    assert sent.set_headers["x-clavis-cluster"] == "portal"
    assert sent.set_headers[":path"] == "/anthropic/v1/models?limit=2"
    assert FACTS.key_id not in str(sent)


def test_the_portal_gets_the_key_that_won_and_the_client_as_the_edge_saw_it() -> None:
    play = Play()
    junk = headers("/gemini/v1beta/models?key=junk", "GET", x_clavis_client="192.0.2.1")
    (sent,) = play.tell(RequestHeaders(junk, end=True))
    assert isinstance(sent, SendUpstream)
    assert "x-goog-api-key" not in sent.set_headers
    assert sent.set_headers["x-forwarded-for"] == "192.0.2.1"
    good = headers(f"/openai/v1/models?key={SECRET}", "GET")
    del good["authorization"]
    (sent,) = Play().tell(RequestHeaders(good, end=True))
    assert isinstance(sent, SendUpstream)
    assert sent.set_headers["x-goog-api-key"] == SECRET
    assert sent.set_headers[":path"] == "/openai/v1/models"


def test_a_body_on_a_door_that_needs_none_is_read_and_the_portal_answers() -> None:
    play = Play()
    asked = headers("/v1/models", "GET")
    assert play.tell(RequestHeaders(asked, end=False)) == [ContinueRequest()]
    (sent,) = play.tell(RequestBody(b"{}"))
    assert isinstance(sent, SendUpstream) and sent.after_body
    assert play.exchange.phase is Phase.FORWARDED


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"gpt-5","input":"x","previous\\u005fresponse_id":"resp_other"}',
        b'{"model":"gpt-5","input":"x","previous_response_id":"resp_other"}',
    ],
)
def test_a_pin_is_looked_up_however_the_field_is_spelt(body: bytes) -> None:
    play = Play(pinned=None)
    status, error = refusal(play.request("/v1/responses", body))
    assert status == 400
    assert error["error"]["code"] == "previous_response_not_found"  # type: ignore[index]
    assert not play.admitted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("background", True),
        ("conversation", "conv_1"),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
    ],
)
def test_upstream_state_that_cannot_be_kept_apart_is_refused(field: str, value: object) -> None:
    play = Play()
    status, error = refusal(
        play.request("/v1/responses", {"model": "gpt-5", "input": "x", field: value})
    )
    assert status == 400
    assert error["error"]["param"] == field  # type: ignore[index]


def test_an_answer_that_is_not_stored_leaves_no_pin() -> None:
    play = Play()
    play.request("/v1/responses", {"model": "gpt-5", "input": "x", "store": False})
    play.answer(200, b'{"id":"resp_1","object":"response","status":"completed","output":[]}')
    assert play.pins == []


def test_a_very_long_model_name_is_not_remembered_by_anybody() -> None:
    status, _ = refusal(Play().request("/v1/chat/completions", CHAT | {"model": "m" * 300}))
    assert status == 404


def test_a_key_that_lost_its_model_meanwhile_is_refused_and_recorded() -> None:
    play = Play()
    changed = replace(FACTS, models=("claude-*",), version=FACTS.version + 1)
    play.decided = changed
    status, _ = refusal(play.request("/v1/chat/completions", CHAT))
    assert status == 403
    assert [r.outcome for r in play.records] == [Outcome.REFUSED]


def test_a_key_that_was_changed_without_consequence_goes_on() -> None:
    play = Play()
    play.decided = replace(FACTS, name="renamed", version=FACTS.version + 1)
    (sent,) = play.request("/v1/chat/completions", CHAT)
    assert isinstance(sent, SendUpstream)
