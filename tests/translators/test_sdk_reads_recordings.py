"""The vendors' own SDKs read the recordings of Anthropic and Gemini: so the recordings do not share
a mistake with the decoders, and paired ones really are the same answer."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from google import genai
from google.genai.types import GenerateContentConfig, GenerateContentResponse, HttpOptions
from pydantic import TypeAdapter

from tests.translators.replay import Stream, expected, folders, label, streams

SSE = {"content-type": "text/event-stream"}


def accepted(case: Path) -> bool:
    return bool(tomllib.loads((case / "provenance.toml").read_text("utf-8"))["sdk_types"])


def cases(protocol: str, *files: str) -> list[Path]:
    """The recordings that have these files and say that the SDK knows all that is in them."""
    return [
        case
        for case in folders()
        if case.parent.name == protocol
        and accepted(case)
        and all((case / f).exists() for f in files)
    ]


def sse_payloads(stream: bytes) -> Iterable[Any]:
    for line in stream.split(b"\n"):
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def test_recordings_that_the_sdks_do_not_know_are_the_exception() -> None:
    for protocol in ("anthropic", "gemini"):
        every = [case for case in folders() if case.parent.name == protocol]
        assert len(cases(protocol)) > len(every) * 0.6


@pytest.mark.parametrize("case", cases("anthropic", "response.json"), ids=label)
def test_anthropics_types_accept_the_whole_answers(case: Path) -> None:
    body = json.loads((case / "response.json").read_text("utf-8"))
    kind = Message if "content" in body else MessageTokensCount
    TypeAdapter(kind).validate_python(body)


@pytest.mark.parametrize("case", cases("anthropic", "stream.sse"), ids=label)
def test_anthropics_types_accept_every_event(case: Path) -> None:
    events = [e for e in sse_payloads((case / "stream.sse").read_bytes()) if e["type"] != "ping"]
    assert events
    for event in events:
        TypeAdapter(RawMessageStreamEvent).validate_python(event)


@pytest.mark.parametrize("case", cases("anthropic", "stream.sse", "response.json"), ids=label)
def test_anthropics_sdk_puts_the_stream_together_to_the_whole_answer(case: Path) -> None:
    content = (case / "stream.sse").read_bytes()
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=SSE, content=content))
    client = anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport))
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    with client.messages.stream(**asked) as stream:  # type: ignore[arg-type]
        put_together = stream.get_final_message()
    whole = Message.model_validate_json((case / "response.json").read_bytes())
    for field in ("id", "model", "content", "stop_reason", "stop_sequence", "stop_details"):
        assert _plain(getattr(put_together, field)) == _plain(getattr(whole, field)), field
    for figure in ("input_tokens", "cache_read_input_tokens", "output_tokens", "server_tool_use"):
        streamed, told = getattr(put_together.usage, figure), getattr(whole.usage, figure)
        assert _plain(streamed) == _plain(told), figure


def _plain(value: Any) -> Any:
    """SDK objects as plain data, without what only one side says."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True, exclude={"citations", "parsed_output"})
    return value


@pytest.mark.parametrize("case", cases("gemini", "response.json"), ids=label)
def test_geminis_types_accept_the_whole_answers(case: Path) -> None:
    body = json.loads((case / "response.json").read_text("utf-8"))
    if "candidates" in body:
        GenerateContentResponse.model_validate(body)
    else:
        assert set(body) & {"promptFeedback", "embedding", "embeddings", "totalTokens"}


@pytest.mark.parametrize(
    "stream", [s for s in streams() if s.folder in cases("gemini", s.file)], ids=label
)
def test_geminis_types_accept_every_chunk(stream: Stream) -> None:
    chunks = json.loads(stream.data) if stream.file == "stream.json" else sse_payloads(stream.data)
    assert [GenerateContentResponse.model_validate(chunk) for chunk in chunks]


@pytest.mark.parametrize("case", cases("gemini", "stream.sse"), ids=label)
def test_geminis_sdk_reads_the_stream_and_ends_as_expected(case: Path) -> None:
    content = (case / "stream.sse").read_bytes()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=SSE, content=content))
    options = HttpOptions(base_url="http://g", httpx_client=httpx.Client(transport=transport))
    models = genai.Client(api_key="k", http_options=options).models
    config = GenerateContentConfig(automatic_continuation=False)
    chunks = list(models.generate_content_stream(model="m", contents="Hi", config=config))
    finishes = [c.candidates[0].finish_reason for c in chunks if c.candidates]
    blocked = [c.prompt_feedback.block_reason for c in chunks if c.prompt_feedback]
    said = [reason.value for reason in (*finishes, *blocked) if reason is not None]
    assert said[-1] == expected(case)["raw"]
