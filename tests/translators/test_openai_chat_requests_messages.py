"""Messages of a Chat Completions request: turns, parts, calls and results."""

from typing import Any

import pytest

from tests.translators.test_openai_chat_requests import SCHEMA, USER, decoded
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Role, Tool, ToolChoice, ToolMode, Turn
from translators.canonical.sealed import Sealed

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"
PDF = "JVBERi0xLjQK"


def turns(*messages: Any) -> tuple[Turn, ...]:
    return decoded(messages=list(messages)).turns


def parts(content: Any, role: str = "user", **more: Any) -> tuple[Part, ...]:
    return turns({"role": role, "content": content, **more})[0].parts


def said(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def older(arguments: str) -> dict[str, Any]:
    """A message with the one call that the older form knows."""
    call = {"name": "f", "arguments": arguments}
    return {"role": "assistant", "content": None, "function_call": call}


def test_turns_stand_in_their_order_and_system_keeps_its_place() -> None:
    """1.1, 1.2: developer is the operator's voice; nothing is hoisted, merged or joined."""
    assert turns(
        {
            "role": "system",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        },
        USER,
        {"role": "developer", "content": "c", "name": "ops"},
        {"role": "user", "content": "d", "name": "ann"},
    ) == (
        Turn(Role.SYSTEM, (Text("a"), Text("b"))),
        Turn(Role.USER, (Text("Hi"),)),
        Turn(Role.SYSTEM, (Text("c"),), "ops"),
        Turn(Role.USER, (Text("d"),), "ann"),
    )


CONTENT: dict[str, tuple[Any, tuple[Part, ...]]] = {
    "nothing": (None, ()),
    "an empty string": ("", ()),
    "a string": (" \u2028", (Text(" \u2028"),)),
    "a data url": (
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
        (Media(MediaKind.IMAGE, Inline(PNG), "image/png"),),
    ),
    "a data url with a parameter (4.3)": (
        [{"type": "image_url", "image_url": {"url": f"data:image/png;charset=utf-8;base64,{PNG}"}}],
        (Media(MediaKind.IMAGE, Inline(PNG), "image/png"),),
    ),
    "an address, with detail": (
        [{"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}],
        (Media(MediaKind.IMAGE, Located("https://x/y.png"), detail="high"),),
    ),
    "an address alone": (
        [{"type": "image_url", "image_url": "https://x/y.png"}],
        (Media(MediaKind.IMAGE, Located("https://x/y.png")),),
    ),
    "sound": (
        [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}}],
        (Media(MediaKind.AUDIO, Inline("UklGRg=="), "audio/mpeg"),),
    ),
    "a file": (
        [
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            }
        ],
        (Media(MediaKind.DOCUMENT, Inline(PDF), "application/pdf", name="a.pdf"),),
    ),
    "a file as bare base64": (
        [{"type": "file", "file": {"file_data": PDF}}],
        (Media(MediaKind.DOCUMENT, Inline(PDF), "application/pdf"),),
    ),
    "a stored file": (
        [{"type": "file", "file": {"file_id": "file-1"}}],
        (Media(MediaKind.DOCUMENT, Filed("openai_chat", "file-1")),),
    ),
    "a film": (
        [{"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}],
        (Media(MediaKind.VIDEO, Located("https://x/y.mp4")),),
    ),
    "an unknown part": (
        [{"type": "hologram", "hologram": {"z": 1}}],
        (Opaque("openai_chat", "hologram", {"type": "hologram", "hologram": {"z": 1}}),),
    ),
    "marks": (
        [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}},
        ],
        (Text("a", cache=CacheMark("1h")), Text("b", cache=CacheMark())),
    ),
}


@pytest.mark.parametrize(("content", "expected"), CONTENT.values(), ids=CONTENT)
def test_content_has_its_parts(content: Any, expected: tuple[Part, ...]) -> None:
    assert parts(content) == expected
    assert decoded(messages=[{"role": "user", "content": content}]).losses == ()


