"""What is sent to a Chat Completions upstream, what is left out of it, and what is said about
that."""

import dataclasses
from typing import Any

import orjson
import pytest

from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import Effort
from translators.canonical.loss import LossKind
from translators.canonical.parts import CacheMark, Text
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Turn,
)
from translators.openai_chat import PROTOCOL

HI = Turn(Role.USER, (Text("Hi"),))
HOME = Capabilities()
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = LOOSE | {"required": ["a"], "additionalProperties": False}
DROPPED, CLAMPED, CHANGED = LossKind.DROPPED, LossKind.CLAMPED, LossKind.CHANGED


def encoded(
    capabilities: Capabilities = HOME, **fields: Any
) -> tuple[dict[str, Any], dict[str, LossKind]]:
    """The body without model and messages, and the losses."""
    request = dataclasses.replace(Request("m", (HI,)), **fields)
    sent = PROTOCOL.encode_request(request, capabilities)
    assert PROTOCOL.encode_request(request, capabilities) == sent, "the same bytes every time"
    body = orjson.loads(sent.body)
    assert body.pop("model") == "m"
    assert body.pop("messages")[-1]["content"] == "Hi"
    return body, {loss.field: loss.kind for loss in sent.losses}


Case = tuple[Capabilities, dict[str, Any], dict[str, Any], dict[str, LossKind]]

SETTINGS: dict[str, Case] = {
    "nothing": (HOME, {}, {}, {}),
    "cap": (HOME, {"max_output_tokens": 9}, {"max_completion_tokens": 9}, {}),
    "older cap": (
        Capabilities(legacy_max_tokens=True),
        {"max_output_tokens": 9},
        {"max_tokens": 9},
        {},
    ),
    "too high a cap": (
        Capabilities(max_output_tokens=8),
        {"max_output_tokens": 9},
        {"max_completion_tokens": 8},
        {"max_output_tokens": CLAMPED},
    ),
    "a cap of nothing": (
        HOME,
        {"max_output_tokens": 0},
        {"max_completion_tokens": 1},
        {"max_output_tokens": CLAMPED},
    ),
    "sampling": (
        HOME,
        {"sampling": Sampling(0.5, 0.9, seed=3, presence_penalty=1, frequency_penalty=-1)},
        {
            "temperature": 0.5,
            "top_p": 0.9,
            "presence_penalty": 1,
            "frequency_penalty": -1,
            "seed": 3,
        },
        {},
    ),
    "beyond the limits (5.4)": (
        HOME,
        {"sampling": Sampling(temperature=2.5, presence_penalty=-3)},
        {"temperature": 2, "presence_penalty": -2},
        {"temperature": CLAMPED, "presence_penalty": CLAMPED},
    ),
    "no sampling (5.5)": (
        Capabilities(sampling=False, penalties=False),
        {"sampling": Sampling(0.5, 0.9, presence_penalty=1, logit_bias={"1": 2})},
        {},
        {
            "temperature": DROPPED,
            "top_p": DROPPED,
            "presence_penalty": DROPPED,
            "logit_bias": DROPPED,
        },
    ),
    "defaults where there is no sampling": (
        Capabilities(sampling=False, penalties=False),
        {"sampling": Sampling(1, 1, presence_penalty=0, frequency_penalty=0.0)},
        {},
        {},
    ),
    "top_k (5.6)": (HOME, {"sampling": Sampling(top_k=5)}, {}, {"top_k": DROPPED}),
    "bias": (HOME, {"sampling": Sampling(logit_bias={"1": 2})}, {"logit_bias": {"1": 2}}, {}),
    "logprobs (5.9)": (
        HOME,
        {"sampling": Sampling(logprobs=True, top_logprobs=2)},
        {},
        {"logprobs": DROPPED},
    ),
    "stops": (HOME, {"sampling": Sampling(stop=("a", "", "b"))}, {"stop": ["a", "b"]}, {}),
    "five stops (5.7)": (
        HOME,
        {"sampling": Sampling(stop=tuple("abcde"))},
        {"stop": list("abcd")},
        {"stop": CLAMPED},
    ),
    "no stops": (
        Capabilities(stop_sequences=False),
        {"sampling": Sampling(stop=("a",))},
        {},
        {"stop": DROPPED},
    ),
    "effort": (
        HOME,
        {"reasoning": ReasoningWish(Effort.HIGH, summary="auto")},
        {"reasoning_effort": "high"},
        {},
    ),
    "a lesser effort (6.2)": (
        Capabilities(efforts=(Effort.LOW, Effort.MEDIUM)),
        {"reasoning": ReasoningWish(Effort.MAX)},
        {"reasoning_effort": "medium"},
        {"reasoning.effort": CLAMPED},
    ),
    "a budget (6.1)": (
        HOME,
        {"reasoning": ReasoningWish(budget_tokens=4000)},
        {"reasoning_effort": "low"},
        {"reasoning.budget_tokens": CHANGED},
    ),
    "off": (HOME, {"reasoning": ReasoningWish(off=True)}, {"reasoning_effort": "none"}, {}),
    "cannot be off": (
        Capabilities(thinking_off=False, efforts=(Effort.LOW, Effort.HIGH)),
        {"reasoning": ReasoningWish(off=True)},
        {"reasoning_effort": "low"},
        {"reasoning.off": CLAMPED},
    ),
    "adaptive": (HOME, {"reasoning": ReasoningWish(adaptive=True)}, {}, {}),
    "a summary": (
        HOME,
        {"reasoning": ReasoningWish(summary="detailed")},
        {},
        {"reasoning.summary": DROPPED},
    ),
    "no reasoning there": (
        Capabilities(thinking=Thinking.NONE),
        {"reasoning": ReasoningWish(Effort.LOW)},
        {},
        {"reasoning": DROPPED},
    ),
    "off where there is none": (
        Capabilities(thinking=Thinking.NONE),
        {"reasoning": ReasoningWish(off=True)},
        {},
        {},
    ),
    "verbosity": (HOME, {"verbosity": "low"}, {"verbosity": "low"}, {}),
    "tier": (HOME, {"service_tier": "priority"}, {"service_tier": "priority"}, {}),
    "the tier that is none": (HOME, {"service_tier": "auto"}, {}, {}),
    "a foreign tier (5.11)": (
        HOME,
        {"service_tier": "standard_only"},
        {},
        {"service_tier": DROPPED},
    ),
    "user and key": (
        HOME,
        {"user": "u", "cache_key": "k"},
        {"user": "u", "prompt_cache_key": "k"},
        {},
    ),
    "a long key": (
        HOME,
        {"cache_key": "u" * 65},
        {"prompt_cache_key": "f20e249d15fa4b9f44ba21d154f62e1efa76ddfdce5d25139a33a4787cee5a8b"},
        {},
    ),
    "no hints": (
        Capabilities(cache_hints=False),
        {
            "cache_key": "k",
            "cache_mark": CacheMark(),
            "user": "u",
            "verbosity": "low",
            "service_tier": "flex",
        },
        {},
        {
            "service_tier": DROPPED,
            "verbosity": DROPPED,
            "user": DROPPED,
            "cache_key": DROPPED,
            "cache": DROPPED,
        },
    ),
    "metadata": (HOME, {"metadata": {"a": "b"}}, {}, {"metadata": DROPPED}),
    "n (5.8)": (HOME, {"choices": 2}, {"n": 2}, {}),
    "a stream (8.5)": (
        HOME,
        {"stream": True, "include_usage": False},
        {"stream": True, "stream_options": {"include_usage": True}},
        {},
    ),
}


