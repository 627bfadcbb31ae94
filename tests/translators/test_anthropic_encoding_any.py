"""Any request for any model, also such as no decoder would make: what is written for the Messages
API is never refused by it."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.signature import seal
from tests.translators.test_anthropic_encoding import PDF, PNG, refusal
from translators.anthropic import PROTOCOL
from translators.anthropic.request_encoding_tools import TOOL_RULES
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import Effort
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Found,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import (
    FormatKind,
    HostedTool,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    Turn,
    WebSearch,
)
from translators.canonical.sealed import Sealed
from translators.protocol import NotUnderstood
from translators.tools import fitted

FLAG, FRACTION = st.booleans(), st.floats(-1, 3, allow_nan=False)
WORD = st.sampled_from(["", " ", "\n", "a", "a ", "b c", "👋", '"'])
ID = st.sampled_from(["t1", "t2", "call:3", "toolu_1"])
NAME = st.sampled_from(["f", "g", "web_search", "mcp.x/y"])
MARK = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h"]))
SEAL = st.none() | st.sampled_from([Sealed("anthropic", seal("anthropic", "hm")), Sealed("x", "y")])
ORIGIN = st.sampled_from([None, "bash_20250124", "local_shell"])
SOURCE = st.one_of(
    st.builds(Inline, st.sampled_from([PNG, PDF, "aGk=", ""])),
    st.builds(Located, st.sampled_from(["https://x", "gs://x", f"data:image/png;base64,{PNG}"])),
    st.builds(Plain, WORD),
)
MEDIA = st.builds(
    Media,
    st.sampled_from([MediaKind.IMAGE, MediaKind.DOCUMENT]),
    SOURCE,
    st.sampled_from([None, "image/jpeg", "application/pdf", "text/csv", "x/y"]),
    name=st.none() | WORD,
    detail=st.sampled_from([None, "low"]),
    title=st.none() | WORD,
    cited=FLAG,
    cache=MARK,
)
CITATION = st.builds(Citation, st.sampled_from([None, "https://x"]), quoted=st.none() | WORD)
TEXT = st.builds(Text, WORD, st.lists(CITATION, max_size=2).map(tuple), SEAL, MARK)
PART = st.one_of(
    TEXT,
    MEDIA,
    st.builds(Reasoning, st.just("hm"), SEAL, FLAG),
    st.builds(
        ToolCall,
        ID,
        NAME,
        st.sampled_from(["", "{}", '{"a":1}', "[", "free", "null"]),
        st.sampled_from(ToolKind),
        origin=ORIGIN,
        sealed=SEAL,
        cache=MARK,
    ),
    st.builds(ToolResult, ID, st.lists(TEXT | MEDIA, max_size=2).map(tuple), FLAG, cache=MARK),
    st.builds(Refusal, WORD),
    st.builds(
        SearchCall,
        st.sampled_from(["srvtoolu_1", "ws_1"]),
        st.just(("q",)),
        st.lists(st.builds(Found, st.just("https://x"), sealed=SEAL), max_size=2).map(tuple),
    ),
    st.builds(Opaque, st.sampled_from(["gemini", "openai_chat"]), st.just("x"), st.just({})),
)
TURN = st.builds(Turn, st.sampled_from(Role), st.lists(PART, max_size=4).map(tuple))
SCHEMA: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        [
            {},
            {"type": "string", "minLength": 2},
            {"type": ["string", "null"]},
            {"type": "array", "items": {"type": "integer"}},
            {"enum": ["a", None]},
            {"$ref": "#/$defs/X"},
            {"type": "odd"},
        ]
    ),
    lambda inner: st.builds(
        lambda word, one, two: {
            "properties": {"type": "object", "properties": {"a": one, "b": two}, "required": ["a"]},
            "anyOf": {"anyOf": [one, two]},
            "allOf": {"type": "object", "allOf": [one, two]},
            "$defs": {"$ref": "#/$defs/X", "$defs": {"X": one}},
        }[word],
        st.sampled_from(["properties", "anyOf", "allOf", "$defs"]),
        inner,
        inner,
    ),
    max_leaves=4,
)
TOOL = st.one_of(
    st.builds(
        Tool,
        NAME,
        st.none() | WORD,
        st.none() | SCHEMA,
        st.none() | FLAG,
        origin=ORIGIN,
        cache=MARK,
    ),
    st.builds(WebSearch, max_uses=st.none() | st.just(3), blocked_domains=st.just(("x.org",))),
    st.builds(HostedTool, st.just("gemini"), st.just("x"), st.just({})),
)
CHOICE = st.none() | st.builds(
    ToolChoice, st.sampled_from(ToolMode), st.lists(NAME, max_size=2, unique=True).map(tuple)
)
WISH = st.none() | st.one_of(
    st.builds(ReasoningWish, effort=st.none() | st.sampled_from(Effort), off=FLAG, adaptive=FLAG),
    st.builds(ReasoningWish, budget_tokens=st.integers(-1, 10**6), summary=st.just("none")),
)
FORMAT = st.none() | st.builds(
    OutputFormat, st.sampled_from(FormatKind), st.none() | SCHEMA, st.none() | WORD
)
SAMPLING = st.builds(
    Sampling,
    st.none() | FRACTION,
    st.none() | FRACTION,
    st.none() | st.just(5),
    stop=st.lists(WORD, max_size=3).map(tuple),
)
REQUEST = st.builds(
    Request,
    st.just("m"),
    st.lists(TURN, max_size=6).map(tuple),
    st.lists(TOOL, max_size=4).map(tuple),
    CHOICE,
    st.none() | FLAG,
    SAMPLING,
    st.none() | st.integers(1, 100_000),
    WISH,
    FORMAT,
    cache_mark=MARK,
    user=st.none() | st.just("u" * 300),
)
CAPABILITIES = st.builds(
    Capabilities,
    max_output_tokens=st.none() | st.just(8_000),
    sampling=FLAG,
    thinking=st.sampled_from(Thinking),
    thinking_off=FLAG,
    efforts=st.sampled_from([(), (Effort.MINIMAL, Effort.HIGH)]),
    forced_tools=FLAG,
    mid_conversation_system=FLAG,
    prefill=FLAG,
    structured_output=FLAG,
    images=FLAG,
    documents=FLAG,
    web_search=FLAG,
)


@settings(max_examples=300, deadline=None)
@given(REQUEST, CAPABILITIES)
def test_what_is_written_is_never_refused(request: Request, capabilities: Capabilities) -> None:
    fitting, _, _ = fitted(request, TOOL_RULES)
    try:
        encoded = PROTOCOL.encode_request(fitting, capabilities)
    except NotUnderstood as error:
        assert error.param in ("prefill", "tool_choice")
        return
    assert refusal(orjson.loads(encoded.body)) is None
    assert PROTOCOL.decode_request(encoded.body).model == "m", "what we write we read"
