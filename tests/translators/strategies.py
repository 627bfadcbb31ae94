"""Requests and answers in neutral words, for Hypothesis to draw.

They are what a decoder could have made: calls have ids that match their results, tools that are
chosen are declared, roles carry what they can carry. Broken histories are the cases' business.
"""

import json
from typing import Any

from hypothesis import strategies as st

from translators.canonical.effort import Effort
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    Turn,
)
from translators.canonical.response import Response
from translators.canonical.usage import Usage

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
# Visible text: what awkward characters do is asked too. Surrogates are no JSON.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x00")
WORDS = st.text(CHARACTERS, min_size=1, max_size=20).filter(lambda text: text.strip() == text)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(CHARACTERS, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(NAMES, JSON, max_size=3).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
)
SCHEMAS = st.lists(NAMES, max_size=3, unique=True).map(
    lambda names: {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names[:1],
    }
)
IMAGES = st.just(Media(MediaKind.IMAGE, Inline(PNG), "image/png"))
TOOLS = st.lists(
    st.builds(Tool, name=NAMES, description=WORDS, schema=SCHEMAS),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: tool.name,
)


@st.composite
def exchanges(draw: st.DrawFn, names: list[str], number: int) -> list[Turn]:
    """A turn of the user, the assistant's answer, and the results of its calls."""
    said: list[Part] = [Text(draw(WORDS))]
    if draw(st.booleans()):
        said.insert(0, draw(IMAGES))
    calls = [
        ToolCall(f"call_{number}_{at}", draw(st.sampled_from(names)), draw(ARGUMENTS))
        for at in range(draw(st.integers(0, 3)) if names else 0)
    ]
    texts = [Text(draw(WORDS))] if draw(st.booleans()) or not calls else []
    turns = [Turn(Role.USER, tuple(said)), Turn(Role.ASSISTANT, (*texts, *calls))]
    if calls:
        results = [
            ToolResult(call.id, (Text(draw(WORDS)),), is_error=draw(st.booleans()), name=call.name)
            for call in calls
        ]
        turns.append(Turn(Role.USER, tuple(results)))
        turns.append(Turn(Role.ASSISTANT, (Text(draw(WORDS)),)))
    return turns


SAMPLINGS = st.builds(
    Sampling,
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0, 1.7, 2.0]),
    top_p=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    top_k=st.none() | st.integers(1, 500),
    seed=st.none() | st.integers(0, 2**31 - 1),
    presence_penalty=st.none() | st.sampled_from([-2.0, 0.5, 2.0]),
    frequency_penalty=st.none() | st.sampled_from([-2.0, 0.5, 2.0]),
    stop=st.lists(WORDS, max_size=6, unique=True).map(tuple),
)
WISHES = (
    st.none()
    | st.builds(ReasoningWish, effort=st.sampled_from(Effort))
    | st.builds(ReasoningWish, budget_tokens=st.integers(1_024, 30_000))
    | st.just(ReasoningWish(off=True))
)
FORMATS = st.none() | st.builds(
    OutputFormat, kind=st.just(FormatKind.JSON_SCHEMA), schema=SCHEMAS, name=NAMES
)


@st.composite
def choices_of(draw: st.DrawFn, names: list[str]) -> ToolChoice | None:
    mode = draw(st.sampled_from([None, *ToolMode]))
    if mode is None or not names:
        return None
    named = mode is ToolMode.REQUIRED and draw(st.booleans())
    return ToolChoice(mode, (draw(st.sampled_from(names)),) if named else ())


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A whole request that ends with the user or, in a tool loop, with results."""
    tools = draw(st.just([]) | TOOLS)
    names = [tool.name for tool in tools]
    turns = [Turn(Role.SYSTEM, (Text(draw(WORDS)),))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(0, 2))):
        turns += draw(exchanges(names, number))
    in_a_loop = len(turns) > 2 and isinstance(turns[-2].parts[0], ToolResult)
    if in_a_loop and draw(st.booleans()):
        turns.pop()
    else:
        turns.append(Turn(Role.USER, (Text(draw(WORDS)),)))
    return Request(
        model="a-model",
        turns=tuple(turns),
        tools=tuple(tools),
        tool_choice=draw(choices_of(names)),
        parallel_tool_calls=draw(st.sampled_from([None, False])) if names else None,
        sampling=draw(SAMPLINGS),
        max_output_tokens=draw(st.none() | st.integers(40_000, 60_000)),
        reasoning=draw(WISHES),
        output_format=draw(FORMATS),
        verbosity=draw(st.sampled_from([None, "low", "high"])),
        service_tier=draw(st.sampled_from([None, "flex", "priority"])),
        user=draw(st.none() | NAMES),
        stream=draw(st.booleans()),
    )


USAGES = st.builds(
    Usage,
    input_tokens=st.integers(0, 10_000),
    cache_read_tokens=st.none() | st.integers(0, 10_000),
    output_tokens=st.integers(0, 10_000),
    reasoning_tokens=st.none() | st.integers(0, 10_000),
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """A whole answer: reasoning, text, calls, or a refusal."""
    parts: list[Part] = []
    if draw(st.booleans()):
        parts.append(Reasoning(draw(WORDS)))
    reason = draw(st.sampled_from([Reason.STOP, Reason.LENGTH, Reason.TOOL_CALLS, Reason.REFUSAL]))
    if reason is Reason.REFUSAL:
        parts.append(Refusal(draw(WORDS)))
    elif reason is not Reason.TOOL_CALLS or draw(st.booleans()):
        parts.append(Text(draw(WORDS)))
    if reason is Reason.TOOL_CALLS:
        parts += [
            ToolCall(f"call_{at}", draw(NAMES), draw(ARGUMENTS))
            for at in range(draw(st.integers(1, 3)))
        ]
    return Response("answer_1", "a-model", tuple(parts), Finish(reason, None), draw(USAGES))
