"""What every vendor's SDK is made to do, whichever it is: the same conversation, in its own way.

A `Talk` is a conversation with one model by one SDK. It keeps the history as the SDK's users do:
the SDK's own message objects are appended, untouched. What an answer says is told in the words of
`Answer`, so that one test can be asked of all of them.
"""

import base64
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from tests.e2e.gateway import Gateway


def png(width: int = 9, height: int = 9) -> bytes:
    """A small picture that every provider would take."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = b"".join(b"\0" + bytes(range(width * 3)) for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PNG = png()
PNG_BASE64 = base64.b64encode(PNG).decode()

LOOK = {
    "type": "object",
    "properties": {"where": {"type": "string"}, "deep": {"type": "integer"}},
    "required": ["where"],
}
TOOLS = {"look": "Looks somewhere.", "listen": "Listens somewhere."}  # both with LOOK's parameters


class Order(BaseModel):
    """What structured output is asked for."""

    item: str
    count: int


@dataclass(frozen=True)
class Call:
    """A tool call. Two of one answer differ by their id."""

    id: str
    name: str
    where: str


@dataclass(frozen=True)
class Figures:
    """Tokens as the caller counts them: all input, what of it came from a cache, all output."""

    input: int
    cached: int
    output: int


@dataclass(frozen=True)
class Answer:
    """What the SDK's objects say. `finish` is the dialect's own word."""

    text: str
    thought: str
    calls: tuple[Call, ...]
    finish: str
    usage: Figures


@dataclass(frozen=True)
class Wanted:
    """How a conversation is held. `thinking` asks for reasoning that comes back sealed."""

    streamed: bool = False
    tools: bool = False
    thinking: bool = False


class Talk(ABC):
    """One conversation. Every method that asks adds question and answer to the history."""

    def __init__(self, client: Any, model: str, wanted: Wanted) -> None:
        self.client = client
        self.model = model
        self.wanted = wanted

    @abstractmethod
    def say(self, text: str, image: bytes | None = None) -> Answer: ...

    @abstractmethod
    def results(self, results: Mapping[Call, str]) -> Answer:
        """Gives the tools' results, in this order."""


@dataclass(frozen=True)
class Refusal:
    """How an SDK told of an error. `text` is all of it."""

    error: Exception
    status: int
    text: str


class Caller(ABC):
    """A vendor's SDK with its client. `stop` and `tool_calls` are the dialect's words for the two
    usual ends of an answer."""

    dialect: str
    stop: str
    tool_calls: str

    def __init__(self, gateway: Gateway, key: str | None = None) -> None:
        self.client = self.connect(gateway.http, key or gateway.key)

    @abstractmethod
    def connect(self, base: str, key: str) -> Any: ...

    def close(self) -> None:
        self.client.close()

    @abstractmethod
    def talk(self, model: str, wanted: Wanted) -> Talk: ...

    @abstractmethod
    def parsed(self, model: str, streamed: bool) -> Order:
        """A structured answer, by the SDK's own way of parsing it."""

    @abstractmethod
    def refused(self, model: str) -> Refusal:
        """The SDK's exception for a plain call that must fail."""

    @abstractmethod
    def broken(self, model: str) -> tuple[str, str]:
        """A stream that must break off: the text before, and how the SDK told of the error.

        Fails when the SDK saw a clean end.
        """

    @abstractmethod
    def counted(self, model: str) -> int:
        """The tokens of a short request, by the dialect's door for counting."""
