"""Tools of neutral requests, and how one is chosen."""

from typing import Any

import orjson
import pytest

from tests.translators.conformance.upstream import refusal
from tests.translators.gemini_asked import (
    HI,
    MODEL,
    PNG,
    SCHEMA,
    SIGNATURE,
    F,
    Json,
    encode,
    system,
)
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities
from translators.canonical.parts import (
    CacheMark,
)
from translators.canonical.request import (
    WEB_SEARCH,
    HostedTool,
    Request,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.gemini import PROTOCOL
from translators.protocol import NotUnderstood

# ------------------------------------------------------------------------------------------- tools


def tools(*tools: Any, **fields: Any) -> tuple[list[Json], list[str]]:
    body, losses = encode(tools=tools, **fields)
    return body.get("tools", []), losses


def test_functions_in_json_schema_or_in_geminis_own() -> None:
    """3.1, 2.11, 2.21"""
    found, losses = tools(F, Tool("g", strict=True, cache=CacheMark()), Tool("h", schema={}))
    assert found == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA},
                {"name": "g"},
                {"name": "h", "parametersJsonSchema": {"type": "object", "properties": {}}},
            ]
        }
    ]
    assert losses == ["tools[].strict=dropped", "cache=dropped"]
    older = Capabilities(full_json_schema=False)
    found, losses = tools(F, Tool("h", schema={"type": "object"}), given=older)
    (declared, bare) = found[0]["functionDeclarations"]
    assert declared["parameters"] == {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING"}},
        "required": ["a"],
    }
    assert bare == {"name": "h"}
    assert losses == []


def test_the_last_of_two_tools_with_one_name_is_used() -> None:
    """2.22"""
    found, _ = tools(Tool("f", "a"), Tool("f", "b"))
    assert found == [{"functionDeclarations": [{"name": "f", "description": "b"}]}]


def test_searches_and_hosted_tools() -> None:
    """2.18, 2.19"""
    search = WebSearch(("a.org",), ("b.org",), {"city": "X"}, 3, "low", "web_search")
    found, losses = tools(search, HostedTool("gemini", "urlContext", {"urlContext": {}}))
    assert found == [{"googleSearch": {}}, {"urlContext": {}}]
    assert losses == [
        f"web_search.{name}=dropped"
        for name in ("allowed_domains", "blocked_domains", "location", "max_uses", "context_size")
    ]
    found, losses = tools(WebSearch(), F)
    assert [list(tool) for tool in found] == [["functionDeclarations"]]
    assert losses == ["web_search=dropped"]
    forced = ToolChoice(ToolMode.REQUIRED, (WEB_SEARCH,))
    found, losses = tools(WebSearch(), F, tool_choice=forced)
    assert found == [{"googleSearch": {}}]
    assert losses == ["tools[]=dropped", "tool_choice=dropped"]
    found, losses = tools(WebSearch(), given=Capabilities(web_search=False))
    assert (found, losses) == ([], ["web_search=dropped"])
    _, losses = tools(HostedTool("openai", "shell", {"type": "shell"}))
    assert losses == ["tools[].shell=dropped"]


CHOICES: dict[str, tuple[ToolChoice, Json | None, list[str]]] = {
    "auto": (ToolChoice(ToolMode.AUTO), {"mode": "AUTO"}, []),
    "some": (ToolChoice(ToolMode.REQUIRED), {"mode": "ANY"}, []),
    "this one": (
        ToolChoice(ToolMode.REQUIRED, ("f",)),
        {"mode": "ANY", "allowedFunctionNames": ["f"]},
        [],
    ),
    "none": (ToolChoice(ToolMode.NONE), {"mode": "NONE"}, []),
    "perhaps one of these": (
        ToolChoice(ToolMode.AUTO, ("f",)),
        {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        [],
    ),
    "one that is not there": (
        ToolChoice(ToolMode.AUTO, ("f", "gone")),
        {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ["tool_choice=changed"],
    ),
    "the search": (
        ToolChoice(ToolMode.REQUIRED, (WEB_SEARCH,)),
        {"mode": "AUTO"},
        ["tool_choice=changed"],
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_how_a_tool_is_chosen(case: str) -> None:
    """2.1"""
    choice, wire, losses = CHOICES[case]
    body, lost = encode(tools=(F, Tool("g")), tool_choice=choice)
    assert body["toolConfig"] == {"functionCallingConfig": wire}
    assert lost == losses


def test_a_choice_without_functions_or_without_force() -> None:
    """2.2, 2.4"""
    body, losses = encode(tool_choice=ToolChoice(ToolMode.REQUIRED))
    assert "toolConfig" not in body
    assert losses == ["tool_choice=dropped"]
    body, losses = encode(
        tools=(F,),
        tool_choice=ToolChoice(ToolMode.REQUIRED),
        parallel_tool_calls=False,
        given=Capabilities(forced_tools=False),
    )
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "AUTO"}
    assert losses == ["tool_choice=changed", "parallel_tool_calls=dropped"]


# ------------------------------------------------------------------------ paths, counting, sameness


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-pro", "/models/gemini-3-pro"),
        ("models/gemini-3-pro", "/models/gemini-3-pro"),
        ("google/gemini:free", "/models/google/gemini:free"),
        ("a b?c#d%", "/models/a%20b%3Fc%23d%25"),
    ],
)
def test_the_path_names_the_model(model: str, path: str) -> None:
    """13.3"""
    assert PROTOCOL.request_path(model, False) == f"{path}:generateContent"
    assert PROTOCOL.request_path(model, True) == f"{path}:streamGenerateContent?alt=sse"
    assert PROTOCOL.counting is not None
    assert PROTOCOL.counting.path(model) == f"{path}:countTokens"


def test_tokens_are_counted_with_system_and_tools() -> None:
    """8.14"""
    counting = PROTOCOL.counting
    assert counting is not None
    request = Request(MODEL, (system("s"), HI), tools=(F,), max_output_tokens=9)
    body = counting.encode(request, DEFAULT_CAPABILITIES).body
    assert refusal("gemini", counting.path(MODEL), body) is None
    inner = orjson.loads(body)["generateContentRequest"]
    assert inner["model"] == f"models/{MODEL}"
    assert set(inner) == {"model", "systemInstruction", "contents", "tools"}
    assert counting.decode(b'{"totalTokens":31}') == 31
    assert counting.decode(counting.render(0)) == 0
    for wrong in (b"{}", b"[]", b"{", b'{"totalTokens":-1}', b'{"totalTokens":"x"}'):
        with pytest.raises(NotUnderstood):
            counting.decode(wrong)


def test_a_request_of_this_dialect_comes_out_as_it_went_in() -> None:
    body = {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "b", "thoughtSignature": SIGNATURE},
                    {
                        "functionCall": {"id": "i", "name": "f", "args": {"a": 1}},
                        "thoughtSignature": SIGNATURE,
                    },
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "i", "name": "f", "response": {"result": "r"}}}
                ],
            },
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "temperature": 1,
            "maxOutputTokens": 9,
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
        },
        "serviceTier": "flex",
    }
    request = PROTOCOL.decode_request(orjson.dumps(body))
    encoded = PROTOCOL.encode_request(request, DEFAULT_CAPABILITIES)
    assert orjson.loads(encoded.body) == body
    assert encoded.losses == request.losses == ()
