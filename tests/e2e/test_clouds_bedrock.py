"""Claude in Bedrock: exact events for its own clients, and everything that can go wrong in frames,
with signatures and keys."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import orjson
import pytest

from tests.e2e.callers import Caller
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import Json, received, records, told

pytestmark = pytest.mark.e2e

MODEL = "claude-haiku-4-5-b-raw"
THERE = f"eu.anthropic.{MODEL}"
QUESTION: Json = {"max_tokens": 500, "messages": [{"role": "user", "content": "hello"}]}


def ask(
    clouds: Gateway, model: str = MODEL, script: Json | None = None, **body: Any
) -> httpx.Response:
    headers = {"x-api-key": clouds.key, "anthropic-version": "2023-06-01"}
    if script is not None:
        headers["x-sim-script"] = json.dumps(script)  # a header is ASCII
    headers |= body.pop("headers", {})
    asked = {"model": model, **QUESTION, **body}
    path = body.pop("path", "/v1/messages")
    asked.pop("path", None)
    return httpx.post(clouds.http + path, json=asked, headers=headers, timeout=60)


def events(text: str) -> list[tuple[str, Json]]:
    """Name and data of each event; fails where a block is no event of Anthropic's form."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        assert name.startswith("event: ") and data.startswith("data: ")
        found.append((name.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))))
    return found