@pytest.mark.parametrize(("knows", "fields", "body", "losses"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_sent_or_reported(
    knows: Capabilities, fields: dict[str, Any], body: dict[str, Any], losses: dict[str, LossKind]
) -> None:
    assert encoded(knows, **fields) == (body, losses)


# -------------------------------------------------------------------------------- output's form


def form(**fields: Any) -> tuple[dict[str, Any], dict[str, LossKind]]:
    body, losses = encoded(output_format=OutputFormat(FormatKind.JSON_SCHEMA, **fields))
    return body["response_format"]["json_schema"], losses


def test_strict_is_claimed_only_of_a_schema_that_is() -> None:
    """3.5: as it stands; None is a caller whose dialect always keeps to the schema."""
    assert form(schema=STRICT, name="A", strict=True) == (
        {"name": "A", "schema": STRICT, "strict": True},
        {},
    )
    assert form(schema=STRICT)[0]["strict"] is True
    assert form(schema=STRICT, strict=False)[0]["strict"] is False
    assert form(schema=LOOSE) == ({"name": "response", "schema": LOOSE, "strict": False}, {})
    assert form(schema=LOOSE, strict=True)[1] == {"output_format.strict": CHANGED}


def test_the_name_of_a_schema_fits() -> None:
    """3.7"""
    named, losses = form(schema=LOOSE, name="my answer!" + "x" * 99, description="d")
    assert named["name"] == "my_answer_" + "x" * 54
    assert named["description"] == "d"
    assert losses == {"output_format.name": CHANGED}


def test_json_objects_need_the_word() -> None:
    """3.6: the provider refuses `json_object` where no message says JSON."""
    asked = dataclasses.replace(
        Request("m", (Turn(Role.SYSTEM, (Text("Be brief."),)), HI)),
        output_format=OutputFormat(FormatKind.JSON_OBJECT),
    )
    sent = PROTOCOL.encode_request(asked, HOME)
    body = orjson.loads(sent.body)
    assert body["response_format"] == {"type": "json_object"}
    assert [m["role"] for m in body["messages"]] == ["developer", "developer", "user"]
    assert [str(loss) for loss in sent.losses] == ["output_format=added"]
    told = dataclasses.replace(asked, turns=(Turn(Role.USER, (Text("Say it in JSON"),)),))
    again = PROTOCOL.encode_request(told, HOME)
    assert (len(orjson.loads(again.body)["messages"]), again.losses) == (1, ())


def test_a_model_without_schemas_is_told_in_words() -> None:
    asked = dataclasses.replace(
        Request("m", (HI,)), output_format=OutputFormat(FormatKind.JSON_SCHEMA, LOOSE)
    )
    sent = PROTOCOL.encode_request(
        asked, Capabilities(structured_output=False, developer_role=False)
    )
    body = orjson.loads(sent.body)
    assert "response_format" not in body
    assert body["messages"][0]["role"] == "system"
    assert orjson.dumps(LOOSE).decode() in body["messages"][0]["content"]
    assert [str(loss) for loss in sent.losses] == ["output_format=changed"]