def test_an_assistants_message_keeps_reasoning_text_refusal_and_calls_in_order() -> None:
    message = {
        "content": [{"type": "text", "text": "So."}, {"type": "refusal", "refusal": "No."}],
        "refusal": "Never.",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"b":1,"a":2}'},
            },
            {"id": "c2", "type": "custom", "custom": {"name": "sh", "input": "ls"}, "index": 1},
        ],
    }
    assert parts(**message, role="assistant") == (
        Reasoning("Hm."),
        Text("So."),
        Refusal("No."),
        Refusal("Never."),
        ToolCall("c1", "f", '{"b":1,"a":2}'),
        ToolCall("c2", "sh", "ls", kind=ToolKind.FREEFORM),
    )


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_both_names_of_reasoning_are_read(field: str) -> None:
    """6.4"""
    assert parts("x", role="assistant", **{field: "Hm."})[0] == Reasoning("Hm.")


def test_arguments_keep_their_bytes_and_empty_ones_stay_empty() -> None:
    """0.5, 2.10: nothing is parsed; some clients send the object itself."""

    def call(arguments: Any) -> Any:
        return {"id": "c", "function": {"name": "f", "arguments": arguments}}

    message = {
        "role": "assistant",
        "tool_calls": [call('{"b": 1.0}'), call(""), call({"b": 2**80})],
    }
    said = [part.arguments for part in turns(message)[0].parts if isinstance(part, ToolCall)]
    assert said == ['{"b": 1.0}', "", '{"b":1208925819614629174706176}']


def test_a_calls_signature_is_opened() -> None:
    """6.5: Gemini's own, and one of ours inside its field."""

    def signed(value: str) -> Sealed | None:
        call = {
            "id": "c",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": value}},
        }
        request = decoded(messages=[{"role": "assistant", "tool_calls": [call]}])
        assert request.losses == ()
        (part,) = request.turns[0].parts
        assert isinstance(part, ToolCall)
        return part.sealed

    assert signed("abc=") == Sealed("gemini", "abc=")
    assert signed("clv1.anthropic.xyz") == Sealed("anthropic", "xyz")


def test_a_tools_message_is_a_result() -> None:
    content = [
        {"type": "text", "text": "21"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]
    picture = Media(MediaKind.IMAGE, Located("https://x/y.png"))
    result = {"role": "tool", "tool_call_id": "c1", "name": "f", "content": content}
    assert turns(result) == (
        Turn(
            Role.USER,
            (ToolResult("c1", (Text("21"), picture), name="f"),),
        ),
    )


def test_older_functions_are_tools() -> None:
    """1.14: calls get ids from their places, results those of the calls that wait."""
    request = decoded(
        functions=[{"name": "f", "parameters": SCHEMA}],
        function_call={"name": "f"},
        messages=[
            USER,
            older("{}"),
            {"role": "function", "name": "f", "content": "1"},
            older(""),
            {"role": "function", "name": "f", "content": "2"},
            {"role": "function", "name": "g", "content": "3"},
        ],
    )
    assert request.tools == (Tool("f", schema=SCHEMA),)
    assert request.tool_choice == ToolChoice(ToolMode.REQUIRED, ("f",))
    assert [turn.parts[0] for turn in request.turns[1:]] == [
        ToolCall("call_older_1", "f", "{}"),
        ToolResult("call_older_1", (Text("1"),), name="f"),
        ToolCall("call_older_3", "f", ""),
        ToolResult("call_older_3", (Text("2"),), name="f"),
        ToolResult("call_unasked_5", (Text("3"),), name="g"),
    ]
    assert request.losses == ()


def test_sources_of_an_earlier_answer_are_read() -> None:
    cited = {"url": "https://x", "title": "X", "start_index": 0, "end_index": 2}
    annotations = [{"type": "url_citation", "url_citation": cited}]
    expected = Text("So.", (Citation("https://x", "X", start=0, end=2),))
    assert parts("So.", role="assistant", annotations=annotations) == (expected,)
