"""Coding agents on upstreams of other vendors: their kind of request, and calls that come back as
the agent's own kind of tool.

The requests are those of tests/translators/conformance, which are modelled on what the agents send.
"""

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import UPSTREAMS, Json, Seen, received, told

pytestmark = pytest.mark.e2e

REQUESTS = Path(__file__).parents[1] / "translators" / "conformance" / "requests"


def request(dialect: str, name: str, model: str) -> Json:
    asked: Json = orjson.loads((REQUESTS / dialect / f"{name}.json").read_bytes())
    return asked | ({} if dialect == "gemini" else {"model": model, "stream": True})


def events(shared: Gateway, path: str, body: Json, **headers: str) -> list[Json]:
    """The events of a stream that must have begun."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = httpx.post(
        f"{shared.http}{path}", json=body, headers={"x-api-key": shared.key, **named}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    data = [line[6:] for line in answer.content.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(one) for one in data if one != b"[DONE]"]


def read(shared: Gateway, speaks: str, model: str) -> tuple[Seen, Json]:
    last = received(shared.simulator, model)[-1]
    assert last["status"] == 200, last
    body: Json = last["body"]
    return UPSTREAMS[speaks].read(body), body


def call(name: str, **arguments: Any) -> Json:
    return {"tools": [{"name": name, "arguments": arguments}]}


def freeform(speaks: str, name: str, key: str, text: str) -> Json:
    """A model's call of a tool that takes free text: OpenAI's Chat Completions have such tools, the
    others see a function, whose one argument models do not always call by its name."""
    if speaks == "openai_chat":
        return {"tools": [{"name": name, "arguments": text, "custom": True}]}
    return call(name, **{key: text})


# ----------------------------------------------------------------------------- Codex

CODEX: Any = {
    "accept": "text/event-stream",
    "originator": "codex_exec",
    "session_id": "01a1fbe2-3405-7302-9481-0cecd3ce7583",
}
FOREIGN = ["anthropic", "gemini", "openai_chat"]
SCRIPT = 'const r = await tools.exec_command({cmd: "ls \\\\ \u2028 \U0001f600"});\nr.output'


def done_item(seen: list[Json]) -> Json:
    """The call's item when it is done, which the whole response at the end repeats."""
    kinds = [event["type"] for event in seen]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert [event["sequence_number"] for event in seen] == list(range(len(seen)))
    items = [e["item"] for e in seen if e["type"] == "response.output_item.done"]
    assert items == seen[-1]["response"]["output"]
    item: Json = [item for item in items if item["type"] not in ("reasoning", "message")][-1]
    return item


