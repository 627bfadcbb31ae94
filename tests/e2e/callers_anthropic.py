"""Anthropic's Python SDK: messages.create, messages.stream, messages.parse, count_tokens."""

from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2
import pytest

from tests.e2e.callers import (
    LOOK,
    PNG_BASE64,
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
BROKEN = (anthropic.APIError, httpx2.TransportError)

DECLARED = [
    {"name": name, "description": what, "input_schema": LOOK} for name, what in TOOLS.items()
]


class AnthropicTalk(Talk):
    client: anthropic.Anthropic

    def __init__(self, client: Any, model: str, wanted: Wanted) -> None:
        super().__init__(client, model, wanted)
        self.messages: list[Any] = []

    def say(self, text: str, image: bytes | None = None) -> Answer:
        content: list[Any] = [{"type": "text", "text": text}]
        if image is not None:
            source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
            content.insert(0, {"type": "image", "source": source})
        return self._ask(content)

    def results(self, results: Mapping[Call, str]) -> Answer:
        return self._ask(
            [
                {"type": "tool_result", "tool_use_id": call.id, "content": said}
                for call, said in results.items()
            ]
        )

    def _ask(self, content: list[Any]) -> Answer:
        self.messages.append({"role": "user", "content": content})
        asked: Any = {"model": self.model, "max_tokens": 4000, "messages": self.messages}
        if self.wanted.tools:
            asked["tools"] = DECLARED
        if self.wanted.thinking:
            shown = {"display": "summarized"}
            asked["thinking"] = {"type": "enabled", "budget_tokens": 2000, **shown}
        if self.wanted.streamed:
            with self.client.messages.stream(**asked) as stream:
                said = "".join(stream.text_stream)
                message: Any = stream.get_final_message()
        else:
            message = self.client.messages.create(**asked)
            said = _text(message)
        assert said == _text(message), "the helper's text is the message's"
        assert (message.type, message.role) == ("message", "assistant")
        self.messages.append({"role": message.role, "content": message.content})
        return _answer(message)


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _answer(message: Any) -> Answer:
    blocks = message.content
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    return Answer(
        text=_text(message),
        thought="".join(block.thinking for block in blocks if block.type == "thinking"),
        calls=tuple(
            Call(block.id, block.name, block.input["where"])
            for block in blocks
            if block.type == "tool_use"
        ),
        finish=message.stop_reason,
        usage=Figures(
            usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            cached,
            usage.output_tokens,
        ),
    )


class AnthropicCaller(Caller):
    dialect = "anthropic"
    stop = "end_turn"
    tool_calls = "tool_use"
    client: anthropic.Anthropic

    def connect(self, base: str, key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=base, api_key=key, max_retries=0)

    def talk(self, model: str, wanted: Wanted) -> Talk:
        return AnthropicTalk(self.client, model, wanted)

    def parsed(self, model: str, streamed: bool) -> Order:
        asked: Any = {
            "model": model,
            "max_tokens": 500,
            "messages": [{"role": "user", "content": "two keys, please"}],
            "output_format": Order,
        }
        if not streamed:
            message = self.client.messages.parse(**asked)
            assert isinstance(message.parsed_output, Order)
            return message.parsed_output
        with self.client.messages.stream(**asked) as stream:
            final: Any = stream.get_final_message()
        assert isinstance(final.parsed_output, Order)
        return final.parsed_output

    def refused(self, model: str) -> Refusal:
        with pytest.raises(anthropic.APIStatusError) as told:
            AnthropicTalk(self.client, model, Wanted()).say("hello")
        error = told.value
        assert error.request_id == error.response.headers["x-request-id"]
        return Refusal(error, error.status_code, str(error.body))

    def broken(self, model: str) -> tuple[str, str]:
        asked: Any = {
            "model": model,
            "max_tokens": 500,
            "messages": [{"role": "user", "content": "hello"}],
        }
        seen = ""
        with (
            pytest.raises(BROKEN) as told,
            self.client.messages.stream(**asked) as stream,
        ):
            for text in stream.text_stream:
                seen += text
        return seen, str(told.value)

    def counted(self, model: str) -> int:
        counted = self.client.messages.count_tokens(
            model=model, messages=[{"role": "user", "content": "a short question"}]
        )
        return counted.input_tokens
