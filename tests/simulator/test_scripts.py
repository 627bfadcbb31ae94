"""Every field of a script does what the README says; the header goes before the queue, and so
on."""

import gzip
import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.simulator.running import ANTHROPIC, BEARER, GOOGLE, KEY, Json, Running, sse

USER: Json = {"role": "user", "content": "hi"}
CONTENTS: Json = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
SIDES = ("anthropic", "chat", "responses", "gemini")


def ask(sim: Running, side: str, script: Json, model: str = "any", **more: Any) -> httpx.Response:
    """The same question in one of the four dialects."""
    header = {"x-sim-script": json.dumps(script)} if script else {}
    streamed = more.get("stream", False)
    if side == "anthropic":
        body = {"model": model, "max_tokens": 5000, "messages": [USER], **more}
        return sim.post("/v1/messages", body, {**ANTHROPIC, **header})
    if side == "chat":
        body = {"model": model, "messages": [USER], **more}
        return sim.post("/v1/chat/completions", body, {**BEARER, **header})
    if side == "responses":
        body = {"model": model, "input": "hi", **more}
        return sim.post("/v1/responses", body, {**BEARER, **header})
    action = "streamGenerateContent?alt=sse" if streamed else "generateContent"
    return sim.post(f"/v1beta/models/{model}:{action}", CONTENTS, {**GOOGLE, **header})


def said(side: str, body: Json) -> str:
    """The visible text of a whole answer."""
    match side:
        case "anthropic":
            return "".join(one["text"] for one in body["content"] if one["type"] == "text")
        case "chat":
            return str(body["choices"][0]["message"]["content"])
        case "responses":
            texts = [item["content"][0]["text"] for item in body["output"] if "content" in item]
            return "".join(texts)
        case _:
            parts = body["candidates"][0]["content"]["parts"]
            return "".join(part["text"] for part in parts if not part.get("thought"))


@pytest.mark.parametrize("side", SIDES)
def test_text_model_extra_headers_and_tier(sim: Running, side: str) -> None:
    script = {
        "text": "so",
        "model": "real-name",
        "extra": {"beyond": 1},
        "headers": {"X-Odd": "yes"},
        "service_tier": "priority",
    }
    answer = ask(sim, side, script)
    body = answer.json()
    assert said(side, body) == "so"
    assert body["modelVersion" if side == "gemini" else "model"] == "real-name"
    assert body["beyond"] == 1
    assert answer.headers["x-odd"] == "yes"
    assert side == "gemini" or "priority" in answer.text


@pytest.mark.parametrize("side", SIDES)
def test_thinking_shown_and_hidden(sim: Running, side: str) -> None:
    shown = ask(sim, side, {"thinking": "pondering", "text": "x"}).text
    hidden = ask(sim, side, {"thinking": "pondering", "thinking_hidden": True, "text": "x"}).text
    assert "pondering" in shown and "pondering" not in hidden


@pytest.mark.parametrize("side", SIDES)
def test_tools_with_ids_and_broken_arguments(sim: Running, side: str) -> None:
    call = {"name": "f", "arguments": '{"a": ', "id": "call_7"}
    text = ask(sim, side, {"text": "first", "tools": [call, {"name": "g"}]}, stream=True).text
    assert "call_7" in text and '"g"' in text and "first" in text
    assert side == "gemini" or '{\\"a\\": ' in text


@pytest.mark.parametrize(
    ("side", "mark"), [("chat", "images"), ("responses", "image_gen"), ("gemini", "inlineData")]
)
def test_images(sim: Running, side: str, mark: str) -> None:
    for stream in (False, True):
        assert mark in ask(sim, side, {"images": 1}, stream=stream).text


@pytest.mark.parametrize(
    ("side", "mark"),
    [
        ("anthropic", '"stop_reason":"refusal"'),
        ("chat", '"refusal":"no way"'),
        ("responses", '"type":"refusal"'),
        ("gemini", '"finishReason":"SAFETY"'),
    ],
)
def test_refusal(sim: Running, side: str, mark: str) -> None:
    for stream in (False, True):
        answer = ask(sim, side, {"refusal": "no way"}, stream=stream)
        assert mark in answer.text and "no way" in answer.text


@pytest.mark.parametrize("side", SIDES)
def test_parts_in_order(sim: Running, side: str) -> None:
    parts = [
        {"kind": "redacted"},
        {"kind": "text", "text": "one"},
        {"kind": "tool", "name": "f"},
        {"kind": "web_search"},
        {"kind": "raw", "value": {"type": "text", "text": "raw one"}},
    ]
    text = ask(sim, side, {"parts": parts}).text
    assert text.index("one") > 0
    assert "raw one" in text
    order = [text.index(mark) for mark in ("one", '"f"', "raw one")]
    assert side == "chat" or order == sorted(order)


