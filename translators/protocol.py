"""The contract a protocol must meet: one frozen dataclass of functions, and how protocols are
found.

The folder is the protocol, the file is the artefact, the function is the direction. Each protocol
folder exports PROTOCOL from its `__init__.py`; `discover()` lists the folders, so a further
protocol is one folder and no line elsewhere.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from typing import Protocol as TypingProtocol

from translators.canonical.capabilities import Capabilities
from translators.canonical.failure import Failure
from translators.canonical.loss import Encoded, Loss, is_neutral
from translators.canonical.quota import Quota
from translators.canonical.reply import ReplyContext
from translators.canonical.request import Request
from translators.canonical.response import Response
from translators.canonical.stream import StreamEvent


class NotUnderstood(ValueError):
    """The outside world sent bytes that this protocol cannot read. Answer 400 (a caller) or 502.

    `param` is the caller's own field where a decoder refuses, a neutral name where an encoder does.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Peek:
    """What the gateway must know of a request body before it can send it on unchanged."""

    model: str | None
    stream: bool
    max_output_tokens: int | None = None  # of each of its answers
    choices: int = 1  # how many answers it wants
    previous_id: str | None = None  # the stored answer that this request continues
    stored: bool = False  # the upstream will keep the answer
    unserved: str | None = None  # a field whose meaning this gateway cannot keep yet
    answer_in: str | None = None  # the protocol whose format the answer should have


class StreamDecoder(TypingProtocol):
    """Two verbs. `feed` returns nothing when it needs more; `close` on an unfinished stream yields
    exactly one Truncated, on a finished one nothing."""

    def feed(self, data: bytes) -> list[StreamEvent]: ...

    def close(self) -> list[StreamEvent]: ...


class StreamEncoder(TypingProtocol):
    """Events in, bytes of the client's stream out.

    It takes the events of a decoder in the order that translators/ordering.py promises, writes its
    dialect's terminal events at Ended, and its own form of an error at Failed and Truncated: never
    a fabricated end. `ping` is a sign of life that the dialect's clients ignore; empty where there
    is none. `losses` is what could not be said so far.
    """

    @property
    def content_type(self) -> str: ...

    @property
    def losses(self) -> tuple[Loss, ...]: ...

    def write(self, event: StreamEvent) -> bytes: ...

    def ping(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What tools and the ids of calls may look like in a dialect; see translators/tools.py.

    `name_pattern` and `id_pattern` match a whole permitted name or id of at most `name_most` and
    `id_most` characters. `origins` are the prefixes of the built-in tools that are declared in the
    dialect's own way; all others become functions.
    """

    name_pattern: str
    name_most: int
    id_pattern: str
    id_most: int
    freeform: bool = False
    namespaces: bool = False
    origins: tuple[str, ...] = ()
    cached_search: bool = False  # a search can be held to what was found before


CapFields = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Counting:
    """How a dialect counts the tokens of a request without answering it."""

    path: Callable[[str], str]  # upstream's model name -> path after the version
    encode: Callable[[Request, Capabilities], Encoded]  # the body of the question
    decode: Callable[[bytes], int]  # the answer; NotUnderstood
    render: Callable[[int], bytes]  # an answer of our own


@dataclass(frozen=True, slots=True)
class State:
    """What a dialect's server remembers of its answers, where the gateway remembers in its place.

    `kept` is a text that only these functions read: the whole conversation up to an answer.
    """

    expand: Callable[[bytes, bytes], bytes]  # request body, kept -> body with the whole history
    keep: Callable[[bytes, bytes], bytes]  # request body (expanded), answer -> kept
    show: Callable[[bytes], bytes]  # kept -> the stored answer
    show_input: Callable[[bytes, str], bytes]  # kept, query -> the list of its input
    show_deleted: Callable[[str], bytes]  # id -> what is said of an answer that was deleted
    id_of: Callable[[ReplyContext], str]  # the id that an answer gets


@dataclass(frozen=True, slots=True)
class Protocol:
    """One wire protocol. All functions are pure; decoders raise NotUnderstood and nothing else.

    The first group reads and edits what passes unchanged, the second translates.
    """

    name: str
    peek: Callable[[bytes], Peek]  # request body
    rename_model: Callable[[bytes, str], bytes]  # request body, upstream's name: edited in place
    observe_response: Callable[[bytes], list[StreamEvent]]  # whole answer (2xx, not streamed)
    stream_observer: Callable[[str], StreamDecoder]  # by the answer's content-type
    decode_failure: Callable[[int, Mapping[str, str], bytes], Failure]  # status, headers, body
    render_failure: Callable[[Failure, str], bytes]  # failure, request id: JSON body
    render_stream_failure: Callable[[Failure, str], bytes]  # the same inside a started stream
    failure_headers: Callable[[Failure], dict[str, str]]  # retry-after and what the SDKs read

    decode_request: Callable[[bytes], Request]  # NotUnderstood names the field
    encode_request: Callable[[Request, Capabilities], Encoded]
    request_path: Callable[[str, bool], str]  # model, streamed -> path after the version
    decode_response: Callable[[bytes, str], Response]  # whole answer, issuer of its seals
    encode_response: Callable[[Response, ReplyContext], Encoded]
    stream_decoder: Callable[[str, str], StreamDecoder]  # content-type, issuer of its seals
    stream_encoder: Callable[[ReplyContext], StreamEncoder]
    tool_rules: ToolRules
    fields: Mapping[str, str]  # neutral names -> this dialect's own fields, where they differ
    counting: Counting | None  # None: this dialect cannot count
    state: State | None = None  # None: this dialect's server remembers nothing
    # What is left of the caller's limits, and the time (Unix, ms) -> the dialect's headers.
    quota_headers: Callable[[Iterable[Quota], int], dict[str, str]] = lambda quotas, now_ms: {}
    # The paths under which the body has its output cap; empty: it cannot be lowered.
    cap_fields: CapFields = ()
    # The fields whose values are the text of a stream: to count what is not parsed.
    text_fields: tuple[str, ...] = ()
    # The same of a whole answer, where a stream says its text in other fields.
    whole_text_fields: tuple[str, ...] = ()
    # Of how many rounds of the provider's own tools the usage of one answer may be the sum.
    rounds: int = 1
    no_seal: str | None = None  # what a tool call may bear where its own sealed value is lost
    # What a body with tool calls has in it, where requests have no field for their sealed values.
    unsealed_calls: bytes | None = None
    demanded: Mapping[str, str] = field(default_factory=dict)  # headers that its server insists on
    telltales: tuple[str, ...] = ()  # fields that only this dialect's requests have; see `is_told`
    overloaded_status: int = 503  # how its clients are told that a model has too much to do
    wants_events: Callable[[str], bool] = lambda query: True  # by the query: SSE, or a JSON array

    def own_name(self, field: str | None) -> str | None:
        """What a caller of this dialect calls a field: for a neutral name his own field, or the one
        that holds it; any other is his own already."""
        if field is None or not is_neutral(field):
            return field
        name = str(field)
        while name and name not in self.fields:
            name = name.rpartition(".")[0]
        return self.fields.get(name, str(field))

    def is_told(self, request: Mapping[str, Any]) -> bool:
        """Whether a body, parsed, can be no other dialect's. `tools[].x`: a field of the first
        tool."""
        tools = request.get("tools")
        first = tools[0] if isinstance(tools, list) and tools else None
        fields = set(request)
        if isinstance(first, dict):
            fields |= {f"tools[].{name}" for name in first}
        return not fields.isdisjoint(self.telltales)


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
