"""Requests that are wrong: named where they are, whatever types they have."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.translators.gemini_wire import OWN, PNG, Json, call, decode, model, result, user
from translators import text_json
from translators.canonical.request import (
    Request,
)
from translators.gemini import PROTOCOL
from translators.protocol import NotUnderstood

# ---------------------------------------------------------------------------------------- mistakes

MISTAKES: list[tuple[Json, str | None]] = [
    ({"contents": []}, "contents"),
    ({"contents": None}, "contents"),
    ({"contents": "hi"}, "contents"),
    ({"contents": [5]}, "contents[0]"),
    ({"contents": [{"parts": [5]}]}, "contents[0].parts[0]"),
    ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
    ({"contents": [user({"text": 5})]}, "contents[0].parts[0].text"),
    ({"contents": [user({"functionCall": {}})]}, "contents[0].parts[0].functionCall.name"),
    ({"contents": [user(call("f", [1]))]}, "contents[0].parts[0].functionCall.args"),
    ({"contents": [user(result("", {}))]}, "contents[0].parts[0].functionResponse.name"),
    ({"contents": [user({"inlineData": {"mimeType": "a/b"}})]},
     "contents[0].parts[0].inlineData.data"),
    ({"contents": [user({"fileData": {}})]}, "contents[0].parts[0].fileData.fileUri"),
    ({"cachedContent": "cachedContents/a"}, "cachedContent"),
    ({"continuation_token": "a"}, "continuationToken"),
    ({"systemInstruction": 5}, "systemInstruction"),
    ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
    ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": 5}]}]},
     "tools[0].functionDeclarations[0].parameters"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}},
     "toolConfig.functionCallingConfig.mode"),
    ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
    ({"generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
    ({"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
    ({"generationConfig": {"stopSequences": [5]}}, "generationConfig.stopSequences"),
    ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
     "generationConfig.thinkingConfig.thinkingBudget"),
    ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "MUCH"}}},
     "generationConfig.thinkingConfig.thinkingLevel"),
    ({"generationConfig": {"responseSchema": {}, "responseJsonSchema": {}}},
     "generationConfig.responseJsonSchema"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "param"), MISTAKES)
def test_a_mistake_is_named(fields: Json, param: str | None) -> None:
    with pytest.raises(NotUnderstood) as refused:
        decode(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff", b"null"])
def test_a_body_that_is_no_object(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_request(body)


@pytest.mark.parametrize("depth", [70, 300, 900])
def test_depth_is_understood_or_refused(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    bodies = (
        f'{{"contents":[{{"parts":[{{"functionCall":{{"name":"f","args":{deep}}}}}]}}]}}',
        f'{{"contents":[{{"parts":[{{"functionResponse":{{"name":"f","response":{deep}}}}}]}}]}}',
        '{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":'
        f'[{{"name":"f","parameters":{{"items":{deep}}}}}]}}]}}',
    )
    for body in bodies:
        try:
            PROTOCOL.decode_request(body.encode())
        except NotUnderstood as error:
            assert str(error)


FULL: Json = {
    "model": "models/m",
    "systemInstruction": {"parts": [{"text": "s"}]},
    "contents": [
        user({"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}),
        user({"fileData": {"mimeType": "image/png", "fileUri": "https://x.org/a"}}),
        model(
            {"text": "t", "thought": True, "thoughtSignature": OWN},
            {**call("f", {"a": [1]}, id="i"), "thoughtSignature": OWN},
        ),
        user(result("f", {"result": "r"}, id="i", parts=[{"inlineData": {"data": PNG}}])),
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}}},
                        "required": ["a"],
                        "propertyOrdering": ["a"],
                        "anyOf": [{"type": "OBJECT", "nullable": True, "enum": ["x"]}],
                        "maxItems": "5",
                    },
                },
                {"name": "g", "parametersJsonSchema": {"type": "object"}},
            ]
        },
        {"googleSearch": {"excludeDomains": ["x"]}, "codeExecution": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "temperature": 1,
        "stopSequences": ["a"],
        "responseModalities": ["TEXT"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT"},
        "thinkingConfig": {"thinkingBudget": 1, "includeThoughts": True},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    },
    "safetySettings": [{"category": "a"}],
    "labels": {"a": "b"},
    "serviceTier": "flex",
}
WRONG: list[Any] = [None, 5, -1.5, 1e300, 10**30, "x", "", True, [], {}, [5], [None], {"a": 5}]


def mutations(value: Any) -> Iterator[Any]:
    """The value with one part of it, at any depth, of another type."""
    yield from WRONG
    if isinstance(value, dict):
        for name, inner in value.items():
            for other in mutations(inner):
                yield {**value, name: other}
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            for other in mutations(inner):
                yield [*value[:at], other, *value[at + 1 :]]


def test_wrong_types_at_every_depth_are_understood_or_refused() -> None:
    seen = 0
    for body in mutations(FULL):
        seen += 1
        try:
            request = PROTOCOL.decode_request(text_json.dumps(body))
        except NotUnderstood as error:
            assert str(error)
        else:
            assert isinstance(request, Request)
    assert seen > 500