def test_a_native_stream_is_anthropics_own_to_the_byte(clouds: Gateway) -> None:
    """The same script at Anthropic's own door and in Bedrock's frames: the same events."""
    script: Json = {"text": "Grüße \u2028 世界", "chunks": 3, "usage": {"input": 5, "output": 4}}
    answer = ask(clouds, script=script, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told_here = events(answer.text)
    plain = httpx.post(
        f"{clouds.simulator.url}/v1/messages",
        json={"model": MODEL, **QUESTION, "stream": True},
        headers={
            "x-api-key": "sk-upstream-credential-of-the-operator",
            "anthropic-version": "2023-06-01",
            "x-sim-script": json.dumps(script),
        },
    )
    told_there = [(name, data) for name, data in events(plain.text) if name != "ping"]
    for _, data in (*told_here, *told_there):
        data.pop("amazon-bedrock-invocationMetrics", None)
        data.get("message", {}).pop("id", None)
    assert told_here == told_there
    for name in answer.headers:
        assert not name.startswith("x-amz"), "nothing of the account's"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_may_be_cut_anywhere(clouds: Gateway, size: int) -> None:
    script: Json = {"text": "cut anywhere", "chunks": 5, "chunk_bytes": size}
    answer = ask(clouds, script=script, stream=True)
    found = events(answer.text)
    texts = [data["delta"]["text"] for name, data in found if name == "content_block_delta"]
    assert "".join(texts) == "cut anywhere"
    assert found[-1][0] == "message_stop"


def test_a_whole_answer_passes_with_figures(clouds: Gateway) -> None:
    script: Json = {"text": "whole", "usage": {"input": 9, "output": 3}}
    answer = ask(clouds, "bedrock-haiku", script)
    assert answer.json()["content"] == [{"type": "text", "text": "whole"}]
    assert answer.headers["content-type"] == "application/json"
    figures = [answer.headers[f"x-clavis-{side}-tokens"] for side in ("input", "output")]
    assert figures == ["9", "3"]
    assert int(answer.headers["x-clavis-cost-micro"]) > 0, "by Bedrock's list"


def test_flags_that_bedrock_does_not_know_are_left_out_and_told(clouds: Gateway) -> None:
    flags = "claude-code-20250219,context-management-2025-06-27"
    answer = ask(clouds, headers={"anthropic-beta": flags})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-clavis-losses"] == "anthropic-beta=dropped"
    last = received(clouds.simulator, THERE)[-1]
    assert last["body"]["anthropic_beta"] == ["context-management-2025-06-27"]
    assert "anthropic-beta" not in dict(last["headers"])
    strict = ask(clouds, headers={"anthropic-beta": flags, "x-clavis-strict": "true"})
    assert strict.status_code == 400
    assert "anthropic-beta" in strict.json()["error"]["message"]


def test_fields_that_nobody_knows_survive_and_numbers_stay_as_written(clouds: Gateway) -> None:
    body = (
        b'{"messages":[{"role":"user","content":"hi"}],  "max_tokens":5, "model":"'
        + MODEL.encode()
        + b'","stream":false,"own":[1.50,1e5]}'
    )
    answer = httpx.post(
        f"{clouds.http}/v1/messages",
        content=body,
        headers={
            "x-api-key": clouds.key,
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
            "x-sim-script": '{"lenient": true}',
        },
    )
    assert answer.status_code == 200, answer.text
    assert received(clouds.simulator, THERE)[-1]["body_text"] == (
        '{"anthropic_version":"bedrock-2023-05-31","messages":[{"role":"user","content":"hi"}],'
        '  "max_tokens":5, "own":[1.50,1e5]}'
    )


def test_tokens_are_counted_for_the_model_behind_the_profile(
    clouds: Gateway, cloud_callers: dict[str, Caller]
) -> None:
    count = told(clouds.simulator, f"anthropic.{MODEL}", {"usage": {"input": 321}})
    assert cloud_callers["anthropic"].counted(MODEL) == 321
    assert received(clouds.simulator, count)[-1]["path"].endswith("/count-tokens")


def test_an_arn_stands_in_the_path_and_a_session_is_shown(clouds: Gateway) -> None:
    answer = ask(clouds, "bedrock-arn", {"text": "by ARN"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"][0]["text"] == "by ARN"


WRONG = ("bedrock-wrong", "bedrock-elsewhere", "bedrock-wrong-key", "vertex-wrong", "azure-wrong")


@pytest.mark.parametrize("model", WRONG)
@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses", "gemini"])
def test_our_wrong_credentials_are_never_the_callers_fault(
    clouds: Gateway, cloud_callers: dict[str, Caller], model: str, dialect: str
) -> None:
    refused = cloud_callers[dialect].refused(model)
    assert refused.status == 502
    assert "operator" in refused.text
    for secret in ("somebody-elses", "arn:", "AKIA", "signature"):
        assert secret not in refused.text


FAULTS: list[tuple[Json, int, str]] = [
    ({"error": {"status": 429}}, 429, "rate_limit_error"),
    ({"error": {"status": 400, "type": "ServiceQuotaExceededException"}}, 429, "rate_limit_error"),
    ({"error": {"status": 503}}, 529, "overloaded_error"),
    ({"error": {"status": 424}}, 502, "api_error"),
    ({"error": {"status": 408}}, 504, "timeout_error"),
    ({"error": {"status": 500}}, 502, "api_error"),
    ({"error": {"status": 400, "message": "bad input"}}, 400, "invalid_request_error"),
    ({"html": True}, 502, "api_error"),
    ({"drop": True}, 502, "api_error"),
]


@pytest.mark.parametrize(("script", "status", "kind"), FAULTS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_bedrocks_errors_are_anthropics(
    clouds: Gateway, script: Json, status: int, kind: str, streamed: bool
) -> None:
    answer = ask(clouds, script=script, stream=streamed)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.headers["content-type"] == "application/json"


def test_an_exception_before_anything_was_said_is_a_proper_status(clouds: Gateway) -> None:
    script = {"stream_error": {"at": 1, "status": 429}}
    answer = ask(clouds, script=script, stream=True)
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error")


def test_an_exception_before_anything_was_said_goes_to_the_next_target(clouds: Gateway) -> None:
    told(clouds.simulator, "anthropic.claude-flaky", {"stream_error": {"at": 0, "status": 429}})
    answer = ask(clouds, "bedrock-then-plain", stream=True)
    assert answer.status_code == 200
    assert (answer.headers["x-clavis-upstream"], answer.headers["x-clavis-attempts"]) == (
        "plain",
        "2",
    )
    assert events(answer.text)[-1][0] == "message_stop"


BROKEN: list[tuple[str, Json, str]] = [
    ("throttled", {"stream_error": {"at": 3, "status": 429}}, "rate_limit_error"),
    ("timed out", {"stream_error": {"at": 3, "type": "modelTimeoutException"}}, "timeout_error"),
    ("a wrong checksum", {"bad_frame_at": 4}, "api_error"),
    ("a clean end without the last event", {"no_terminal": True}, "api_error"),
]


@pytest.mark.parametrize(("what", "script", "kind"), BROKEN, ids=[case[0] for case in BROKEN])
def test_a_stream_that_breaks_in_the_middle_ends_with_an_error(
    clouds: Gateway, what: str, script: Json, kind: str
) -> None:
    answer = ask(clouds, script={"text": "some words more", "chunks": 8, **script}, stream=True)
    assert answer.status_code == 200
    found = events(answer.text)
    assert found[0][0] == "message_start"
    assert found[-1][0] == "error"
    assert found[-1][1]["error"]["type"] == kind
    assert "message_stop" not in [name for name, _ in found]


SLOWLY: Json = {"text": "some words more", "chunks": 8, "delay_between_ms": 50}
CUT = {"truncated", "abandoned"}
CLEAN_ENDS: list[tuple[str, Json, set[str]]] = [
    *((what, script, {"failed", "truncated"}) for what, script, _ in BROKEN),
    ("broken off between frames", {"truncate_after": 6}, CUT),
    ("broken off in a frame", {"truncate_bytes": 1700, "delay_end_ms": 500}, CUT),
]


@pytest.mark.parametrize(
    ("what", "script", "outcomes"), CLEAN_ENDS, ids=[case[0] for case in CLEAN_ENDS]
)
@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses", "gemini"])
def test_no_sdk_sees_a_clean_end_of_it(
    clouds: Gateway,
    cloud_callers: dict[str, Caller],
    dialect: str,
    what: str,
    script: Json,
    outcomes: set[str],
) -> None:
    model = f"claude-haiku-4-5-b-{dialect}-{what.replace(' ', '-')}"
    told(clouds.simulator, f"eu.anthropic.{model}", SLOWLY | script)
    cloud_callers[dialect].broken(model)
    assert records(clouds, {model})[model]["outcome"] in outcomes


@pytest.fixture
def claude(clouds: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=clouds.http, api_key=clouds.key, max_retries=0) as client:
        yield client


def test_thinking_with_its_signature_comes_back_to_bedrock(
    clouds: Gateway, claude: anthropic.Anthropic
) -> None:
    """The signature is checked by the simulator, to the letter."""
    model = "claude-haiku-4-5-b-thinks"
    told(
        clouds.simulator,
        f"eu.anthropic.{model}",
        {"thinking": "Hm, \u2028 well.", "text": "Yes."},
        {"thinking": "Again.", "text": "Still."},
    )
    asked: Any = {"model": model, "max_tokens": 4000}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}
    messages: list[Any] = [{"role": "user", "content": "is it so?"}]
    with claude.messages.stream(messages=messages, **asked) as stream:
        first = stream.get_final_message()
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": "sure?"},
    ]
    second = claude.messages.create(messages=messages, **asked)
    assert [block.type for block in second.content] == ["thinking", "text"]
