"""What happens to a translated stream on its way: silence, a second upstream, TLS and HTTP/2."""

import ssl
from concurrent.futures import ThreadPoolExecutor

import anthropic
import httpx
import openai
import orjson
import pytest

from tests.e2e.callers import Caller, Figures, Wanted
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import (
    PAIRS,
    UPSTREAMS,
    Json,
    of_pairs,
    plain_request,
    received,
    records,
    told,
)

pytestmark = pytest.mark.e2e

Callers = dict[str, Caller]
TRANSLATED = [(dialect, speaks) for dialect, speaks in PAIRS if dialect != speaks]

# ----------------------------------------------------------------------------- silence

# A sign of life in each dialect, as it stands in the stream.
ALIVE = {
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "openai_chat": b"\n: ",
    "openai_responses": b"\n: ",
    "gemini": b"\r\n\r\n\r\n",  # an empty line: the SDK reads nothing else beside data
}
# Events that come at once, so that each protocol's stream has a silence or two of 2.2 s.
AT_ONCE = {"anthropic": 4, "openai_chat": 4, "openai_responses": 6, "gemini": 2}
SLOWLY: Json = {"text": "one two three four", "chunks": 4, "delay_between_ms": 2200}


def test_silence_is_filled_in_the_callers_dialect_and_the_sdk_is_content(
    shared: Gateway, callers: Callers
) -> None:
    """The catalog of these tests says: one second. All pairs at once, for they mostly wait."""

    def slow(speaks: str) -> str:
        script = {**SLOWLY, "coalesce": AT_ONCE[speaks]}
        return told(shared.simulator, UPSTREAMS[speaks].model("silent"), script)

    def by_sdk(pair: tuple[str, str]) -> None:
        caller = callers[pair[0]]
        answer = caller.talk(slow(pair[1]), Wanted(streamed=True)).say("count")
        assert (answer.text, answer.finish) == ("one two three four", caller.stop), pair

    def plain(pair: tuple[str, str]) -> None:
        path, body = plain_request(pair[0], slow(pair[1]), streamed=True)
        stream = httpx.post(
            f"{shared.http}{path}", json=body, headers={"x-api-key": shared.key}, timeout=60
        )
        assert 1 <= stream.content.count(ALIVE[pair[0]]) <= 8, (pair, stream.content)

    with ThreadPoolExecutor(2 * len(TRANSLATED)) as pool:
        both = [pool.map(by_sdk, TRANSLATED), pool.map(plain, TRANSLATED)]
        for results in both:
            list(results)


# ----------------------------------------------------------------------------- another upstream

# model: the upstreams in the order of its tiers, with the names that they know.
ACROSS: dict[str, list[tuple[str, str]]] = {
    "from-messages-to-responses": [
        ("anthropic", "claude-haiku-4-5"),
        ("openai_responses", "gpt-5"),
    ],
    "from-generate-to-messages": [("gemini", "gemini-3-pro"), ("anthropic", "claude-haiku-4-5")],
    "from-chat-to-generate": [("openai_chat", "gpt-5"), ("gemini", "gemini-3-pro")],
    "from-responses-to-chat": [("openai_responses", "gpt-5"), ("openai_chat", "gpt-5-mini")],
}
FAILURES: dict[str, Json] = {
    "before": {"error": {"status": 529, "message": "overloaded"}},
    "inside": {"stream_error": {"at": 0, "status": 529, "message": "overloaded"}},
}


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("name", ACROSS)
@pytest.mark.parametrize("dialect", UPSTREAMS)
def test_another_protocols_upstream_takes_over_within_the_request(
    shared: Gateway, callers: Callers, dialect: str, name: str, how: str
) -> None:
    """The first upstream is overloaded, by its status or inside its stream: the second gets the
    request in its own words, and the caller sees one clean answer."""
    (first, first_name), (second, second_name) = ACROSS[name]
    told(shared.simulator, first_name, FAILURES[how])
    usage = {"input": 50, "cache_read": 30, "output": 20}
    told(shared.simulator, second_name, {"text": "Here I am.", "usage": usage})
    caller = callers[dialect]
    question = f"{dialect} {name} {how}"
    answer = caller.talk(name, Wanted(streamed=True)).say(question)
    assert (answer.text, answer.finish) == ("Here I am.", caller.stop)
    assert answer.usage == Figures(80, 30, 20)
    for speaks, upstream_name in ((first, first_name), (second, second_name)):
        arrived = received(shared.simulator, upstream_name)[-1]["body"]
        assert UPSTREAMS[speaks].read(arrived).texts == [question]


