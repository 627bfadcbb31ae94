"""The simulator as the upstream of each protocol: told what to answer, asked what it received.

Every conversation has a model name of its own, because a name is all of a request that reaches a
translated upstream unchanged: the simulator's scripts and its log are found by it. What was
received is read here from the bare JSON of each protocol, without the translators, so that a
mistake of theirs cannot hide.
"""

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.gateway import Gateway, Simulator, until

_numbers = itertools.count(1)
Json = dict[str, Any]


@dataclass
class Seen:
    """A request that arrived, in the words of the tests. `results` are (name, text) of the tools'
    answers, `calls` the history's (name, arguments), `seals` whatever the upstream had signed."""

    texts: list[str] = field(default_factory=list)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    schema: Json | None = None
    names: dict[str, str] = field(default_factory=dict)  # of calls, by their ids


@dataclass(frozen=True)
class Upstream:
    """A protocol as it is spoken to an upstream. `prefix` begins the names of its models."""

    protocol: str
    prefix: str
    read: Callable[[Json], Seen]

    def model(self, what: str) -> str:
        """A model name that nobody else uses. `what` names no other vendor's model: what an
        upstream takes is looked up by its name."""
        return f"{self.prefix}{what}-{next(_numbers)}"


def told(simulator: Simulator, model: str, *scripts: Json, lenient: bool = False) -> str:
    """Has the next calls of a model answered by these scripts; gives the model's name.

    `lenient`: the requests are not checked.
    """
    httpx.post(
        f"{simulator.url}/_sim/scripts",
        json={
            "match": {"model": model},
            "scripts": [{**script, "lenient": lenient} for script in scripts],
        },
    ).raise_for_status()
    return model


def received(simulator: Simulator, model: str) -> list[Json]:
    """The requests for a model, oldest first, as the simulator shows them."""
    answer = httpx.get(f"{simulator.url}/_sim/requests", params={"model": model}).json()
    found: list[Json] = answer["requests"] if isinstance(answer, dict) else answer
    return found


def records(running: Gateway, models: set[str]) -> dict[str, Json]:
    """The last usage record of each of these models, once they are all there."""

    def look() -> dict[str, Json] | None:
        listed = httpx.get(
            f"{running.http}/v1/usage?limit=500", headers={"x-api-key": running.key}
        ).json()["data"]
        found = {record["model"]: record for record in reversed(listed)}
        return found if models <= found.keys() else None

    found: dict[str, Json] = until(look, "usage records", 20)
    return found


