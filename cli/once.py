"""Eight questions to a running gateway: each protocol plain and streamed, asked by the vendor's own
SDK.

Nothing of ours is in the way but the base URL. A question has succeeded when the SDK returned text
and the gateway has a usage record of it with tokens. The SDKs come with the extra `sdks`.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import httpx

from cli.commands.amounts import usd
from cli.demo import CLAUDE, GEMINI, GPT
from cli.output import OperatorError

MAX_TOKENS = 200
ANSWER_TIMEOUT_S = 120.0
USAGE_TIMEOUT_S = 10.0  # the record is there when the answer ends, but for a few milliseconds
USAGE_POLL_S = 0.05

QUESTIONS = {
    "anthropic": "What does the Latin word clavis mean?",
    "openai_chat": "Which door does a key open?",
    "openai_responses": "What is a master key?",
    "gemini": "Who makes keys?",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what came of it. `cost` is in dollars, as text; None: the model has no
    price."""

    protocol: str
    streamed: bool
    question: str
    text: str = ""
    request_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_micro: int | None = None
    error: str | None = None

    @property
    def cost(self) -> str:
        dollars = usd(self.cost_micro)
        return "unknown" if dollars is None else f"${dollars}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Said = tuple[str, str | None]  # the text, and the request id that the answer carried
Asker = Callable[[str, str, str], Awaitable[Said]]  # base URL, key, question


async def ask_all(base: str, key: str, tell: Callable[[Answer], None]) -> list[Answer]:
    """All eight in turn; `tell` hears of each as it is done. Raises OperatorError without the
    SDKs."""
    _not_through_a_proxy()
    answers = []
    for (protocol, streamed), asker in ASKERS.items():
        answer = Answer(protocol, streamed, QUESTIONS[protocol])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await _ask(answer, asker, base, key)
        except ImportError as error:
            raise OperatorError(
                f"The SDKs are not installed: pip install 'clavis[sdks]' ({error.name})."
            ) from error
        except Exception as error:  # noqa: BLE001 - whatever an SDK raises is the answer's failure
            answer = replace(answer, error=f"{type(error).__name__}: {error}")
        tell(answer)
        answers.append(answer)
    return answers


async def _ask(answer: Answer, asker: Asker, base: str, key: str) -> Answer:
    text, request_id = await asker(base, key, answer.question)
    answer = replace(answer, text=text.strip(), request_id=request_id)
    if not answer.text:
        return replace(answer, error="the answer has no text")
    if request_id is None:
        return replace(answer, error="the answer has no request id")
    usage = await _usage(base, key, request_id)
    tokens = (usage["input_tokens"], usage["output_tokens"])
    if None in tokens:
        return replace(answer, error="the usage record has no tokens")
    return replace(
        answer, input_tokens=tokens[0], output_tokens=tokens[1], cost_micro=usage["cost_micro"]
    )


async def _usage(base: str, key: str, request_id: str) -> Mapping[str, Any]:
    """The gateway's own record of a request."""
    deadline = time.monotonic() + USAGE_TIMEOUT_S
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        while True:
            response = await client.get(f"/v1/usage/{request_id}")
            if response.status_code != 404 or time.monotonic() > deadline:
                response.raise_for_status()
                record: Mapping[str, Any] = response.json()
                return record
            await asyncio.sleep(USAGE_POLL_S)


async def _anthropic(base: str, key: str, question: str) -> Said:
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(base_url=f"{base}/api", api_key=key) as client:
        raw = await client.messages.with_raw_response.create(
            model=CLAUDE,
            max_tokens=MAX_TOKENS,
            messages=[{"role": "user", "content": question}],
        )
        message = await raw.parse()
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, raw.headers.get("request-id")


async def _anthropic_streamed(base: str, key: str, question: str) -> Said:
    from anthropic import AsyncAnthropic

    async with (
        AsyncAnthropic(base_url=f"{base}/api", api_key=key) as client,
        client.messages.stream(
            model=CLAUDE,
            max_tokens=MAX_TOKENS,
            messages=[{"role": "user", "content": question}],
        ) as stream,
    ):
        text = await stream.get_final_text()
        return text, stream.response.headers.get("request-id")


async def _chat(base: str, key: str, question: str) -> Said:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{base}/openai/v1", api_key=key) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model=GPT, messages=[{"role": "user", "content": question}]
        )
    return raw.parse().choices[0].message.content or "", raw.headers.get("x-request-id")


async def _chat_streamed(base: str, key: str, question: str) -> Said:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{base}/openai/v1", api_key=key) as client:
        stream = await client.chat.completions.create(
            model=GPT,
            messages=[{"role": "user", "content": question}],
            stream=True,
            stream_options={"include_usage": True},  # else the upstream does not say
        )
        text = ""
        async for chunk in stream:
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
        return text, stream.response.headers.get("x-request-id")


async def _responses(base: str, key: str, question: str) -> Said:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{base}/openai/v1", api_key=key) as client:
        raw = await client.responses.with_raw_response.create(model=GPT, input=question)
    return raw.parse().output_text, raw.headers.get("x-request-id")


async def _responses_streamed(base: str, key: str, question: str) -> Said:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{base}/openai/v1", api_key=key) as client:
        stream = await client.responses.create(model=GPT, input=question, stream=True)
        text = ""
        async for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
        return text, stream.response.headers.get("x-request-id")


async def _gemini(base: str, key: str, question: str) -> Said:
    client = _gemini_client(base, key)
    try:
        response = await client.aio.models.generate_content(model=GEMINI, contents=question)
    finally:
        await client.aio.aclose()
    return response.text or "", _gemini_request_id(response)


async def _gemini_streamed(base: str, key: str, question: str) -> Said:
    client = _gemini_client(base, key)
    text, request_id = "", None
    try:
        async for chunk in await client.aio.models.generate_content_stream(
            model=GEMINI, contents=question
        ):
            text += chunk.text or ""
            request_id = request_id or _gemini_request_id(chunk)
    finally:
        await client.aio.aclose()
    return text, request_id


def _gemini_client(base: str, key: str) -> Any:
    from google import genai

    return genai.Client(api_key=key, http_options={"base_url": f"{base}/gemini"})


def _gemini_request_id(response: Any) -> str | None:
    http = response.sdk_http_response
    headers = {name.lower(): value for name, value in ((http and http.headers) or {}).items()}
    return headers.get("x-request-id")


def _not_through_a_proxy() -> None:
    """The SDKs obey proxy settings; this machine is reached without one."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost")))


ASKERS: Mapping[tuple[str, bool], Asker] = {
    ("anthropic", False): _anthropic,
    ("anthropic", True): _anthropic_streamed,
    ("openai_chat", False): _chat,
    ("openai_chat", True): _chat_streamed,
    ("openai_responses", False): _responses,
    ("openai_responses", True): _responses_streamed,
    ("gemini", False): _gemini,
    ("gemini", True): _gemini_streamed,
}
