"""OpenAI's Python SDK, both of its doors: chat.completions and responses."""

import json
from collections.abc import Mapping
from typing import Any

import openai
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

PICTURE = f"data:image/png;base64,{PNG_BASE64}"


class ChatTalk(Talk):
    client: openai.OpenAI

    def __init__(self, client: Any, model: str, wanted: Wanted) -> None:
        super().__init__(client, model, wanted)
        self.messages: list[Any] = []

    def say(self, text: str, image: bytes | None = None) -> Answer:
        content: Any = text
        if image is not None:
            picture = {"type": "image_url", "image_url": {"url": PICTURE}}
            content = [{"type": "text", "text": text}, picture]
        self.messages.append({"role": "user", "content": content})
        return self._ask()

    def results(self, results: Mapping[Call, str]) -> Answer:
        self.messages += [
            {"role": "tool", "tool_call_id": call.id, "content": said}
            for call, said in results.items()
        ]
        return self._ask()

    def _ask(self) -> Answer:
        asked: Any = {"model": self.model, "messages": self.messages}
        if self.wanted.tools:
            asked["tools"] = [
                {
                    "type": "function",
                    "function": {"name": name, "description": what, "parameters": LOOK},
                }
                for name, what in TOOLS.items()
            ]
        if self.wanted.thinking:
            asked["reasoning_effort"] = "low"
        if self.wanted.streamed:
            asked["stream_options"] = {"include_usage": True}
            with self.client.chat.completions.stream(**asked) as stream:
                said = "".join(e.delta for e in stream if e.type == "content.delta")
                completion: Any = stream.get_final_completion()
        else:
            completion = self.client.chat.completions.create(**asked)
            said = completion.choices[0].message.content or ""
        (choice,) = completion.choices
        assert said == (choice.message.content or ""), "the helper's text is the message's"
        self.messages.append(choice.message)
        return _completion(completion)


def _completion(completion: Any) -> Answer:
    (choice,) = completion.choices
    usage = completion.usage
    details = usage.prompt_tokens_details
    return Answer(
        text=choice.message.content or "",
        thought=getattr(choice.message, "reasoning_content", None) or "",
        calls=tuple(
            Call(call.id, call.function.name, json.loads(call.function.arguments)["where"])
            for call in choice.message.tool_calls or []
        ),
        finish=choice.finish_reason,
        usage=Figures(
            usage.prompt_tokens,
            (details.cached_tokens or 0) if details else 0,
            usage.completion_tokens,
        ),
    )


