"""Requests of Gemini clients in neutral words: tools, settings, and what is not known."""

from typing import Any

import orjson
import pytest
from google.genai.types import (
    BlockedReason,
    FunctionCallingConfigMode,
    PartMediaResolutionLevel,
    ServiceTier,
    ThinkingLevel,
)

from tests.translators.gemini_wire import HI, Json, decode, losses
from translators.canonical.effort import Effort
from translators.canonical.request import (
    FormatKind,
    HostedTool,
    OutputFormat,
    ReasoningWish,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.gemini import PROTOCOL
from translators.gemini.vocabulary import (
    BLOCKED,
    HEARD_LEVELS,
    HEARD_MODES,
    HEARD_RESOLUTIONS,
    HEARD_ROLES,
    HEARD_TIERS,
    SPOKEN_LEVELS,
    SPOKEN_MODES,
    SPOKEN_ROLES,
)

# ------------------------------------------------------------------------------------------- tools


def test_functions_with_both_kinds_of_parameters() -> None:
    plain = {"type": "object", "properties": {"a": {"const": 1}}, "$schema": "x"}
    request = decode(
        tools=[
            {
                "functionDeclarations": [
                    {"name": "f", "description": "d", "parametersJsonSchema": plain},
                    {
                        "name": "g",
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {"b": {"type": "STRING", "nullable": True}},
                        },
                    },
                    {"name": "h", "behavior": "NON_BLOCKING", "response": {"type": "STRING"}},
                ]
            }
        ]
    )
    assert request.tools == (
        Tool("f", "d", plain),
        Tool("g", None, {"type": "object", "properties": {"b": {"type": ["string", "null"]}}}),
        Tool("h"),
    )
    assert losses(request) == [
        "tools[].functionDeclarations[].behavior=dropped",
        "tools[].functionDeclarations[].response=dropped",
    ]


def test_hosted_tools_and_searches() -> None:
    request = decode(
        tools=[
            {"google_search": {"excludeDomains": ["x.org"], "timeRangeFilter": {"startTime": "t"}}},
            {"googleSearchRetrieval": {"dynamicRetrievalConfig": {"mode": "MODE_DYNAMIC"}}},
            {"codeExecution": {}, "urlContext": {}},
        ]
    )
    assert request.tools == (
        WebSearch(blocked_domains=("x.org",), native_type="googleSearch"),
        WebSearch(native_type="googleSearchRetrieval"),
        HostedTool("gemini", "codeExecution", {"codeExecution": {}}),
        HostedTool("gemini", "urlContext", {"urlContext": {}}),
    )
    assert losses(request) == [
        "tools[].googleSearch.timeRangeFilter=dropped",
        "tools[].googleSearchRetrieval.dynamicRetrievalConfig=dropped",
    ]


CHOICES: list[tuple[Json, ToolChoice | None]] = [
    ({"mode": "AUTO"}, ToolChoice(ToolMode.AUTO)),
    ({"mode": "any"}, ToolChoice(ToolMode.REQUIRED)),
    ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(ToolMode.REQUIRED, ("f",))),
    ({"mode": "NONE"}, ToolChoice(ToolMode.NONE)),
    ({"mode": "VALIDATED", "allowed_function_names": ["f", "g"]},
     ToolChoice(ToolMode.AUTO, ("f", "g"))),
    ({"mode": "MODE_UNSPECIFIED"}, None),
    ({}, None),
]  # fmt: skip


@pytest.mark.parametrize(("calling", "choice"), CHOICES)
def test_how_functions_are_chosen(calling: Json, choice: ToolChoice | None) -> None:
    request = decode(tool_config={"function_calling_config": calling})
    assert request.tool_choice == choice
    validated = calling.get("mode") == "VALIDATED"
    assert bool(request.losses) is validated


# ---------------------------------------------------------------------------------------- settings


def test_sampling_and_limits_also_in_quotes_and_in_snake_case() -> None:
    said = Sampling(0.5, 0.9, 40, 7, 0.1, -0.2, None, True, 3, ("a", "b"))
    config = {
        "temperature": 0.5,
        "top_p": "0.9",
        "topK": 40.0,
        "seed": "7",
        "presencePenalty": 0.1,
        "frequency_penalty": -0.2,
        "responseLogprobs": True,
        "logprobs": 3,
        "stopSequences": ["a", "b"],
        "maxOutputTokens": "100",
        "candidateCount": 2,
    }
    for name in ("generationConfig", "generation_config"):
        request = decode(**{name: config})
        assert request.sampling == said
        assert (request.max_output_tokens, request.choices) == (100, 2)
        assert request.losses == ()


