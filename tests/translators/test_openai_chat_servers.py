"""What is sent to servers that speak Chat Completions in their own way, from the rows of the
catalog to the body: each asks for reasoning in its own field and refuses what the others take."""

from typing import Any

import orjson
import pytest

from catalog.capabilities import known
from extproc.translation import capabilities_of
from translators.canonical.effort import Effort
from translators.canonical.failure import Kind
from translators.canonical.loss import LossKind
from translators.canonical.parts import (
    Inline,
    Located,
    Media,
    MediaKind,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import ReasoningWish, Request, Role, Sampling, Turn
from translators.openai_chat import PROTOCOL

OFF = ReasoningWish(off=True)
HIGH = ReasoningWish(Effort.HIGH)
TOKENS = ReasoningWish(budget_tokens=3000)
FREE = ReasoningWish(adaptive=True)
ON, DISABLED = {"type": "enabled"}, {"type": "disabled"}
DROPPED, CLAMPED, CHANGED = LossKind.DROPPED, LossKind.CLAMPED, LossKind.CHANGED
HI = Turn(Role.USER, (Text("Hi"),))


def sent(
    preset: str, model: str, *turns: Turn, **fields: Any
) -> tuple[dict[str, Any], dict[str, LossKind]]:
    """The body for a model at a provider, and what it loses."""
    capabilities = capabilities_of(known().of(model, preset, "openai_chat"))
    made = PROTOCOL.encode_request(Request(model, turns or (HI,), **fields), capabilities)
    return orjson.loads(made.body), {loss.field: loss.kind for loss in made.losses}


Fields = dict[str, Any]

REASONING: list[tuple[str, str, ReasoningWish, Fields, dict[str, LossKind]]] = [
    ("zai", "glm-4.6", OFF, {"thinking": DISABLED}, {}),
    ("zai", "glm-4.6", HIGH, {"thinking": ON}, {"reasoning.effort": CHANGED}),
    ("zai", "glm-4.6", TOKENS, {"thinking": ON}, {"reasoning.budget_tokens": CHANGED}),
    ("zai", "glm-4.6", FREE, {"thinking": ON}, {}),
    ("zhipu", "glm-5.2", HIGH, {"thinking": ON, "reasoning_effort": "high"}, {}),
    ("zhipu", "glm-5.2", OFF, {"thinking": DISABLED}, {}),
    ("zai", "glm-5.3", OFF, {"reasoning_effort": "low"}, {"reasoning.off": CLAMPED}),
    ("moonshot", "kimi-k2.6", OFF, {"thinking": DISABLED}, {}),
    ("moonshot", "kimi-k2.6", HIGH, {"thinking": ON}, {"reasoning.effort": CHANGED}),
    ("moonshot", "kimi-k2.7-code", OFF, {}, {"reasoning": DROPPED}),
    ("moonshot", "kimi-k3", HIGH, {"reasoning_effort": "high"}, {}),
    ("deepseek", "deepseek-v4-pro", OFF, {"thinking": DISABLED}, {}),
    (
        "deepseek",
        "deepseek-v4-pro",
        ReasoningWish(Effort.MEDIUM),
        {"thinking": ON, "reasoning_effort": "low"},
        {"reasoning.effort": CLAMPED},
    ),
    ("dashscope", "qwen-plus", OFF, {"enable_thinking": False}, {}),
    ("dashscope", "qwen-plus", HIGH, {"enable_thinking": True, "thinking_budget": 24576}, {}),
    ("dashscope", "qwen-plus", TOKENS, {"enable_thinking": True, "thinking_budget": 3000}, {}),
    ("dashscope", "qwen-plus", FREE, {"enable_thinking": True}, {}),
    ("dashscope", "qwen3-coder-plus", HIGH, {}, {"reasoning": DROPPED}),
    ("vllm", "Qwen/Qwen3-32B", OFF, {"chat_template_kwargs": {"enable_thinking": False}}, {}),
    (
        "sglang",
        "Qwen/Qwen3-32B",
        HIGH,
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"reasoning.effort": CHANGED},
    ),
    ("volcengine", "doubao-seed-2-0-lite", OFF, {"thinking": DISABLED}, {}),
    ("mistral", "mistral-medium-latest", OFF, {"reasoning_effort": "none"}, {}),
    ("mistral", "mistral-medium-latest", HIGH, {"reasoning_effort": "high"}, {}),
    ("groq", "openai/gpt-oss-120b", HIGH, {"reasoning_effort": "high"}, {}),
]


@pytest.mark.parametrize(("preset", "model", "wish", "fields", "losses"), REASONING)
def test_reasoning_is_asked_for_in_the_servers_own_field(
    preset: str, model: str, wish: ReasoningWish, fields: Fields, losses: dict[str, LossKind]
) -> None:
    body, lost = sent(preset, model, reasoning=wish)
    own = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget",
           "chat_template_kwargs")  # fmt: skip
    assert {name: value for name, value in body.items() if name in own} == fields
    assert lost == losses


