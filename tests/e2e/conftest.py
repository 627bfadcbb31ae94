"""One gateway for all tests that only ask; those that break things start their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.callers import Caller
from tests.e2e.callers_anthropic import AnthropicCaller
from tests.e2e.callers_gemini import GeminiCaller
from tests.e2e.callers_openai import ChatCaller, ResponsesCaller
from tests.e2e.clouds import cloudy
from tests.e2e.gateway import Gateway, Simulator, gateway, simulator


@pytest.fixture(scope="session")
def upstream() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="session")
def shared(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("gateway"), upstream) as running:
        yield running


@pytest.fixture(scope="session")
def callers(shared: Gateway) -> Iterator[dict[str, Caller]]:
    """Every vendor's SDK on the shared gateway, by dialect."""
    made: list[Caller] = [
        kind(shared) for kind in (AnthropicCaller, ChatCaller, ResponsesCaller, GeminiCaller)
    ]
    yield {caller.dialect: caller for caller in made}
    for caller in made:
        caller.close()


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with cloudy(tmp_path_factory.mktemp("clouds")) as (running, _):
        yield running


@pytest.fixture(scope="session")
def cloud_callers(clouds: Gateway) -> Iterator[dict[str, Caller]]:
    """Every vendor's SDK on the gateway whose models are in the clouds, by dialect."""
    made: list[Caller] = [
        kind(clouds) for kind in (AnthropicCaller, ChatCaller, ResponsesCaller, GeminiCaller)
    ]
    yield {caller.dialect: caller for caller in made}
    for caller in made:
        caller.close()