WISHES: list[tuple[Json, ReasoningWish | None]] = [
    ({"thinkingBudget": 0}, ReasoningWish(off=True)),
    ({"thinkingBudget": -1}, ReasoningWish(adaptive=True)),
    ({"thinking_budget": 500}, ReasoningWish(budget_tokens=500)),
    ({"thinkingLevel": "low"}, ReasoningWish(effort=Effort.LOW)),
    ({"thinkingLevel": "XHIGH"}, ReasoningWish(effort=Effort.XHIGH)),
    ({"thinkingLevel": "MINIMAL"}, ReasoningWish(effort=Effort.MINIMAL)),
    ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED", "includeThoughts": True},
     ReasoningWish(summary="auto")),
    ({"includeThoughts": False}, ReasoningWish(summary="none")),
    ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    ({}, None),
]  # fmt: skip


@pytest.mark.parametrize(("thinking", "wish"), WISHES)
def test_how_hard_to_think(thinking: Json, wish: ReasoningWish | None) -> None:
    request = decode(generationConfig={"thinkingConfig": thinking})
    assert request.reasoning == wish
    assert request.echo == {"includeThoughts": thinking.get("includeThoughts", False)}


def test_shapes_of_the_answer() -> None:
    schema = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
    standard = {"type": "object", "properties": {"a": {"type": "integer"}}}

    def shape(**config: Any) -> OutputFormat | None:
        return decode(generationConfig=config).output_format

    kind = FormatKind.JSON_SCHEMA
    assert shape(responseMimeType="text/plain") is None
    assert shape(responseMimeType="application/json") == OutputFormat(FormatKind.JSON_OBJECT)
    json = "application/json"
    assert shape(responseMimeType=json, responseSchema=schema) == OutputFormat(kind, standard)
    assert shape(responseMimeType=json, response_json_schema=standard) == OutputFormat(
        kind, standard
    )
    enum = decode(generationConfig={"responseMimeType": "text/x.enum", "responseSchema": schema})
    assert enum.output_format is None
    assert losses(enum) == [
        "generationConfig.responseMimeType=dropped",
        "generationConfig.responseSchema=dropped",
    ]


def test_everything_else_is_told() -> None:
    """Empty and false settings ask for nothing."""
    request = decode(
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        labels={"team": "a"},
        serviceTier="flex",
        futureOption={"a": 1},
        store=False,
        toolConfig={"includeServerSideToolInvocations": True, "retrievalConfig": {"latLng": {}}},
        generationConfig={
            "speechConfig": {"voiceConfig": {}},
            "responseModalities": ["TEXT", "AUDIO"],
            "mediaResolution": "MEDIA_RESOLUTION_HIGH",
            "audioTimestamp": False,
            "imageConfig": {},
            "x-odd name": 1,
            "enableAffectiveDialog": True,
        },
    )
    assert request.metadata == {"team": "a"}
    assert request.service_tier == "flex"
    assert losses(request) == [
        "generationConfig.responseModalities=dropped",
        "generationConfig.mediaResolution=dropped",
        "generationConfig.speechConfig=dropped",
        "unknown_field=dropped",
        "generationConfig.enableAffectiveDialog=dropped",
        "toolConfig.includeServerSideToolInvocations=dropped",
        "toolConfig.retrievalConfig=dropped",
        "safetySettings=dropped",
        "futureOption=dropped",
    ]


def test_the_question_of_count_tokens_is_the_request_in_it() -> None:
    inner = {"model": "models/m", "contents": [HI], "systemInstruction": "s"}
    request = PROTOCOL.decode_request(orjson.dumps({"generateContentRequest": inner}))
    assert [turn.role for turn in request.turns] == [Role.SYSTEM, Role.USER]


def test_every_word_of_the_sdk_has_a_meaning() -> None:
    """Whoever adds a word to the SDK adds it here."""

    def words(kind: Any) -> set[str]:
        return {word.value.upper() for word in kind if "UNSPECIFIED" not in word.value.upper()}

    assert words(FunctionCallingConfigMode) == set(HEARD_MODES)
    assert words(ThinkingLevel) == set(HEARD_LEVELS)
    assert words(ServiceTier) == set(HEARD_TIERS)
    assert words(PartMediaResolutionLevel) == set(HEARD_RESOLUTIONS)
    assert words(BlockedReason) == BLOCKED
    for spoken, heard in (
        (SPOKEN_ROLES, HEARD_ROLES),
        (SPOKEN_MODES, HEARD_MODES),
        (SPOKEN_LEVELS, HEARD_LEVELS),
    ):
        assert {heard[word] for word in spoken.values()} == set(spoken)
