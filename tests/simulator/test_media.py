"""Images and embeddings with OpenAI's SDK."""

import base64

import openai
import pytest
from openai.types import (
    CreateEmbeddingResponse,
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
    ImagesResponse,
)

from tests.simulator.running import BEARER, Running, sse
from tests.simulator.strictness import judged

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_picture_is_generated(sim: Running) -> None:
    asked = {"model": "gpt-image-1", "prompt": "a cat", "n": 2, "size": "1024x1024"}
    answer = sim.post("/v1/images/generations", asked, BEARER).json()
    pictures = judged(ImagesResponse, answer).data or []
    assert [base64.b64decode(one.b64_json or "")[:8] for one in pictures] == [PNG, PNG]
    assert answer["usage"]["output_tokens"] == 2 * 1056
    assert answer["usage"]["input_tokens_details"] == {"text_tokens": 2, "image_tokens": 0}


def test_a_picture_is_edited_with_a_form(gpt: openai.OpenAI, sim: Running) -> None:
    answer = gpt.images.edit(
        model="gpt-image-edits", image=[PNG + b"one", PNG + b"two"], prompt="a hat", n=1
    )
    assert answer.data is not None and len(answer.data) == 1
    assert answer.usage is not None and answer.usage.input_tokens_details.image_tokens == 544
    logged = sim.last("gpt-image-edits")
    assert logged["body"] is None
    assert PNG + b"one" in base64.b64decode(logged["body_base64"])


async def test_partial_pictures_are_streamed(async_gpt: openai.AsyncOpenAI) -> None:
    stream = await async_gpt.images.generate(
        model="gpt-image-1", prompt="a cat", stream=True, partial_images=2
    )
    kinds = [event.type async for event in stream]
    assert kinds == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]


def test_streamed_events_are_what_the_sdk_types_say(sim: Running, gpt: openai.OpenAI) -> None:
    asked = {"model": "gpt-image-1", "prompt": "a cat", "stream": True, "partial_images": 1}
    partial, done = sse(sim.post("/v1/images/generations", asked, BEARER).text)
    judged(ImageGenPartialImageEvent, partial)
    judged(ImageGenCompletedEvent, done)
    partial, done = gpt.images.edit(  # type: ignore[assignment]
        model="gpt-image-1", image=PNG, prompt="a hat", stream=True, partial_images=1
    )
    judged(ImageEditPartialImageEvent, partial.to_dict())  # type: ignore[attr-defined]
    judged(ImageEditCompletedEvent, done.to_dict())  # type: ignore[attr-defined]


def test_dall_e_answers_with_an_address(sim: Running) -> None:
    answer = sim.post("/v1/images/generations", {"model": "dall-e-3", "prompt": "x"}, BEARER).json()
    judged(ImagesResponse, answer)
    assert answer["data"][0]["url"].startswith("https://")


def test_an_error_inside_the_stream_of_pictures(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError):
        list(gpt.images.generate(model="sim-stream-error-0", prompt="x", stream=True))


def test_embeddings_as_floats_and_as_base64(gpt: openai.OpenAI, sim: Running) -> None:
    """The SDK asks for base64 by itself and unpacks it: both ways give the same vector."""
    unpacked = gpt.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    asked = {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "float"}
    answer = sim.post("/v1/embeddings", asked, BEARER).json()
    floats = judged(CreateEmbeddingResponse, answer)
    assert [len(one.embedding) for one in floats.data] == [1536, 1536]
    assert unpacked.data[1].embedding == pytest.approx(floats.data[1].embedding, abs=1e-6)
    assert floats.data[0].embedding != floats.data[1].embedding
    assert floats.usage.prompt_tokens == 2


def test_embeddings_of_a_wanted_size_and_of_tokens(gpt: openai.OpenAI) -> None:
    small = gpt.embeddings.create(model="text-embedding-3-large", input=[1, 2, 3], dimensions=4)
    assert [len(one.embedding) for one in small.data] == [4]


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/v1/embeddings", {"model": "m"}, "input"),
        ("/v1/embeddings", {"model": "m", "input": ""}, "input"),
        ("/v1/embeddings", {"model": "m", "input": "a", "nope": 1}, "nope"),
        ("/v1/embeddings", {"model": "m", "input": "a", "encoding_format": "hex"}, "encoding"),
        ("/v1/images/generations", {"model": "gpt-image-1"}, "prompt"),
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "x", "n": 99}, "n"),
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "x", "nope": 1}, "nope"),
        ("/v1/images/edits", {"model": "gpt-image-1", "prompt": "x"}, "parse"),
    ],
)
def test_what_is_refused(sim: Running, path: str, body: object, word: str) -> None:
    answer = sim.post(path, body, BEARER)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]


def test_an_edit_without_a_picture_is_refused(sim: Running) -> None:
    form = b'--B\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nx\r\n--B--\r\n'
    headers = {**BEARER, "content-type": "multipart/form-data; boundary=B"}
    answer = sim.post("/v1/images/edits", form, headers)
    assert answer.json()["error"]["param"] == "image"
    broken = sim.post("/v1/images/edits", form.removesuffix(b"--B--\r\n"), headers)
    assert broken.status_code == 400
