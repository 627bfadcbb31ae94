"""The vendor's own SDK accepts our recordings, so that they share no mistake with the decoders.

Left out are those whose provenance says `sdk_types = false`: errors, and what other implementers
of these dialects send against the documentation.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse, ImageEditStreamEvent, ImageGenStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.images_response import ImagesResponse
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.compacted_response import CompactedResponse
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from tests.translators.replay import folders, label

ANSWERS: dict[str | None, Any] = {
    "chat.completion": ChatCompletion,
    "list": CreateEmbeddingResponse,
    "response": Response,
    "response.compaction": CompactedResponse,
    "response.input_tokens": InputTokenCountResponse,
    None: ImagesResponse,
}
ACCEPTED = [
    case
    for case in folders()
    if case.parent.name.startswith("openai_")
    and tomllib.loads((case / "provenance.toml").read_text("utf-8"))["sdk_types"]
]


def type_of_event(case: Path, kind: str) -> Any:
    if case.parent.name == "openai_chat":
        return ChatCompletionChunk
    if kind.startswith("image_generation."):
        return ImageGenStreamEvent
    return ImageEditStreamEvent if kind.startswith("image_edit.") else ResponseStreamEvent


def events(case: Path) -> list[dict[str, Any]]:
    file = case / "stream.sse"
    lines = file.read_bytes().split(b"\n") if file.exists() else []
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]


@pytest.mark.parametrize("case", ACCEPTED, ids=label)
def test_the_sdk_accepts_every_part_of_a_recording(case: Path) -> None:
    parts = [(type_of_event(case, event.get("type", "")), event) for event in events(case)]
    if (case / "response.json").exists():
        body = json.loads((case / "response.json").read_text("utf-8"))
        parts.append((ANSWERS[body.get("object")], body))
    assert parts
    for type_, part in parts:
        TypeAdapter(type_).validate_python(part)


RESPONSES = [case for case in ACCEPTED if any("sequence_number" in event for event in events(case))]


@pytest.mark.parametrize("case", RESPONSES, ids=label)
def test_the_events_of_a_recording_are_numbered_as_the_api_numbers_them(case: Path) -> None:
    numbers = [event["sequence_number"] for event in events(case)]
    assert numbers == list(range(len(numbers)))
