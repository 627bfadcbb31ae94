"""The contract a protocol must meet: one frozen dataclass of functions, and how protocols are
found.

The folder is the protocol, the file is the artefact, the function is the direction. Each protocol
folder exports PROTOCOL from its `__init__.py`; `discover()` lists the folders, so a further
protocol is one folder and no line elsewhere.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol as TypingProtocol

from translators.canonical.failure import Failure
from translators.canonical.stream import StreamEvent


class NotUnderstood(ValueError):
    """The outside world sent bytes that this protocol cannot read. Answer 400 (a caller) or 502."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Peek:
    """What the gateway must know of a request body before it can send it on unchanged."""

    model: str | None
    stream: bool
    max_output_tokens: int | None = None
    previous_id: str | None = None  # the stored answer that this request continues
    stored: bool = False  # the upstream will keep the answer
    unserved: str | None = None  # a field whose meaning this gateway cannot keep yet


class StreamDecoder(TypingProtocol):
    """Two verbs. `feed` returns nothing when it needs more; `close` on an unfinished stream yields
    exactly one Truncated, on a finished one nothing."""

    def feed(self, data: bytes) -> list[StreamEvent]: ...

    def close(self) -> list[StreamEvent]: ...


@dataclass(frozen=True, slots=True)
class Protocol:
    """One wire protocol. All functions are pure; decoders raise NotUnderstood and nothing else."""

    name: str
    peek: Callable[[bytes], Peek]  # request body
    rename_model: Callable[[bytes, str], bytes]  # request body, upstream's name: edited in place
    decode_response: Callable[[bytes], list[StreamEvent]]  # whole answer (2xx, not streamed)
    stream_decoder: Callable[[str], StreamDecoder]  # by the answer's content-type
    decode_failure: Callable[[int, Mapping[str, str], bytes], Failure]  # status, headers, body
    render_failure: Callable[[Failure, str], bytes]  # failure, request id: JSON body
    render_stream_failure: Callable[[Failure, str], bytes]  # the same inside a started stream
    failure_headers: Callable[[Failure], dict[str, str]]  # retry-after and what the SDKs read


@cache
def discover() -> dict[str, Protocol]:
    """Every protocol folder beside this file, by name."""
    import translators

    found: dict[str, Protocol] = {}
    for module in pkgutil.iter_modules(translators.__path__):
        if module.ispkg and module.name != "canonical":
            protocol: Protocol = importlib.import_module(f"translators.{module.name}").PROTOCOL
            found[protocol.name] = protocol
    return found