@pytest.mark.parametrize("speaks", FOREIGN)
def test_codexs_freeform_exec_comes_back_as_a_custom_call(shared: Gateway, speaks: str) -> None:
    script = freeform(speaks, "exec", "input", SCRIPT)
    model = told(shared.simulator, UPSTREAMS[speaks].model("codex"), script)
    seen = events(shared, "/openai/responses", request("openai_responses", "codex", model), **CODEX)
    item = done_item(seen)
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "exec", SCRIPT)
    deltas = [e["delta"] for e in seen if e["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == SCRIPT
    if speaks != "gemini":
        assert len(deltas) > 1, "as it is written, not at the end"
    done = [e for e in seen if e["type"] == "response.custom_tool_call_input.done"]
    assert [event["input"] for event in done] == [SCRIPT]
    arrived, _ = read(shared, speaks, model)
    assert arrived.results == [("exec", "a.py\n")]
    assert "exec" in arrived.tools and any("read" in name for name in arrived.tools)
    assert "You are Codex." in " ".join(arrived.texts)


@pytest.mark.parametrize("speaks", FOREIGN)
def test_codexs_namespaces_are_flattened_and_given_back(shared: Gateway, speaks: str) -> None:
    body = request("openai_responses", "codex_with_configured_provider", "")
    model = UPSTREAMS[speaks].model("namespaces")
    told(shared.simulator, model, call("mcp__files__read", path="b.py"))
    item = done_item(events(shared, "/v1/responses", body | {"model": model}, **CODEX))
    named = (item["type"], item.get("namespace"), item["name"])
    assert named == ("function_call", "mcp__files", "read")
    assert orjson.loads(item["arguments"]) == {"path": "b.py"}
    arrived, _ = read(shared, speaks, model)
    assert [name for name, _ in arrived.calls] == ["exec_command", "mcp__files__read"]
    assert [text for _, text in arrived.results] == ["Exit code: 0\na.py", "x = 1"]


@pytest.mark.parametrize("speaks", FOREIGN)
def test_codexs_patch_comes_back_freeform_whatever_the_model_calls_it(
    shared: Gateway, speaks: str
) -> None:
    patch = "*** Begin Patch\n*** Update File: a.py\n+x\n*** End Patch"
    model = UPSTREAMS[speaks].model("patch")
    told(shared.simulator, model, freeform(speaks, "apply_patch", "patch", patch))
    body = request("openai_responses", "codex_with_configured_provider", model)
    item = done_item(events(shared, "/v1/responses", body, **CODEX))
    assert (item["type"], item["input"]) == ("custom_tool_call", patch)


@pytest.mark.parametrize("speaks", FOREIGN)
def test_codexs_local_shell_comes_back_as_its_own_call(shared: Gateway, speaks: str) -> None:
    body = request("openai_responses", "local_shell", "")
    model = UPSTREAMS[speaks].model("shell")
    first = httpx.post(
        f"{shared.http}/v1/convert?from=openai_responses&to={speaks}",
        json=body | {"model": model},
        headers={"x-api-key": shared.key},
    ).json()
    (name,) = UPSTREAMS[speaks].read(first["body"]).tools
    told(shared.simulator, model, call(name, command=["cat", "a.py"], timeout_ms=500))
    item = done_item(events(shared, "/v1/responses", body | {"model": model, "stream": True}))
    assert item["type"] == "local_shell_call"
    action = item["action"]
    assert (action["type"], action["command"]) == ("exec", ["cat", "a.py"])
    arrived, _ = read(shared, speaks, model)
    assert [text for _, text in arrived.results] == ["a.py"]


# ----------------------------------------------------------------------------- Claude Code

CLAUDE: Any = {
    "authorization": "",
    "anthropic_version": "2023-06-01",
    "anthropic_beta": "claude-code-20250219,context-management-2025-06-27",
    "x_app": "cli",
}
NOT_CLAUDE = ["openai_responses", "openai_chat", "gemini"]


@pytest.mark.parametrize("name", ["claude_code", "claude_code_older_model"])
@pytest.mark.parametrize("speaks", NOT_CLAUDE)
def test_claude_codes_request(shared: Gateway, speaks: str, name: str) -> None:
    model = UPSTREAMS[speaks].model("agent")
    told(
        shared.simulator,
        model,
        {
            "thinking": "I think.",
            "text": "I read.",
            "tools": [
                {"name": "Read", "arguments": {"file_path": "/src/b.py"}},
                {"name": "mcp__files__list", "arguments": {}},
            ],
        },
    )
    body = request("anthropic", name, model)
    seen = events(shared, "/claude/v1/messages?beta=true", body, **CLAUDE)
    starts = [e["content_block"] for e in seen if e["type"] == "content_block_start"]
    calls = [block for block in starts if block["type"] == "tool_use"]
    assert [block["name"] for block in calls] == ["Read", "mcp__files__list"]
    assert [e["index"] for e in seen if e["type"] == "content_block_start"] == list(
        range(len(starts))
    )
    stop = next(e for e in seen if e["type"] == "message_delta")
    assert stop["delta"]["stop_reason"] == "tool_use"
    assert seen[-1]["type"] == "message_stop"

    arrived, raw = read(shared, speaks, model)
    assert arrived.tools == ["Bash", "Read", "mcp__files__list"]
    said = orjson.dumps(raw)
    assert b"billing-header" not in said and b"cch=" not in said, "it would spoil every cache"
    assert b"account_uuid" not in said and b"device_id" not in said
    if name == "claude_code":
        assert arrived.results == [("Bash", "a.py\nb.py"), ("Read", "x = 1")]
        assert any("The user opened b.py." in text for text in arrived.texts)


@pytest.mark.parametrize("speaks", NOT_CLAUDE)
def test_a_longer_conversation_begins_with_the_bytes_of_the_shorter(
    shared: Gateway, speaks: str
) -> None:
    """Or no upstream's cache stays warm. The billing line differs in each turn."""
    model = UPSTREAMS[speaks].model("warm")
    body = request("anthropic", "claude_code_older_model", model)
    sent = []
    for turn in range(2):
        body["system"][0]["text"] = f"x-anthropic-billing-header: cc_version=2.1; cch={turn}f1a7;"
        events(shared, "/v1/messages?beta=true", body, **CLAUDE)
        sent.append(received(shared.simulator, model)[-1]["body"])
        body["messages"] += [
            {"role": "assistant", "content": [{"type": "text", "text": "Here."}]},
            {"role": "user", "content": "Thanks."},
        ]
    first, second = (_prefix(speaks, body) for body in sent)
    assert second.startswith(first)


def _prefix(speaks: str, body: Json) -> str:
    """What a provider's cache compares: tools, instructions, then the conversation."""
    names = {
        "openai_responses": ("tools", "instructions", "input"),
        "openai_chat": ("tools", "messages"),
        "gemini": ("tools", "systemInstruction", "contents"),
    }[speaks]
    return orjson.dumps([body.get(name) for name in names]).decode().rstrip("]")


# ----------------------------------------------------------------------------- the others


@pytest.mark.parametrize("speaks", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("name", ["gemini_cli", "qwen_code"])
def test_gemini_clis_request(shared: Gateway, speaks: str, name: str) -> None:
    model = UPSTREAMS[speaks].model("agent")
    listed = {"name": "list_directory", "arguments": {"dir_path": "/src"}}
    told(shared.simulator, model, {"text": "I list.", "tools": [listed]})
    path = f"/gemini/v1beta/models/{model}:streamGenerateContent?alt=sse"
    seen = events(shared, path, request("gemini", name, model))
    parts = [
        part
        for chunk in seen
        for candidate in chunk.get("candidates", [])
        for part in candidate.get("content", {}).get("parts", [])
    ]
    (called,) = [part["functionCall"] for part in parts if "functionCall" in part]
    assert (called["name"], called["args"]) == ("list_directory", {"dir_path": "/src"})
    read(shared, speaks, model)


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("speaks", UPSTREAMS)
def test_clines_request(shared: Gateway, dialect: str, speaks: str) -> None:
    """It adds server tools unasked, which must not cost the answer where there are none."""
    paths = {
        "anthropic": "/v1/messages",
        "openai_chat": "/v1/chat/completions",
        "openai_responses": "/v1/responses",
    }
    model = UPSTREAMS[speaks].model("cline")
    body = request(dialect, "cline", model)
    if dialect == speaks == "anthropic":
        body["thinking"] = {"type": "disabled"}  # this model takes a budget, Cline's a newer one's
        body.pop("output_config", None)
    told(shared.simulator, model, {"text": "Done."})
    version = {"anthropic_version": "2023-06-01"}
    answer = b"".join(orjson.dumps(e) for e in events(shared, paths[dialect], body, **version))
    assert b"Done." in answer
    read(shared, speaks, model)