@pytest.mark.parametrize("side", SIDES)
def test_echo_tells_what_was_received_without_the_key(sim: Running, side: str) -> None:
    echoed = json.loads(said(side, ask(sim, side, {"echo": True}).json()))
    assert echoed["method"] == "POST"
    assert "hi" in json.dumps(echoed["body"])
    assert KEY not in json.dumps(echoed)
    assert hashlib.sha256(KEY.encode()).hexdigest() in json.dumps(echoed["headers"])


@pytest.mark.parametrize(
    ("side", "finish", "mark"),
    [
        ("anthropic", "length", '"stop_reason":"max_tokens"'),
        ("anthropic", "pause", '"stop_reason":"pause_turn"'),
        ("anthropic", "odd_reason", '"stop_reason":"odd_reason"'),
        ("chat", "content_filter", '"finish_reason":"content_filter"'),
        ("responses", "content_filter", '"reason":"content_filter"'),
        ("responses", "failed", '"status":"failed"'),
        ("gemini", "MALFORMED_FUNCTION_CALL", '"finishReason":"MALFORMED_FUNCTION_CALL"'),
        ("gemini", "context", '"finishReason":"MAX_TOKENS"'),
    ],
)
def test_finish(sim: Running, side: str, finish: str, mark: str) -> None:
    for stream in (False, True):
        assert mark in ask(sim, side, {"text": "x", "finish": finish}, stream=stream).text


def test_stop_sequence(sim: Running) -> None:
    script = {"text": "x", "finish": "stop_sequence", "stop_sequence": "###"}
    assert ask(sim, "anthropic", script).json()["stop_sequence"] == "###"


@pytest.mark.parametrize("side", SIDES)
def test_usage_can_be_absent_or_absurd(sim: Running, side: str) -> None:
    for stream in (False, True):
        more: dict[str, Any] = {}
        if stream and side == "chat":
            more = {"stream_options": {"include_usage": True}}
        text = ask(sim, side, {"usage": {"absent": True}}, stream=stream, **more).text
        assert "promptTokenCount" not in text and "input_tokens" not in text
        assert "prompt_tokens" not in text
        script = {"usage": {"raw": {"odd_tokens": 10**12}}}
        text = ask(sim, side, script, stream=stream, **more).text
        assert '"odd_tokens":1000000000000' in text


def test_usage_figures_of_single_providers(sim: Running) -> None:
    usage = {"tool_prompt": 7, "image_output": 9, "image_input": 3, "input": 10, "output": 20}
    gemini = ask(sim, "gemini", {"usage": usage}).json()["usageMetadata"]
    assert (gemini["toolUsePromptTokenCount"], gemini["totalTokenCount"]) == (7, 37)
    assert {"modality": "IMAGE", "tokenCount": 9} in gemini["candidatesTokensDetails"]
    assert {"modality": "IMAGE", "tokenCount": 3} in gemini["promptTokensDetails"]
    chat = ask(sim, "chat", {"usage": {"audio_input": 5, "audio_output": 6}}).json()["usage"]
    assert chat["prompt_tokens_details"]["audio_tokens"] == 5
    assert chat["completion_tokens_details"]["audio_tokens"] == 6
    claude = ask(sim, "anthropic", {"usage": {"web_searches": 4}}).json()["usage"]
    assert claude["server_tool_use"]["web_search_requests"] == 4


@pytest.mark.parametrize("side", SIDES)
def test_error_in_full(sim: Running, side: str) -> None:
    error = {
        "status": 418,
        "type": "teapot",
        "message": "short and stout",
        "code": "tea",
        "param": "spout",
        "headers": {"retry-after": "7"},
    }
    answer = ask(sim, side, {"error": error})
    assert (answer.status_code, answer.headers["retry-after"]) == (418, "7")
    assert "teapot" in answer.text and "short and stout" in answer.text
    assert side == "anthropic" or ("tea" in answer.text and "spout" in answer.text)


@pytest.mark.parametrize("side", SIDES)
def test_stream_error_comes_where_it_is_told(sim: Running, side: str) -> None:
    script = {
        "text": "abcdef",
        "chunks": 6,
        "stream_error": {"at": 4, "status": 500, "message": "boom"},
    }
    answer = ask(sim, side, script, stream=True)
    events = [one for one in sse(answer.text) if one.get("type") != "ping"]
    assert answer.status_code == 200
    assert "boom" in json.dumps(events[-1])
    assert len(sse(answer.text)) == 5
    assert "DONE" not in answer.text and "message_stop" not in answer.text


