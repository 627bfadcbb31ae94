"""What comes in and what goes out, before and after the wire: plain values, no I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.script import DEFAULT, ErrorSpec, Script, StreamErrorSpec

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Call:
    """One request. `path` has no query; `headers` have lower-case names (the last of a name
    wins)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    json: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    action: str = ""
    files: dict[str, list[bytes]] = field(default_factory=dict)
    key: str | None = None
    script: Script = DEFAULT
    raw_path: str = ""  # as it came, not decoded
    raw_query: str = ""


@dataclass(slots=True)
class Reply:
    """A whole answer. `headers` exclude content-length, which is set when it is sent."""

    status: int
    headers: Headers
    body: bytes


@dataclass(slots=True)
class Stream:
    """A streamed answer: its events as bytes, how many at the end say 'this is the end', the
    provider's way of failing inside it, and what it sends to keep the line open (None: nothing)."""

    headers: Headers
    events: list[bytes]
    terminal: int
    failure: Callable[[StreamErrorSpec, int], list[bytes]]
    ping: bytes | None
    sse: bool = True


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


class Refused(Exception):
    """The provider rejects the request: answer its error. Nothing else of the call is done."""

    def __init__(self, spec: ErrorSpec) -> None:
        super().__init__(spec.message)
        self.spec = spec


def refused(
    status: int,
    message: str,
    *,
    type: str | None = None,
    code: str | None = None,
    param: str | None = None,
) -> Refused:
    """A refusal in one line."""
    return Refused(ErrorSpec(status=status, message=message, type=type, code=code, param=param))


@dataclass(frozen=True, slots=True)
class Dialect:
    """What every endpoint of one provider has in common."""

    name: str
    error: Callable[[ErrorSpec, str], bytes]  # the error body, given the request id
    headers: Callable[[Call], Headers]  # what every answer carries
    error_headers: Callable[[ErrorSpec], Headers]  # what an error carries besides
    key: Callable[[Call], str | None]  # the credential, wherever it is
    unauthorized: Callable[[Call], Refused]  # the key is missing (None) or wrong
    malformed: Callable[[Call, str], Refused]  # the body is not JSON, or not an object
    unknown_model: Callable[[Call], Refused]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `answer` and `validate` may raise Refused; `last_text` is the text of the last
    user message, where directives live; `body` says how the request body is read (json, form,
    none); `admit` judges who asks where a key alone does not say it, and raises Refused."""

    dialect: Dialect
    answer: Callable[[Call], Reply | Stream]
    last_text: Callable[[Call], str] = lambda call: ""
    validate: Callable[[Call], None] | None = None
    body: str = "json"
    admit: Callable[[Call], None] | None = None
