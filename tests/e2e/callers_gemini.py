"""Google's Python SDK: generate_content, generate_content_stream, count_tokens."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.callers import (
    LOOK,
    TOOLS,
    Answer,
    Call,
    Caller,
    Figures,
    Order,
    Refusal,
    Talk,
    Wanted,
)

# The SDK passes on what its HTTP library says of a connection that broke.
BROKEN = (errors.APIError, httpx2.TransportError)


class GeminiTalk(Talk):
    """What is streamed is kept as one content with the parts of all chunks, in order."""

    client: genai.Client

    def __init__(self, client: Any, model: str, wanted: Wanted) -> None:
        super().__init__(client, model, wanted)
        self.contents: list[Any] = []

    def say(self, text: str, image: bytes | None = None) -> Answer:
        parts = [types.Part.from_text(text=text)]
        if image is not None:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        return self._ask(parts)

    def results(self, results: Mapping[Call, str]) -> Answer:
        return self._ask(
            [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"result": said}
                    )
                )
                for call, said in results.items()
            ]
        )

    def _ask(self, parts: list[types.Part]) -> Answer:
        self.contents.append(types.Content(role="user", parts=parts))
        config = types.GenerateContentConfig(tools=_tools() if self.wanted.tools else None)
        if self.wanted.thinking:
            config.thinking_config = types.ThinkingConfig(
                include_thoughts=True, thinking_level=types.ThinkingLevel.LOW
            )
        asked: Any = {"model": self.model, "contents": self.contents, "config": config}
        if self.wanted.streamed:
            chunks = list(self.client.models.generate_content_stream(**asked))
        else:
            chunks = [self.client.models.generate_content(**asked)]
        said = [part for chunk in chunks for part in _parts(chunk)]
        self.contents.append(types.Content(role="model", parts=said))
        return _answer(said, chunks)


def _tools() -> Any:
    declared = [
        types.FunctionDeclaration(name=name, description=what, parameters_json_schema=LOOK)
        for name, what in TOOLS.items()
    ]
    return [types.Tool(function_declarations=declared)]


def _parts(chunk: types.GenerateContentResponse) -> list[types.Part]:
    content = chunk.candidates[0].content if chunk.candidates else None
    return (content.parts or []) if content else []


def _answer(parts: list[types.Part], chunks: list[types.GenerateContentResponse]) -> Answer:
    finish = [c.candidates[0].finish_reason for c in chunks if c.candidates]
    assert not any(finish[:-1]), "the finish is in the last chunk only"
    assert finish[-1] is not None
    usage = chunks[-1].usage_metadata
    assert usage is not None
    calls = [part.function_call for part in parts if part.function_call]
    return Answer(
        text="".join(part.text for part in parts if part.text and not part.thought),
        thought="".join(part.text for part in parts if part.text and part.thought),
        calls=tuple(
            Call(call.id or "", call.name or "", (call.args or {})["where"]) for call in calls
        ),
        finish=finish[-1].value,
        usage=Figures(
            usage.prompt_token_count or 0,
            usage.cached_content_token_count or 0,
            (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        ),
    )


class GeminiCaller(Caller):
    dialect = "gemini"
    stop = "STOP"
    tool_calls = "STOP"
    client: genai.Client

    def connect(self, base: str, key: str) -> genai.Client:
        return genai.Client(
            api_key=key,
            vertexai=False,
            http_options=types.HttpOptions(base_url=f"{base}/gemini"),
        )

    def talk(self, model: str, wanted: Wanted) -> Talk:
        return GeminiTalk(self.client, model, wanted)

    def parsed(self, model: str, streamed: bool) -> Order:
        asked: Any = {
            "model": model,
            "contents": "two keys, please",
            "config": types.GenerateContentConfig(
                response_mime_type="application/json", response_schema=Order
            ),
        }
        if not streamed:
            answer = self.client.models.generate_content(**asked)
            assert isinstance(answer.parsed, Order)
            return answer.parsed
        stream = self.client.models.generate_content_stream(**asked)
        return Order.model_validate_json("".join(chunk.text or "" for chunk in stream))

    def refused(self, model: str) -> Refusal:
        with pytest.raises(errors.APIError) as told:
            GeminiTalk(self.client, model, Wanted()).say("hello")
        return Refusal(told.value, told.value.code, str(told.value))

    def broken(self, model: str) -> tuple[str, str]:
        seen = ""
        with pytest.raises(BROKEN) as told:
            for chunk in self.client.models.generate_content_stream(model=model, contents="hello"):
                assert chunk.candidates and not chunk.candidates[0].finish_reason, "no clean end"
                seen += chunk.text or ""
        return seen, str(told.value)

    def counted(self, model: str) -> int:
        counted = self.client.models.count_tokens(model=model, contents="a short question")
        return counted.total_tokens or 0
