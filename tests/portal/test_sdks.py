"""The vendors' own SDKs list and fetch models from a real server and raise their own exceptions."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, closing
from typing import Any, TypeVar

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types as google_types

from portal.server import Server, bind_tcp, config_of
from tests.ledger.conftest import until
from tests.portal.conftest import LISTED, World

T = TypeVar("T")

# google-genai derives from a class of aiohttp that does not want it; not ours to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)


@pytest.fixture
async def base_url(world: World) -> AsyncIterator[str]:
    """The portal on a loopback port, as its process serves it."""
    listener: socket.socket = bind_tcp("127.0.0.1", 0)
    server = Server(config_of(world.app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def has_started() -> bool:
        return server.started

    await until(has_started)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


async def in_thread(call: Callable[[], T]) -> T:
    return await asyncio.to_thread(call)


# --------------------------------------------------------------------------------------- anthropic

ANTHROPIC_BASES = ("", "/api", "/claude", "/anthropic")


@pytest.mark.parametrize("base", ANTHROPIC_BASES)
async def test_anthropic_lists_page_by_page_and_retrieves(
    world: World, base_url: str, base: str
) -> None:
    key = await world.key()

    def ask() -> tuple[list[str], anthropic.types.ModelInfo]:
        with anthropic.Anthropic(api_key=key, base_url=base_url + base) as client:
            names = [model.id for model in client.models.list(limit=4)]
            return names, client.models.retrieve("claude-opus-latest")

    names, model = await in_thread(ask)
    assert names == LISTED
    assert (model.id, model.display_name) == ("claude-opus-5-5", "Claude Opus 5.5")
    assert (model.created_at.year, model.lifecycle) == (2026, "active")


async def test_anthropic_async_pages_backwards_and_takes_names_with_slashes(
    world: World, base_url: str
) -> None:
    key = await world.key()
    async with anthropic.AsyncAnthropic(auth_token=key, api_key=None, base_url=base_url) as client:
        page = await client.models.list(limit=2, before_id=LISTED[5])
        assert [model.id async for model in page] == [*LISTED[3:5], *LISTED[1:3], LISTED[0]]
        model = await client.models.retrieve("meta/llama-4:free")
        assert model.id == "meta/llama-4:free"


@pytest.mark.parametrize("base", ANTHROPIC_BASES)
async def test_anthropic_raises_its_own_exceptions(world: World, base_url: str, base: str) -> None:
    key, far = await world.key(), await world.key("far", networks=("192.0.2.0/24",))

    async def ask(secret: str, call: Callable[[Any], Awaitable[object]]) -> None:
        async with anthropic.AsyncAnthropic(
            api_key=secret, base_url=base_url + base, max_retries=0
        ) as client:
            await call(client.models)

    with pytest.raises(anthropic.AuthenticationError, match="not copied whole") as refused:
        await ask("sk-wrong", lambda models: models.list())
    assert refused.value.request_id == refused.value.response.headers["request-id"]
    with pytest.raises(anthropic.NotFoundError, match="Did you mean gpt-5-mini"):
        await ask(key, lambda models: models.retrieve("gpt-5-minni"))
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        await ask(key, lambda models: models.list(limit=0))
    with pytest.raises(anthropic.PermissionDeniedError, match="network"):
        await ask(far, lambda models: models.list())


# ------------------------------------------------------------------------------------------ openai

OPENAI_BASES = ("/v1", "/openai/v1")


@pytest.mark.parametrize("base", OPENAI_BASES)
async def test_openai_lists_and_retrieves(world: World, base_url: str, base: str) -> None:
    key = await world.key()

    def ask() -> tuple[list[str], openai.types.Model]:
        with openai.OpenAI(api_key=key, base_url=base_url + base) as client:
            return [model.id for model in client.models.list()], client.models.retrieve(
                "meta/llama-4:free"
            )

    names, model = await in_thread(ask)
    assert names == LISTED
    assert (model.id, model.object, model.owned_by) == ("meta/llama-4:free", "model", "local")


@pytest.mark.parametrize("base", OPENAI_BASES)
async def test_openai_async_lists_and_raises_its_own_exceptions(
    world: World, base_url: str, base: str
) -> None:
    key, far = await world.key(), await world.key("far", networks=("192.0.2.0/24",))

    def client_of(secret: str) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(api_key=secret, base_url=base_url + base, max_retries=0)

    async with client_of(key) as client:
        assert [model.id async for model in client.models.list()] == LISTED
        with pytest.raises(openai.NotFoundError, match="Did you mean gpt-5-mini") as missing:
            await client.models.retrieve("gpt-5-minni")
        assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    async with client_of("sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
        assert refused.value.code == "invalid_api_key"
        assert refused.value.request_id == refused.value.response.headers["x-request-id"]
    async with client_of(far) as client:
        with pytest.raises(openai.PermissionDeniedError):
            await client.models.list()


# ------------------------------------------------------------------------------------------ google

GOOGLE_BASES = (("", "v1beta"), ("", "v1"), ("/gemini", "v1beta"), ("/gemini", "v1"))


def google_client(secret: str, base_url: str, version: str) -> genai.Client:
    options = google_types.HttpOptions(base_url=base_url, api_version=version)
    return genai.Client(api_key=secret, http_options=options)


@pytest.mark.parametrize(("base", "version"), GOOGLE_BASES)
async def test_google_lists_page_by_page_and_gets(
    world: World, base_url: str, base: str, version: str
) -> None:
    key = await world.key()

    def ask() -> tuple[list[str | None], list[google_types.Model]]:
        with closing(google_client(key, base_url + base, version)) as client:
            names = [model.name for model in client.models.list(config={"page_size": 4})]
            asked = ("gemini-3-pro", "models/gemini-3-pro", "meta/llama-4:free")
            return names, [client.models.get(model=name) for name in asked]

    names, models = await in_thread(ask)
    assert names == [f"models/{name}" for name in LISTED]
    assert [model.name for model in models] == [
        "models/gemini-3-pro",
        "models/gemini-3-pro",
        "models/meta/llama-4:free",
    ]
    assert models[0].input_token_limit == 1_048_576
    assert "generateContent" in (models[0].supported_actions or [])


@pytest.mark.parametrize(("base", "version"), GOOGLE_BASES)
async def test_google_async_lists_and_raises_its_own_exceptions(
    world: World, base_url: str, base: str, version: str
) -> None:
    key = await world.key()
    async with aclosing(google_client(key, base_url + base, version).aio) as client:
        pager = await client.models.list(config={"page_size": 4})
        assert [model.name async for model in pager] == [f"models/{name}" for name in LISTED]
        with pytest.raises(google_errors.ClientError) as missing:
            await client.models.get(model="gemini-3-por")
        assert (missing.value.code, missing.value.status) == (404, "NOT_FOUND")
        assert "Did you mean gemini-3-pro" in str(missing.value.message)
    async with aclosing(google_client("sk-wrong", base_url + base, version).aio) as client:
        with pytest.raises(google_errors.ClientError) as refused:
            await client.models.list()
        assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")