class ResponsesTalk(Talk):
    client: openai.OpenAI

    def __init__(self, client: Any, model: str, wanted: Wanted) -> None:
        super().__init__(client, model, wanted)
        self.items: list[Any] = []

    def say(self, text: str, image: bytes | None = None) -> Answer:
        content: Any = text
        if image is not None:
            picture = {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
            content = [{"type": "input_text", "text": text}, picture]
        self.items.append({"role": "user", "content": content})
        return self._ask()

    def results(self, results: Mapping[Call, str]) -> Answer:
        self.items += [
            {"type": "function_call_output", "call_id": call.id, "output": said}
            for call, said in results.items()
        ]
        return self._ask()

    def _ask(self) -> Answer:
        asked: Any = {"model": self.model, "input": self.items, "store": False}
        if self.wanted.tools:
            asked["tools"] = [
                {
                    "type": "function",
                    "name": name,
                    "description": what,
                    "parameters": LOOK,
                    "strict": False,
                }
                for name, what in TOOLS.items()
            ]
        if self.wanted.thinking:
            asked["reasoning"] = {"effort": "low", "summary": "auto"}
            asked["include"] = ["reasoning.encrypted_content"]
        if self.wanted.streamed:
            with self.client.responses.stream(**asked) as stream:
                events = list(stream)
                response: Any = stream.get_final_response()
            numbers = [event.sequence_number for event in events]
            assert sorted(set(numbers)) == list(range(len(set(numbers)))), "without gaps"
            said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        else:
            response = self.client.responses.create(**asked)
            said = response.output_text
        assert said == response.output_text, "the helper's text is the response's"
        self.items += response.output
        return _response(response)


def _response(response: Any) -> Answer:
    usage = response.usage
    reasoning = [item for item in response.output if item.type == "reasoning"]
    return Answer(
        text=response.output_text,
        thought="".join(part.text for item in reasoning for part in item.summary)
        or "".join(part.text for item in reasoning for part in item.content or []),
        calls=tuple(
            Call(item.call_id, item.name, json.loads(item.arguments)["where"])
            for item in response.output
            if item.type == "function_call"
        ),
        finish=response.status,
        usage=Figures(
            usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens
        ),
    )


class _OpenAICaller(Caller):
    client: openai.OpenAI

    def connect(self, base: str, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0)

    def refused(self, model: str) -> Refusal:
        with pytest.raises(openai.APIStatusError) as told:
            self.talk(model, Wanted()).say("hello")
        error = told.value
        assert error.request_id == error.response.headers["x-request-id"]
        return Refusal(error, error.status_code, str(error.body))


class ChatCaller(_OpenAICaller):
    dialect = "openai_chat"
    stop = "stop"
    tool_calls = "tool_calls"

    def talk(self, model: str, wanted: Wanted) -> Talk:
        return ChatTalk(self.client, model, wanted)

    def parsed(self, model: str, streamed: bool) -> Order:
        asked: Any = {
            "model": model,
            "messages": [{"role": "user", "content": "two keys, please"}],
            "response_format": Order,
        }
        if not streamed:
            completion: Any = self.client.chat.completions.parse(**asked)
        else:
            with self.client.chat.completions.stream(**asked) as stream:
                completion = stream.get_final_completion()
        found = completion.choices[0].message.parsed
        assert isinstance(found, Order)
        return found

    def broken(self, model: str) -> tuple[str, str]:
        """`content.done` comes with the finish reason; the end of the stream is `[DONE]`."""
        seen = ""
        with (
            pytest.raises(openai.APIError) as told,
            self.client.chat.completions.stream(
                model=model, messages=[{"role": "user", "content": "hello"}]
            ) as stream,
        ):
            for event in stream:
                if event.type == "content.delta":
                    seen += event.delta
        return seen, str(told.value.message)

    def counted(self, model: str) -> int:
        raise NotImplementedError("Chat Completions has no door for it")


class ResponsesCaller(_OpenAICaller):
    dialect = "openai_responses"
    stop = "completed"
    tool_calls = "completed"

    def talk(self, model: str, wanted: Wanted) -> Talk:
        return ResponsesTalk(self.client, model, wanted)

    def parsed(self, model: str, streamed: bool) -> Order:
        asked: Any = {"model": model, "input": "two keys, please", "text_format": Order}
        if not streamed:
            response: Any = self.client.responses.parse(**asked)
        else:
            with self.client.responses.stream(**asked) as stream:
                response = stream.get_final_response()
        found = response.output_parsed
        assert isinstance(found, Order)
        return found

    def broken(self, model: str) -> tuple[str, str]:
        """The helper raises for an `error` event; `response.failed` is an event like any other,
        and then there is no final response."""
        seen = failed = ""
        with self.client.responses.stream(model=model, input="hello") as stream:
            try:
                for event in stream:
                    assert event.type != "response.completed", "no clean end"
                    if event.type == "response.output_text.delta":
                        seen += event.delta
                    elif event.type == "response.failed":
                        assert event.response.error is not None
                        failed = event.response.error.message
                    elif event.type == "error":
                        failed = event.message
            except openai.APIError as error:
                return seen, error.message
            with pytest.raises(RuntimeError, match=r"response\.completed"):
                stream.get_final_response()
        return seen, failed

    def counted(self, model: str) -> int:
        return self.client.responses.input_tokens.count(
            model=model, input="a short question"
        ).input_tokens
