"""Settings of neutral requests: sampling, limits, thinking, the shape of the answer."""

from dataclasses import replace

import orjson
import pytest

from tests.translators.gemini_asked import HI, MODEL, SCHEMA, Json, config, encode
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities, Thinking
from translators.canonical.effort import Effort
from translators.canonical.parts import (
    CacheMark,
)
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Sampling,
)
from translators.gemini import PROTOCOL
from translators.protocol import NotUnderstood

# ---------------------------------------------------------------------------------------- settings


def test_sampling() -> None:
    """5.4, 5.6, 5.7, 5.9"""
    sampling = Sampling(0.5, 0.9, 40, 7, 0.1, -0.2, None, None, None, ("a", "", "b", "a"))
    assert config(sampling=sampling, max_output_tokens=9) == (
        {
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "seed": 7,
            "presencePenalty": 0.1,
            "frequencyPenalty": -0.2,
            "stopSequences": ["a", "b"],
            "maxOutputTokens": 9,
        },
        [],
    )
    extreme = Sampling(9, -1, 0, 2**40, 2, -3, {"1": 1.0}, True, 3, ("1", "2", "3", "4", "5", "6"))
    found, losses = config(
        sampling=extreme, max_output_tokens=99, given=Capabilities(max_output_tokens=50)
    )
    assert found == {
        "temperature": 2.0,
        "topP": 0,
        "topK": 1,
        "seed": 0,
        "presencePenalty": 1.99,
        "frequencyPenalty": -2.0,
        "stopSequences": ["1", "2", "3", "4", "5"],
        "maxOutputTokens": 50,
    }
    assert losses == [
        "temperature=clamped",
        "top_p=clamped",
        "top_k=clamped",
        "seed=changed",
        "logit_bias=dropped",
        "logprobs=dropped",
        "top_logprobs=dropped",
        "presence_penalty=clamped",
        "frequency_penalty=clamped",
        "stop=clamped",
        "max_output_tokens=clamped",
    ]


def test_a_model_that_takes_less() -> None:
    """5.5"""
    bare = Capabilities(sampling=False, penalties=False, stop_sequences=False)
    sampling = Sampling(0.5, 0.9, 40, None, 0.1, 0.2, stop=("a",))
    assert config(sampling=sampling, given=bare) == (
        {},
        [
            f"{name}=dropped"
            for name in (
                "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "stop",
            )
        ],
    )  # fmt: skip


