"""One simulator for all tests of a process; tests tell themselves apart by model names."""

from collections.abc import AsyncIterator, Iterator

import anthropic
import openai
import pytest
from google import genai

from tests.simulator.running import KEY, Running, running


@pytest.fixture(scope="session")
def sim() -> Iterator[Running]:
    with running() as one:
        yield one


@pytest.fixture
def claude(sim: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=sim.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_claude(sim: Running) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=sim.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(sim: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{sim.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_gpt(sim: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{sim.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(sim: Running) -> Iterator[genai.Client]:
    with genai.Client(api_key=KEY, http_options={"base_url": sim.url}) as client:
        yield client
