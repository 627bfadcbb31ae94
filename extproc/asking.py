"""What a caller asks, read from path, headers and body, just far enough to know where it may go.

Where the body passes unchanged, nothing but the model, the wish for a stream and references to
stored answers are read. It is decoded whole only for an upstream of another protocol, or where the
caller asks for something that only the gateway can give (extproc/translation.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

from extproc.doors import Opened
from extproc.world import World
from translators import stripping
from translators.canonical.failure import Failure, Kind
from translators.canonical.request import Request
from translators.edit import multipart_field
from translators.fields import choices, read_request, wanted_text
from translators.protocol import NotUnderstood, Peek

if TYPE_CHECKING:
    from catalog import Surface

MAX_MODEL = 256  # characters: names are remembered, and clients choose them

# Stored answers have no model in their path; this is what their usage records say.
STORED = "stored-response"

STRICT_HEADER = "x-clavis-strict"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants.

    `pin` is the id of a stored answer that decides the account or brings the history. `answer_in`
    is the protocol of the answer, where the body asks for another than its own. `request` is the
    decoded body, once something was put into it that the bytes do not have. `counts`: only a number
    of tokens is wanted. `dry` is set for a dry run: the protocol to convert to, "" for the route's.
    """

    opened: Opened
    model: str
    streamed: bool
    body: bytes | None
    content_type: str
    pin: str | None = None
    keeps_answer: bool = False
    output_cap: int | None = None  # the most tokens that the caller wants of each answer
    choices: int = 1  # how many answers he wants
    answer_in: str | None = None
    strict: bool = False
    carries: bool = False  # the body may hold sealed values of a translated exchange
    request: Request | None = None
    rewritten: bool = False  # `body` is not what Envoy has any more
    dry: str | None = None
    betas: str = ""  # the header anthropic-beta

    @property
    def content_type_is_json(self) -> bool:
        """A form has its fields in other places."""
        return not self.content_type[:10].lower().startswith("multipart/")

    @property
    def dialect(self) -> str:
        """The protocol in which the caller is answered."""
        return self.answer_in or self.opened.door.protocol

    @property
    def counts(self) -> bool:
        return self.opened.door.kind in ("count_tokens", "input_tokens")


def read(
    world: World, opened: Opened, headers: dict[str, str], body: bytes | None
) -> Asked | Failure:
    """The request as far as the gateway must understand it."""
    content_type = headers.get("content-type", "")
    if opened.door.stored:
        return Asked(opened, STORED, False, body, content_type, pin=opened.subject)
    if headers.get("content-encoding", "identity") != "identity":
        return Failure(Kind.INVALID_REQUEST, "Send the request body uncompressed.", status=415)
    if not body:
        return Failure(Kind.INVALID_REQUEST, "The request body is empty; send JSON.")
    try:
        asked = _read_body(world, opened, content_type, body)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    if isinstance(asked, Failure):
        return asked
    return replace(
        asked,
        streamed=asked.streamed and not asked.counts,
        strict=headers.get(STRICT_HEADER, "").lower() in ("true", "1"),
        carries=opened.door.convertible and stripping.carries(body),
        betas=headers.get("anthropic-beta", ""),
    )


def _read_body(world: World, opened: Opened, content_type: str, body: bytes) -> Asked | Failure:
    if opened.door.multipart and content_type[:19].lower() == "multipart/form-data":
        model = multipart_field(body, content_type, "model")
        streamed = multipart_field(body, content_type, "stream") in ("true", "True", "1")
        asked = _asked(opened, model, streamed, body, content_type)
        if isinstance(asked, Failure):
            return asked
        return replace(asked, choices=choices(multipart_field(body, content_type, "n")))
    dry = None
    if opened.door.kind == "convert":
        opened, dry = _dry_run(world, opened, body)
    peek = world.protocol(opened.door.protocol).peek(body)
    asked = _asked(opened, opened.model or peek.model, peek.stream, body, content_type)
    if isinstance(asked, Failure):
        return asked
    asked = replace(asked, output_cap=peek.max_output_tokens, choices=peek.choices)
    if dry is not None:
        return replace(asked, dry=dry)
    if opened.door.kind == "responses":
        return _with_state(asked, peek)
    if peek.answer_in is not None and opened.door.kind == "chat":
        return replace(asked, answer_in=peek.answer_in)
    return asked


def answer_in(world: World, opened: Opened, body: bytes | None) -> str | None:
    """The format in which a body asks to be answered, though the rest of it be wrong."""
    if opened.door.kind != "chat" or not body:
        return None
    try:
        return world.protocol(opened.door.protocol).peek(body).answer_in
    except NotUnderstood:
        return None


def _with_state(asked: Asked, peek: Peek) -> Asked | Failure:
    """What a request says of state at the server."""
    if peek.unserved is not None:
        return Failure(
            Kind.INVALID_REQUEST,
            f"`{peek.unserved}` refers to state that this gateway does not keep; "
            "use previous_response_id, or send the whole input.",
            code="unsupported_parameter",
            param=peek.unserved,
        )
    return replace(asked, pin=peek.previous_id, keeps_answer=peek.stored)


def _asked(
    opened: Opened, model: str | None, streamed: bool, body: bytes, content_type: str
) -> Asked | Failure:
    if not model:
        return Failure(Kind.INVALID_REQUEST, "The field `model` is required.", param="model")
    if len(model) > MAX_MODEL:
        return Failure(Kind.NOT_FOUND, "There is no model with so long a name.", param="model")
    return Asked(opened, model, streamed or opened.streamed, body, content_type)


def _dry_run(world: World, opened: Opened, body: bytes) -> tuple[Opened, str]:
    """The door through which the body would have come, and the protocol to convert it to."""
    asked = parse_qs(opened.query)
    request = read_request(body)
    source = asked.get("from", [""])[0] or _guess(world, opened, request)
    target = asked.get("to", [""])[0]
    for name, value in (("from", source), ("to", target)):
        if value and value not in world.protocols:
            known = ", ".join(world.protocols)
            raise NotUnderstood(f"'{name}' must be one of {known}.", param=name)
    # The surface of a chat protocol has the protocol's name.
    door = replace(opened.door, protocol=source, surface=cast("Surface", source))
    model = asked.get("model", [None])[0] or wanted_text(request, "model")
    return replace(opened, door=door, query="", model=model), target


def _guess(world: World, opened: Opened, request: Mapping[str, Any]) -> str:
    """The protocol of a body that does not say so, by the fields that only one of them has."""
    told = (name for name, protocol in world.protocols.items() if protocol.is_told(request))
    return next(told, opened.door.protocol)


def pin_missing(asked: Asked) -> Failure:
    """The stored answer is not there, is not this customer's, or is too old."""
    if asked.opened.door.stored:
        return Failure(
            Kind.NOT_FOUND, "There is no stored response with this id.", param="response_id"
        )
    return Failure(
        Kind.INVALID_REQUEST,
        "The previous response was not found.",
        code="previous_response_not_found",
        param="previous_response_id",
    )
