"""What the simulator can be told to do: one frozen model, parsed from JSON, closed to unknown keys.

A script says what the answer is (parts, usage, finish), how it is sent (chunks, delays, pings) and
how it goes wrong (errors, truncation, silence). It is the same for every protocol; each provider's
package renders it in its own shape. Times are milliseconds; positions count stream events from 0.

The table in simulator/README.md lists every field; a test compares the two.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_CHUNKS = 100_000  # a stream is built before it is sent: this bounds its memory
MAX_DELAY_MS = 600_000  # the longest silence that any client of ours waits for


class BadScript(ValueError):
    """The script is not one: say which field is wrong and send it again."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextPart(_Closed):
    """Visible text."""

    kind: Literal["text"] = "text"
    text: str


class ThinkingPart(_Closed):
    """Reasoning with the provider's signature. `hidden`: the text is withheld, the signature
    stays."""

    kind: Literal["thinking"] = "thinking"
    text: str
    hidden: bool = False
    signature: str | None = None  # None: signed by the simulator; a text is sent as it is


class RedactedPart(_Closed):
    """Reasoning that is never shown (Anthropic redacted_thinking; hidden thinking elsewhere)."""

    kind: Literal["redacted"] = "redacted"
    text: str = "redacted"


class ToolPart(_Closed):
    """A call of a client's tool. `arguments` as an object, or as raw text that may be broken
    JSON."""

    kind: Literal["tool"] = "tool"
    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    id: str | None = None
    custom: bool = False  # a freeform tool: `arguments` is its raw input text
    namespace: str | None = None


class ImagePart(_Closed):
    """A picture out: base64 data, or a generated PNG when absent."""

    kind: Literal["image"] = "image"
    data: str | None = None
    mime_type: str = "image/png"


class RefusalPart(_Closed):
    """The model declines, in the provider's way of saying so."""

    kind: Literal["refusal"] = "refusal"
    text: str = "I can't help with that."


class WebSearchPart(_Closed):
    """A search that the provider ran itself, with one result that the text may cite."""

    kind: Literal["web_search"] = "web_search"
    query: str = "weather"
    url: str = "https://example.com/"
    title: str = "Example"


class RawPart(_Closed):
    """A native block (Anthropic), item (Responses), message field set (Chat) or part (Gemini)."""

    kind: Literal["raw"] = "raw"
    value: dict[str, Any]


Part = Annotated[
    TextPart
    | ThinkingPart
    | RedactedPart
    | ToolPart
    | ImagePart
    | RefusalPart
    | WebSearchPart
    | RawPart,
    Field(discriminator="kind"),
]


class Usage(_Closed):
    """Token figures, the same meaning for every provider: `input` excludes everything cached,
    `output` includes `reasoning`. None means that the simulator counts (four characters a
    token)."""

    input: int | None = None
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int | None = None
    reasoning: int = 0
    tool_prompt: int = 0  # Gemini toolUsePromptTokenCount
    audio_input: int = 0  # of the input, as are images; beside it where images are made
    audio_output: int = 0  # of the output, as are images; in Responses they are the image tool's
    image_input: int = 0
    image_output: int = 0
    web_searches: int = 0
    absent: bool = False  # the provider sends no usage at all
    raw: dict[str, Any] = Field(default_factory=dict)  # merged over the native object at the end


HttpStatus = Annotated[int, Field(ge=200, le=599)]


class ErrorSpec(_Closed):
    """An error in the provider's own shape. What is None takes the provider's usual value for
    the status."""

    status: HttpStatus = 500
    type: str | None = None
    message: str | None = None
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)


class StreamErrorSpec(ErrorSpec):
    """The same inside a stream that has begun: sent instead of event `at`, then the stream ends."""

    at: int = 3
    status: HttpStatus = 529


class Inject(_Closed):
    """An extra event before event `at`: JSON `data` (with an event name where given) or `raw`
    bytes."""

    at: int = 1
    event: str | None = None
    data: dict[str, Any] | None = None
    raw: str | None = None


class RawAnswer(_Closed):
    """An HTTP answer exactly as given, whatever the protocol."""

    status: HttpStatus = 200
    content_type: str = "text/plain"
    body: str = ""
    headers: dict[str, str] = Field(default_factory=dict)


Chunks = Annotated[int, Field(ge=1, le=MAX_CHUNKS)]
Delay = Annotated[int, Field(ge=0, le=MAX_DELAY_MS)]
Position = Annotated[int, Field(ge=0)]


class Script(_Closed):
    """One answer. Every field has a default; the empty script is the default answer."""

    # what the answer is
    text: str | None = None
    thinking: str | None = None
    thinking_hidden: bool | None = None
    tools: tuple[ToolPart, ...] = ()
    images: Annotated[int, Field(ge=0, le=10)] = 0
    refusal: str | None = None
    parts: tuple[Part, ...] | None = None
    echo: bool = False
    finish: str | None = None
    stop_sequence: str | None = None
    usage: Usage = Usage()
    model: str | None = None
    service_tier: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    # how it is sent
    chunks: Chunks | None = None
    chunk_bytes: Chunks | None = None
    coalesce: Chunks = 1
    delay_headers_ms: Delay = 0
    delay_first_ms: Delay = 0
    delay_between_ms: Delay = 0
    delay_end_ms: Delay = 0
    pings: Annotated[int, Field(ge=0, le=1000)] = 0
    inject: tuple[Inject, ...] = ()
    sse: Literal["lf", "crlf", "cr", "no_space", "bom", "multiline"] = "lf"
    gzip: bool = False
    # how it goes wrong
    error: ErrorSpec | None = None
    stream_error: StreamErrorSpec | None = None
    truncate_after: Position | None = None
    truncate_bytes: Position | None = None
    no_terminal: bool = False
    bad_frame_at: Position | None = None
    hang_after: Position | None = None
    drop: bool = False
    html: bool = False
    raw: RawAnswer | None = None
    # how strict the provider is
    lenient: bool = False


DEFAULT = Script()


def parse_script(text: str | bytes) -> Script:
    """A script from JSON. Raises BadScript naming the field."""
    try:
        return Script.model_validate_json(text)
    except ValidationError as error:
        raise BadScript(_explain(error)) from None


def script_of(value: object) -> Script:
    """A script from a parsed JSON value. Raises BadScript naming the field."""
    try:
        return Script.model_validate(value)
    except ValidationError as error:
        raise BadScript(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"]) or "script"
    return f"simulator: bad script: {where}: {first['msg']}"
