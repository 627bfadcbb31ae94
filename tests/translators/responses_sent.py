"""Requests that we send, as the simulated server sees them; short words for their items."""

import json
from typing import Any

from simulator.grammar import load
from simulator.openai.responses_rules import check_input
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities
from translators.canonical.parts import (
    Part,
    Text,
)
from translators.canonical.request import Request, Role, Turn
from translators.canonical.sealed import Sealed
from translators.openai_responses import PROTOCOL

HI = Turn(Role.USER, (Text("Hi"),))


OWN, FOREIGN = Sealed("openai_responses", "gA"), Sealed("anthropic", "Eq")


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"


def sent(
    *turns: Turn, capabilities: Capabilities = DEFAULT_CAPABILITIES
) -> tuple[dict[str, Any], list[str]]:
    return written(Request("gpt-5", turns), capabilities)


def written(request: Request, capabilities: Capabilities) -> tuple[dict[str, Any], list[str]]:
    """The body that is sent and its losses, once the simulated server was seen to accept it."""
    encoded = PROTOCOL.encode_request(request, capabilities)
    body = json.loads(encoded.body)
    opaque = [item for item in body["input"] if item["type"] not in UNKNOWN]
    assert GRAMMAR.check("responses", body | {"input": opaque}) is None
    check_input({"input": [i for i in opaque if i["type"] != "reasoning"]}, [], lambda _: False)
    assert not body["input"] or body["input"][-1]["type"] != "reasoning"
    return body, [str(loss) for loss in encoded.losses]


GRAMMAR = load("openai", nullable=True)
UNKNOWN = ("compaction",)  # an item that a test made up


def user(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def assistant(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def message(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content)}


def text(value: str) -> dict[str, Any]:
    return {"type": "input_text", "text": value}


def said(value: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": value, "annotations": list(annotations)}