BUDGET = Capabilities(
    thinking=Thinking.BUDGET, min_budget_tokens=128, max_budget_tokens=24_576, thinking_off=True
)
LEVELS = Capabilities(thinking=Thinking.EFFORT, efforts=(Effort.LOW, Effort.HIGH))
WISHES: list[tuple[Capabilities, ReasoningWish, Json, list[str]]] = [
    (BUDGET, ReasoningWish(off=True), {"thinkingBudget": 0}, []),
    (replace(BUDGET, thinking_off=False), ReasoningWish(off=True), {"thinkingBudget": 128},
     ["reasoning.off=clamped"]),
    (BUDGET, ReasoningWish(adaptive=True), {"thinkingBudget": -1}, []),
    (BUDGET, ReasoningWish(budget_tokens=5_000), {"thinkingBudget": 5_000}, []),
    (BUDGET, ReasoningWish(budget_tokens=1), {"thinkingBudget": 128},
     ["reasoning.budget_tokens=clamped"]),
    (BUDGET, ReasoningWish(effort=Effort.MEDIUM), {"thinkingBudget": 10_240}, []),
    (BUDGET, ReasoningWish(effort=Effort.MAX), {"thinkingBudget": 24_576},
     ["reasoning.effort=clamped"]),
    (LEVELS, ReasoningWish(effort=Effort.HIGH), {"thinkingLevel": "HIGH"}, []),
    (LEVELS, ReasoningWish(effort=Effort.MEDIUM), {"thinkingLevel": "LOW"},
     ["reasoning.effort=clamped"]),
    (LEVELS, ReasoningWish(effort=Effort.MAX), {"thinkingLevel": "HIGH"},
     ["reasoning.effort=clamped"]),
    (LEVELS, ReasoningWish(budget_tokens=20_000), {"thinkingLevel": "HIGH"},
     ["reasoning.budget_tokens=changed"]),
    (LEVELS, ReasoningWish(off=True), {"thinkingLevel": "LOW"}, ["reasoning.off=clamped"]),
    (LEVELS, ReasoningWish(adaptive=True), {}, []),
    (LEVELS, ReasoningWish(summary="auto"), {"includeThoughts": True}, []),
    (LEVELS, ReasoningWish(adaptive=True, summary="detailed"), {"includeThoughts": True},
     ["reasoning.summary=changed"]),
    (LEVELS, ReasoningWish(summary="none"), {"includeThoughts": False}, []),
    (Capabilities(thinking=Thinking.NONE), ReasoningWish(effort=Effort.LOW, summary="auto"), {},
     ["reasoning=dropped"]),
    (Capabilities(thinking=Thinking.NONE), ReasoningWish(off=True), {}, []),
    (DEFAULT_CAPABILITIES, ReasoningWish(effort=Effort.XHIGH), {"thinkingLevel": "XHIGH"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("given", "wish", "wire", "losses"), WISHES)
def test_how_hard_to_think(
    given: Capabilities, wish: ReasoningWish, wire: Json, losses: list[str]
) -> None:
    """6.1, 6.2"""
    request = Request(MODEL, (HI,), reasoning=wish)
    encoded = PROTOCOL.encode_request(request, given)
    thinking = orjson.loads(encoded.body).get("generationConfig", {}).get("thinkingConfig", {})
    assert thinking == wire
    assert [str(loss) for loss in encoded.losses] == losses


def test_shapes_of_the_answer() -> None:
    """3.6"""
    json = {"responseMimeType": "application/json"}
    wanted = OutputFormat(FormatKind.JSON_SCHEMA, SCHEMA, "n", "d", True)
    assert config(output_format=OutputFormat(FormatKind.JSON_OBJECT)) == (json, [])
    assert config(output_format=wanted) == (
        {**json, "responseJsonSchema": SCHEMA},
        ["output_format.description=dropped"],
    )
    older = Capabilities(full_json_schema=False)
    strict = OutputFormat(FormatKind.JSON_SCHEMA, {**SCHEMA, "additionalProperties": False})
    found, losses = config(output_format=strict, given=older)
    assert found["responseSchema"]["type"] == "OBJECT"
    assert losses == ["output_format.schema=changed"]
    none = Capabilities(structured_output=False)
    assert config(output_format=wanted, given=none) == ({}, ["output_format=dropped"])


@pytest.mark.parametrize(
    ("tier", "wire", "losses"),
    [
        ("auto", None, []),
        ("default", "standard", []),
        ("flex", "flex", []),
        ("priority", "priority", []),
        ("scale", None, ["service_tier=dropped"]),
    ],
)
def test_service_tiers(tier: str, wire: str | None, losses: list[str]) -> None:
    """5.11"""
    body, lost = encode(service_tier=tier)
    assert body.get("serviceTier") == wire
    assert lost == losses


def test_what_has_no_place_is_told() -> None:
    """5.12, 5.13, 11.1"""
    _, losses = encode(
        verbosity="low",
        user="u",
        cache_key="k",
        cache_mark=CacheMark(),
        metadata={"a": "b"},
        stream=True,
    )
    names = ("verbosity", "user", "cache_key", "metadata", "cache")
    assert losses == [f"{name}=dropped" for name in names]


def test_several_answers_are_refused() -> None:
    """5.8: the neutral form has one, and the others would be paid for."""
    with pytest.raises(NotUnderstood) as refused:
        encode(choices=2)
    assert refused.value.param == "n"