def texts_of(content: Any) -> str:
    """The text of a content that is a string or a list of parts with texts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if isinstance(part, dict))


def from_data_url(url: str) -> bytes:
    head, _, data = url.partition(",")
    assert head.startswith("data:image/") and head.endswith(";base64"), head
    return base64.b64decode(data, validate=True)


# ------------------------------------------------------------------------------------- anthropic


def read_anthropic(body: Json) -> Seen:
    seen = Seen(tools=[tool["name"] for tool in body.get("tools", [])])
    system = body.get("system")
    if system:
        seen.texts.append(texts_of(system))
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            _anthropic_block(seen, block)
    seen.schema = body.get("output_config", {}).get("format", {}).get("schema")
    return seen


def _anthropic_block(seen: Seen, block: Json) -> None:
    match block["type"]:
        case "text":
            seen.texts.append(block["text"])
        case "image":
            assert block["source"]["type"] == "base64"
            seen.images.append(base64.b64decode(block["source"]["data"], validate=True))
        case "thinking":
            seen.seals.append(block["signature"])
        case "redacted_thinking":
            seen.seals.append(block["data"])
        case "tool_use":
            seen.names[block["id"]] = block["name"]
            seen.calls.append((block["name"], block["input"]))
        case "tool_result":
            name = seen.names[block["tool_use_id"]]
            seen.results.append((name, texts_of(block["content"])))
            for part in block["content"] if isinstance(block["content"], list) else []:
                if part["type"] == "image":
                    _anthropic_block(seen, part)


# ----------------------------------------------------------------------------------- openai chat


def read_chat(body: Json) -> Seen:
    seen = Seen(tools=[_chat_name(tool) for tool in body.get("tools", [])])
    for message in body["messages"]:
        if message["role"] == "tool":
            name = seen.names[message["tool_call_id"]]
            seen.results.append((name, texts_of(message["content"])))
            continue
        _chat_content(seen, message.get("content"))
        for call in message.get("tool_calls") or []:
            said = call[call["type"]]
            seen.names[call["id"]] = said["name"]
            custom = call["type"] == "custom"
            arguments = {"input": said["input"]} if custom else json.loads(said["arguments"])
            seen.calls.append((said["name"], arguments))
    shape = body.get("response_format", {})
    seen.schema = shape.get("json_schema", {}).get("schema")
    return seen


def _chat_name(tool: Json) -> str:
    name: str = tool[tool["type"]]["name"]
    return name


def _chat_content(seen: Seen, content: Any) -> None:
    for part in content if isinstance(content, list) else []:
        if part["type"] == "image_url":
            seen.images.append(from_data_url(part["image_url"]["url"]))
    if text := texts_of(content):
        seen.texts.append(text)


# ------------------------------------------------------------------------------ openai responses


def read_responses(body: Json) -> Seen:
    seen = Seen(tools=[tool.get("name", tool["type"]) for tool in body.get("tools") or []])
    if body.get("instructions"):
        seen.texts.append(body["instructions"])
    items = body["input"]
    if isinstance(items, str):
        items = [{"type": "message", "role": "user", "content": items}]
    for item in items:
        _responses_item(seen, item)
    shape = body.get("text", {}).get("format", {})
    seen.schema = shape.get("schema")
    return seen


def _responses_item(seen: Seen, item: Json) -> None:
    match item.get("type", "message"):
        case "message":
            _responses_content(seen, item["content"])
        case "reasoning":
            seen.seals.append(item["encrypted_content"])
        case "function_call":
            seen.names[item["call_id"]] = item["name"]
            seen.calls.append((item["name"], json.loads(item["arguments"])))
        case "function_call_output":
            name = seen.names[item["call_id"]]
            seen.results.append((name, texts_of(item["output"])))
            _responses_content(Seen(images=seen.images), item["output"])


def _responses_content(seen: Seen, content: Any) -> None:
    for part in content if isinstance(content, list) else []:
        if part["type"] == "input_image":
            seen.images.append(from_data_url(part["image_url"]))
    if text := texts_of(content):
        seen.texts.append(text)


# ---------------------------------------------------------------------------------------- gemini


def read_gemini(body: Json) -> Seen:
    declared = [f["name"] for tool in body.get("tools", []) for f in _declarations(tool)]
    seen = Seen(tools=declared)
    if "systemInstruction" in body:
        seen.texts.append(texts_of(body["systemInstruction"]["parts"]))
    for content in body["contents"]:
        for part in content["parts"]:
            _gemini_part(seen, part)
    config = body.get("generationConfig", {})
    seen.schema = config.get("responseJsonSchema") or config.get("responseSchema")
    return seen


def _declarations(tool: Json) -> list[Json]:
    found: list[Json] = tool.get("functionDeclarations", [])
    return found


def _gemini_part(seen: Seen, part: Json) -> None:
    if "thoughtSignature" in part:
        seen.seals.append(part["thoughtSignature"])
    if "functionCall" in part:
        call = part["functionCall"]
        seen.calls.append((call["name"], call.get("args", {})))
    elif "functionResponse" in part:
        said = part["functionResponse"]
        seen.results.append((said["name"], " ".join(str(v) for v in said["response"].values())))
        for inner in said.get("parts", []):
            _gemini_part(seen, inner)
    elif "inlineData" in part:
        data = part["inlineData"]
        # Google's Python SDK writes this one name with an underscore, and the data URL-safe; to
        # its own upstream they pass as they are.
        assert data.get("mimeType", data.get("mime_type")) == "image/png"
        standard = data["data"] if "mimeType" in data else data["data"].translate(_URL_SAFE)
        seen.images.append(base64.b64decode(standard, validate=True))
    elif "text" in part and not part.get("thought"):
        seen.texts.append(part["text"])


_URL_SAFE = str.maketrans("-_", "+/")

UPSTREAMS = {
    upstream.protocol: upstream
    for upstream in (
        Upstream("anthropic", "claude-haiku-4-5-", read_anthropic),
        Upstream("openai_chat", "gpt-5-c-", read_chat),
        Upstream("openai_responses", "gpt-5-r-", read_responses),
        Upstream("gemini", "gemini-3-pro-", read_gemini),
    )
}
PAIRS = [(dialect, speaks) for dialect in UPSTREAMS for speaks in UPSTREAMS]


def of_pairs(pairs: "list[tuple[str, str]]" = PAIRS) -> pytest.MarkDecorator:
    """A test for each client dialect and upstream protocol."""
    ids = [f"{dialect}-to-{speaks}" for dialect, speaks in pairs]
    return pytest.mark.parametrize(("dialect", "speaks"), pairs, ids=ids)


# ------------------------------------------------------------------------------ without an SDK


def plain_request(dialect: str, model: str, *, streamed: bool = False) -> tuple[str, Json]:
    """Path and body of the simplest request of a dialect."""
    question = [{"role": "user", "content": "hello"}]
    match dialect:
        case "anthropic":
            asked: Json = {"model": model, "max_tokens": 500, "messages": question}
            path = "/v1/messages"
        case "openai_chat":
            asked = {"model": model, "messages": question}
            path = "/v1/chat/completions"
        case "openai_responses":
            asked = {"model": model, "input": "hello"}
            path = "/v1/responses"
        case _:
            asked = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
            action = "streamGenerateContent?alt=sse" if streamed else "generateContent"
            return f"/v1beta/models/{model}:{action}", asked
    return path, asked | {"stream": True} if streamed else asked
