"""What callers are told of a conversion, and what they may ask of it: losses, strictness, dry runs,
another format of the answer, stored answers."""

from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.e2e.callers import Caller, Wanted
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import (
    PAIRS,
    UPSTREAMS,
    Json,
    of_pairs,
    plain_request,
    received,
    told,
)

pytestmark = pytest.mark.e2e

Callers = dict[str, Caller]
TRANSLATED = [(dialect, speaks) for dialect, speaks in PAIRS if dialect != speaks]


def asked(shared: Gateway, path: str, body: Json, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    own = {"x-api-key": shared.key, "anthropic-version": "2023-06-01"}
    return httpx.post(f"{shared.http}{path}", json=body, headers=own | named, timeout=60)


# ----------------------------------------------------------------------------- losses

# A field of each dialect that no upstream of another protocol knows, and its value.
LOST: dict[str, Json] = {
    "anthropic": {"container": "container_011CPR5CNjB747bTd36fQLFk"},
    "openai_chat": {"logit_bias": {"50256": -100}},
    "openai_responses": {"max_tool_calls": 3},
    "gemini": {"safetySettings": [
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
    ]},
}  # fmt: skip
NAMED = {
    "anthropic": "container",
    "openai_chat": "logit_bias",
    "openai_responses": "max_tool_calls",
    "gemini": "safety",
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@of_pairs(TRANSLATED)
def test_what_is_lost_is_named_in_a_header_or_refused(
    shared: Gateway, dialect: str, speaks: str, streamed: bool
) -> None:
    model = UPSTREAMS[speaks].model("losses")
    path, body = plain_request(dialect, model, streamed=streamed)
    answer = asked(shared, path, body | LOST[dialect])
    assert answer.status_code == 200, answer.text
    assert NAMED[dialect] in answer.headers["x-clavis-losses"]
    assert len(received(shared.simulator, model)) == 1

    refused = asked(shared, path, body | LOST[dialect], x_clavis_strict="true")
    assert refused.status_code == 400
    assert NAMED[dialect] in refused.text and "trict" in refused.text
    assert len(received(shared.simulator, model)) == 1, "nothing was sent"

    lossless = asked(shared, path, body, x_clavis_strict="true")
    assert lossless.status_code == 200, lossless.text
    assert len(received(shared.simulator, model)) == 2


def test_losses_are_in_the_record(shared: Gateway) -> None:
    models = {}
    for dialect, speaks in TRANSLATED:
        path, body = plain_request(dialect, UPSTREAMS[speaks].model("recorded"))
        answer = asked(shared, path, body | LOST[dialect])
        models[answer.headers["x-request-id"]] = NAMED[dialect]
    for request_id, name in models.items():
        assert any(name in loss for loss in shared.usage(request_id)["losses"])


def test_only_the_wish_for_strictness_is_heard_of_our_own_headers(shared: Gateway) -> None:
    """Of what begins with x-clavis- nothing else reaches the gateway, and nothing an upstream."""
    model = UPSTREAMS["gemini"].model("spoof")
    path, body = plain_request("anthropic", model)
    answer = asked(
        shared,
        path,
        body | LOST["anthropic"],
        x_clavis_started="1",
        x_clavis_cluster="portal",
        x_clavis_retry="upstream",
        x_clavis_local="UF",
        x_envoy_attempt_count="3",
        x_strict_conversion="true",
    )
    assert answer.status_code == 200, "not strict by another name"
    assert answer.headers["x-clavis-attempts"] == "1"
    assert shared.usage(answer.headers["x-request-id"])["timing"]["latency_ms"] < 60_000
    for strict in ("true", "false"):
        told(shared.simulator, model, {"text": "hi"})
        assert asked(shared, path, body, X_Clavis_Strict=strict).status_code == 200
    for entry in received(shared.simulator, model):
        names = {name for name, _ in entry["headers"]}
        assert not [name for name in names if "clavis" in name or "strict" in name]


@of_pairs(TRANSLATED)
def test_headers_speak_of_this_gateway_and_not_of_the_vendor(
    shared: Gateway, dialect: str, speaks: str
) -> None:
    model = UPSTREAMS[speaks].model("headers")
    leak = {"openai-organization": "org-1", "anthropic-ratelimit-tokens-limit": "1", "x-odd": "1"}
    told(shared.simulator, model, {"text": "hi", "usage": {"input": 7}, "headers": leak})
    path, body = plain_request(dialect, model)
    betas = {"anthropic-beta": "b-1", "openai-beta": "b-2", "x-stainless-lang": "python"}
    answer = asked(shared, path, body, **betas)
    assert answer.headers["x-request-id"] == answer.headers["request-id"]
    assert answer.headers["x-clavis-input-tokens"] == "7"
    assert answer.headers["x-clavis-upstream"] in ("anthropic", "openai", "google")
    assert not leak.keys() & answer.headers.keys()
    sent = {name for name, _ in received(shared.simulator, model)[-1]["headers"]}
    assert not betas.keys() & sent


# ----------------------------------------------------------------------------- dry runs


@of_pairs()
def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(
    shared: Gateway, dialect: str, speaks: str
) -> None:
    model = UPSTREAMS[speaks].model("dry")
    path, body = plain_request(dialect, model)
    shown = asked(
        shared,
        f"/v1/convert?from={dialect}&to={speaks}&model={model}",
        body | ({"model": model} if dialect == "gemini" else {}),
    )
    assert shown.status_code == 200, shown.text
    dry = shown.json()
    assert (dry["from"], dry["to"]) == (dialect, speaks)
    assert received(shared.simulator, model) == []
    assert asked(shared, path, body).status_code == 200
    (sent,) = received(shared.simulator, model)
    assert dry["path"].partition("?")[0] == sent["path"]
    if dialect != speaks:
        assert dry["body"] == sent["body"], "the dry run is what is sent"
    assert dry["input_tokens_estimated"] > 0


# ----------------------------------------------------------------------------- style


@pytest.mark.parametrize("speaks", UPSTREAMS)
def test_style_claude_answers_a_chat_request_in_the_messages_format(
    shared: Gateway, speaks: str
) -> None:
    model = UPSTREAMS[speaks].model("style")
    calls = [{"name": "look", "arguments": {"where": "up"}}]
    told(shared.simulator, model, *[{"text": "I look.", "tools": calls, "chunks": 3}] * 2)
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    body = {
        "model": model,
        "style": "claude",
        "messages": [{"role": "user", "content": "look"}],
        "tools": [tool],
    }
    whole = asked(shared, "/v1/chat/completions", body)
    message = anthropic.types.Message.model_validate(whole.json())
    assert [block.type for block in message.content][:2] == ["text", "tool_use"]
    assert message.stop_reason == "tool_use" and message.usage.input_tokens > 0

    streamed = asked(shared, "/v1/chat/completions", body | {"stream": True})
    names = [line for line in streamed.text.split("\n") if line.startswith("event: ")]
    assert names[0] == "event: message_start" and names[-1] == "event: message_stop"
    assert names.count("event: content_block_start") == len(message.content)
    assert all("style" not in entry["body"] for entry in received(shared.simulator, model))

    wrong = asked(shared, "/v1/chat/completions", body | {"messages": 5})
    assert wrong.status_code == 400 and wrong.json()["type"] == "error"


@pytest.mark.parametrize("speaks", ["anthropic", "openai_responses", "gemini"])
def test_style_claude_does_not_lose_the_seals_of_calls(shared: Gateway, speaks: str) -> None:
    """The next request is a chat request again, which has no field for them."""
    upstream = UPSTREAMS[speaks]
    looks = {"thinking": "I look.", "tools": [{"name": "look", "arguments": {"where": "up"}}]}
    model = told(shared.simulator, upstream.model("style"), looks, {"text": "A wall."})
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    question: Json = {"role": "user", "content": "look"}
    body: Json = {"model": model, "style": "claude", "tools": [tool], "reasoning_effort": "low"}
    first = asked(shared, "/v1/chat/completions", body | {"messages": [question]}).json()
    (call,) = [block for block in first["content"] if block["type"] == "tool_use"]
    function = {"name": "look", "arguments": '{"where":"up"}'}
    history = [
        question,
        {"role": "assistant", "tool_calls": [
            {"id": call["id"], "type": "function", "function": function}
        ]},
        {"role": "tool", "tool_call_id": call["id"], "content": "a wall"},
    ]  # fmt: skip
    second = asked(shared, "/v1/chat/completions", body | {"messages": history})
    assert second.status_code == 200, second.text
    assert len(upstream.read(received(shared.simulator, model)[-1]["body"]).seals) == 1


# ----------------------------------------------------------------------------- counting


def test_a_count_that_is_an_estimate_says_so(shared: Gateway) -> None:
    path, body = plain_request("anthropic", UPSTREAMS["openai_chat"].model("count"))
    del body["max_tokens"]
    answer = asked(shared, f"{path}/count_tokens?beta=true", body)
    assert answer.status_code == 200 and answer.json()["input_tokens"] > 0
    assert answer.headers["x-clavis-usage-source"] == "estimated"
    record = shared.usage(answer.headers["x-request-id"])
    assert (record["cost_micro"], record["endpoint"]) == (0, "count_tokens")


# ----------------------------------------------------------------------------- stored answers

STATELESS = [speaks for speaks in UPSTREAMS if speaks != "openai_responses"]


@pytest.mark.parametrize("speaks", STATELESS)
def test_stored_answers_on_an_upstream_that_keeps_nothing(shared: Gateway, speaks: str) -> None:
    """Continued with a tool's result alone, read, listed, deleted; and nobody else's business."""
    upstream = UPSTREAMS[speaks]
    model = told(
        shared.simulator,
        upstream.model("stored"),
        {"thinking": "I must look.", "tools": [{"name": "look", "arguments": {"where": "up"}}]},
        {"text": "A ceiling."},
        {"text": "White."},
    )
    look: Any = {"type": "function", "name": "look", "strict": False, "parameters": {
        "type": "object", "properties": {"where": {"type": "string"}}
    }}  # fmt: skip
    common: Any = {"model": model, "tools": [look], "reasoning": {"effort": "low"}}
    with openai.OpenAI(base_url=f"{shared.http}/v1", api_key=shared.key, max_retries=0) as client:
        first = client.responses.create(**common, input="look up", instructions="Be brief.")
        (call,) = [item for item in first.output if item.type == "function_call"]
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "white"}
        second = client.responses.create(**common, input=[result], previous_response_id=first.id)
        assert second.output_text == "A ceiling." and second.previous_response_id == first.id
        with client.responses.stream(
            **common, input="what colour?", previous_response_id=second.id
        ) as stream:
            third = stream.get_final_response()
        assert third.output_text == "White."
        arrived = upstream.read(received(shared.simulator, model)[-1]["body"])
        assert arrived.results == [("look", "white")]
        assert arrived.texts == ["look up", "A ceiling.", "what colour?"], "no old instructions"
        # Claude thought again before its second answer.
        assert len(arrived.seals) == {"anthropic": 2, "openai_chat": 0, "gemini": 1}[speaks]

        read = client.responses.retrieve(second.id)
        assert read.output_text == "A ceiling." and read.status == "completed"
        listed = client.responses.input_items.list(second.id).data
        assert next(item.type for item in listed) == "function_call_output"
        stranger = shared.new_key(f"stranger-{speaks}", "--customer", f"stranger-{speaks}")
        with openai.OpenAI(base_url=f"{shared.http}/v1", api_key=stranger) as other:
            with pytest.raises(openai.NotFoundError):
                other.responses.retrieve(second.id)
            with pytest.raises(openai.BadRequestError):
                other.responses.create(**common, input="x", previous_response_id=second.id)
        client.responses.delete(second.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(second.id)
        unsaved = client.responses.create(model=model, input="hello", store=False)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(unsaved.id)


def test_background_is_refused_clearly(shared: Gateway) -> None:
    path, body = plain_request("openai_responses", UPSTREAMS["anthropic"].model("background"))
    answer = asked(shared, path, body | {"background": True})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "background"


@pytest.mark.parametrize("dialect", UPSTREAMS)
def test_a_conversation_may_move_between_upstreams(
    shared: Gateway, callers: Callers, dialect: str
) -> None:
    """What one model sealed is not shown to another, and does not harm; also not natively."""
    talk = callers[dialect].talk("", Wanted(thinking=True))
    tour = [*UPSTREAMS, *UPSTREAMS, dialect]
    for step, speaks in enumerate(tour):
        script = {"thinking": f"thought {step}", "text": f"said {step}"}
        talk.model = told(shared.simulator, UPSTREAMS[speaks].model("moves"), script)
        assert talk.say(f"question {step}").text == f"said {step}"
    arrived = UPSTREAMS[dialect].read(received(shared.simulator, talk.model)[-1]["body"])
    asked_and_said = [f"{what} {step}" for step in range(8) for what in ("question", "said")]
    assert arrived.texts == [*asked_and_said, "question 8"]