def test_a_server_is_told_nothing_of_reasoning_unless_somebody_asks() -> None:
    for preset, model, *_ in REASONING:
        assert set(sent(preset, model)[0]) == {"model", "messages"}


CALL_ID = "toolu_01A09q90qw90lq917835lq9"
CALLED = (
    HI,
    Turn(Role.ASSISTANT, (ToolCall(CALL_ID, "look", "{}"), ToolCall("abcdef123", "look", "{}"))),
    Turn(Role.USER, (ToolResult(CALL_ID, (Text("a"),)), ToolResult("abcdef123", (Text("b"),)))),
    Turn(Role.ASSISTANT, (ToolCall("call_" + "x" * 40, "look", "{}"),)),
    Turn(Role.USER, (ToolResult("call_" + "x" * 40, (Text("c"),)),)),
)


def test_mistral_gets_ids_of_nine_letters_and_digits_which_still_belong_together() -> None:
    body, lost = sent("mistral", "mistral-large-latest", *CALLED)
    calls = [call["id"] for m in body["messages"] for call in m.get("tool_calls", ())]
    results = [m["tool_call_id"] for m in body["messages"] if m["role"] == "tool"]
    assert calls == results
    assert len(set(calls)) == 3
    assert all(len(one) == 9 and one.isalnum() and one.isascii() for one in calls)
    assert calls[1] == "abcdef123"  # its own stay as they were
    assert lost == {}


def test_others_get_the_ids_as_they_are() -> None:
    body, _ = sent("groq", "llama-3.3-70b-versatile", *CALLED)
    assert next(m["tool_call_id"] for m in body["messages"] if m["role"] == "tool") == CALL_ID


@pytest.mark.parametrize(
    ("preset", "seed", "losses"),
    [
        ("mistral", {"random_seed": 7}, {"logit_bias": DROPPED}),
        ("groq", {"seed": 7}, {"logit_bias": DROPPED}),
        ("together", {"seed": 7}, {}),
    ],
)
def test_a_seed_has_its_own_name_and_a_bias_is_kept_from_who_refuses_it(
    preset: str, seed: Fields, losses: dict[str, LossKind]
) -> None:
    body, lost = sent(preset, "some-model", sampling=Sampling(seed=7, logit_bias={"1": 5}))
    assert {name: value for name, value in body.items() if name.endswith("seed")} == seed
    assert ("logit_bias" in body) is ("logit_bias" not in losses)
    assert lost == losses


def test_names_of_speakers_are_kept_from_who_refuses_them() -> None:
    ann = Turn(Role.USER, (Text("Hi"),), name="Ann")
    body, lost = sent("groq", "some-model", ann)
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert lost == {"messages[].name": DROPPED}
    assert sent("together", "some-model", ann)[0]["messages"][0]["name"] == "Ann"


def test_images_by_url_are_named_in_the_text_where_nobody_would_fetch_them() -> None:
    url = "https://example.com/cat.png"
    by_url = Turn(Role.USER, (Media(MediaKind.IMAGE, Located(url)),))
    within = Turn(Role.USER, (Media(MediaKind.IMAGE, Inline("iVBORw0KGgo=")),))
    body, lost = sent("moonshot", "kimi-k2.6", by_url)
    assert url in str(body["messages"][0]["content"])
    assert "image_url" not in str(body)
    assert lost == {"image": DROPPED}
    kept = sent("moonshot", "kimi-k2.6", within)[0]["messages"][0]["content"]
    assert kept[0]["image_url"]["url"].startswith("data:image/png;base64,")
    fetched, _ = sent("openrouter", "moonshotai/kimi-k2.6", by_url)
    assert fetched["messages"][0]["content"][0]["image_url"]["url"] == url


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "1113", "message": "Insufficient balance."}, Kind.CREDIT),
        (429, {"code": "1302", "message": "Rate limit reached."}, Kind.RATE_LIMITED),
        (429, {"code": "1305", "message": "Overloaded."}, Kind.OVERLOADED),
        (400, {"code": "1211", "message": "Unknown Model."}, Kind.NOT_FOUND),
        (429, {"type": "exceeded_current_quota_error", "message": "x"}, Kind.CREDIT),
        (429, {"type": "engine_overloaded_error", "message": "x"}, Kind.OVERLOADED),
        (400, {"code": "Arrearage", "message": "Access denied."}, Kind.CREDIT),
        (429, {"code": "insufficient_quota", "message": "x"}, Kind.CREDIT),
    ],
)
def test_statuses_that_say_another_thing_than_the_code(
    status: int, error: dict[str, str], kind: Kind
) -> None:
    """What means that our credit is used up must not be waited for like a rate limit."""
    failure = PROTOCOL.decode_failure(status, {}, orjson.dumps({"error": error}))
    assert failure.kind is kind