@pytest.mark.parametrize("side", SIDES)
def test_html_raw_and_gzip(sim: Running, side: str) -> None:
    page = ask(sim, side, {"html": True})
    assert page.status_code == 200 and page.text.startswith("<!DOCTYPE html>")
    raw = {"status": 503, "content_type": "text/x", "body": "down", "headers": {"a": "b"}}
    answer = ask(sim, side, {"raw": raw})
    assert (answer.status_code, answer.text, answer.headers["a"]) == (503, "down", "b")
    for stream in (False, True):
        packed = ask(sim, side, {"text": "packed", "gzip": True}, stream=stream)
        assert packed.headers["content-encoding"] == "gzip"
        assert "packed" in packed.text


@pytest.mark.parametrize("side", SIDES)
def test_a_bad_script_is_told(sim: Running, side: str) -> None:
    answer = ask(sim, side, {"txet": "x"})
    assert answer.status_code == 400
    assert "simulator: bad script: txet" in answer.text


@pytest.mark.parametrize("side", SIDES)
def test_the_header_goes_before_the_queue_and_the_queue_before_the_name(
    sim: Running, side: str
) -> None:
    model = "sim-refusal"
    sim.queue({"error": {"status": 503}}, {"text": "queued"}, match={"model": model})
    assert said(side, ask(sim, side, {"text": "header"}, model).json()) == "header"
    assert ask(sim, side, {}, model).status_code == 503
    assert said(side, ask(sim, side, {}, model).json()) == "queued"
    assert "queued" not in ask(sim, side, {}, model).text


def test_a_directive_goes_before_the_name_and_after_the_queue(sim: Running) -> None:
    text = 'hello [[sim: {"text": "directed", "usage": {"raw": {"list": [[1]]}}}]] there'
    body = {"model": "sim-refusal", "max_tokens": 9, "messages": [{**USER, "content": text}]}
    assert "directed" in sim.post("/v1/messages", body, ANTHROPIC).text
    broken = {**body, "messages": [{**USER, "content": '[[sim: {"text": 5}]]'}]}
    assert "bad script: text" in sim.post("/v1/messages", broken, ANTHROPIC).text
    unended = {**body, "messages": [{**USER, "content": "[[sim: {}"}]}
    assert "does not end with" in sim.post("/v1/messages", unended, ANTHROPIC).text


def test_a_directive_works_in_every_dialect(sim: Running) -> None:
    text = '[[sim: {"text": "directed"}]]'
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    asked = [
        ("/v1/chat/completions", {"model": "m", "messages": [message]}, BEARER),
        ("/v1/responses", {"model": "m", "input": text}, BEARER),
        ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": text}]}]}, GOOGLE),
        ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [message]}, ANTHROPIC),
    ]
    for path, body, headers in asked:
        assert '"directed"' in sim.post(path, body, headers).text
    prompt = {"model": "m", "prompt": '[[sim: {"error": {"status": 429}}]]'}
    assert sim.post("/v1/images/generations", prompt, BEARER).status_code == 429


def test_queues_match_by_key_path_and_headers_and_may_repeat(sim: Running) -> None:
    model = "matched"
    sim.queue({"text": "by key"}, match={"model": model, "key": "second"}, repeat=True)
    sim.queue({"text": "by path"}, match={"model": model, "path": "*/chat/*"})
    sim.queue({"text": "by header"}, match={"model": "matche?", "headers": {"X-Which": "me"}})
    body = {"model": model, "messages": [USER]}

    def answered(**headers: str) -> str:
        answer = sim.post("/v1/chat/completions", body, {**BEARER, **headers})
        return said("chat", answer.json())

    second = {"authorization": "Bearer second"}
    assert [answered(**second), answered(**second)] == ["by key", "by key"]
    assert answered() == "by path"
    assert answered() == "You said: hi"
    assert answered(**{"x-which": "me"}) == "by header"


def test_a_queue_that_is_none_is_told(sim: Running) -> None:
    answer = httpx.post(f"{sim.url}/_sim/scripts", json={"scripts": []})
    assert (answer.status_code, "bad queue: scripts" in answer.text) == (400, True)


def test_gzip_of_an_array_stream(sim: Running) -> None:
    headers = {**GOOGLE, "x-sim-script": '{"gzip": true, "text": "x"}', "accept-encoding": "gzip"}
    with httpx.stream(
        "POST",
        f"{sim.url}/v1beta/models/m:streamGenerateContent",
        json=CONTENTS,
        headers=headers,
    ) as answer:
        raw = b"".join(answer.iter_raw())
    assert len(json.loads(gzip.decompress(raw))) == 1