def test_the_record_names_who_answered(shared: Gateway, callers: Callers) -> None:
    name = "from-messages-to-responses"
    told(shared.simulator, "claude-haiku-4-5", FAILURES["before"])
    told(shared.simulator, "gpt-5", {"text": "Here I am."})
    callers["anthropic"].talk(name, Wanted()).say("hello")
    record = records(shared, {name})[name]
    assert (record["protocol"], record["upstream_protocol"]) == ("anthropic", "openai_responses")
    assert (record["attempts"], record["outcome"]) == (2, "completed")


@pytest.mark.parametrize("dialect", UPSTREAMS)
def test_when_all_upstreams_fail_the_last_ones_error_is_told_in_the_callers_dialect(
    shared: Gateway, callers: Callers, dialect: str
) -> None:
    told(shared.simulator, "gpt-5", FAILURES["before"])
    told(shared.simulator, "gemini-3-pro", {"error": {"status": 429, "message": "no more today"}})
    refusal = callers[dialect].refused("from-chat-to-generate")
    assert refusal.status == 429 and "no more today" in refusal.text


@of_pairs([pair for pair in TRANSLATED if pair[0] in ("anthropic", "gemini")])
def test_an_error_inside_a_stream_names_the_request_as_its_headers_do(
    shared: Gateway, dialect: str, speaks: str
) -> None:
    """It is what the caller finds the usage by."""
    error = {"at": 6, "status": 500, "message": "no"}
    script: Json = {"text": "word " * 40, "chunks": 8, "delay_between_ms": 5, "stream_error": error}
    path, body = plain_request(
        dialect, told(shared.simulator, UPSTREAMS[speaks].model("named"), script), streamed=True
    )
    answer = httpx.post(f"{shared.http}{path}", json=body, headers={"x-api-key": shared.key})
    assert answer.headers["x-request-id"] in answer.text


# ----------------------------------------------------------------------------- Gemini's array


@of_pairs([("gemini", speaks) for speaks in UPSTREAMS])
def test_a_stream_without_sse_is_a_json_array(shared: Gateway, dialect: str, speaks: str) -> None:
    model = told(shared.simulator, UPSTREAMS[speaks].model("array"), {"text": "a b c", "chunks": 3})
    path, body = plain_request(dialect, model, streamed=True)
    answer = httpx.post(
        f"{shared.http}{path.removesuffix('?alt=sse')}",
        json=body,
        headers={"x-goog-api-key": shared.key},
    )
    assert answer.headers["content-type"].startswith("application/json")
    chunks = [chunk["candidates"][0] for chunk in orjson.loads(answer.content)]
    parts = [part for chunk in chunks for part in chunk.get("content", {}).get("parts", [])]
    assert "".join(part.get("text", "") for part in parts) == "a b c"
    assert chunks[-1]["finishReason"] == "STOP"


# ----------------------------------------------------------------------------- TLS and HTTP/2


def test_translated_over_tls_and_http2(shared: Gateway) -> None:
    trust = ssl.create_default_context(cafile=str(shared.ca))
    base = f"https://localhost:{shared.https.rpartition(':')[2]}"
    model = told(shared.simulator, UPSTREAMS["gemini"].model("tls"), *[{"text": "hi"}] * 2)
    with (
        anthropic.Anthropic(
            base_url=f"{base}/claude",
            api_key=shared.key,
            http_client=anthropic.DefaultHttpxClient(verify=trust, http2=True),
        ) as claude,
        claude.messages.stream(
            model=model, max_tokens=64, messages=[{"role": "user", "content": "hello"}]
        ) as stream,
    ):
        assert "".join(stream.text_stream) == "hi"
        assert stream.response.http_version == "HTTP/2"
    with openai.OpenAI(
        base_url=f"{base}/openai/v1",
        api_key=shared.key,
        http_client=openai.DefaultHttpxClient(verify=trust, http2=True),
    ) as gpt:
        raw = gpt.responses.with_raw_response.create(model=model, input="hello")
    assert raw.http_response.http_version == "HTTP/2" and raw.parse().output_text == "hi"


# ----------------------------------------------------------------------------- and nothing broke


def test_no_translation_had_a_defect(shared: Gateway) -> None:
    """Of all that was asked of this gateway before: a defect is logged, whatever the caller saw."""
    log = shared.log()
    assert "translation failed" not in log and "Traceback" not in log
