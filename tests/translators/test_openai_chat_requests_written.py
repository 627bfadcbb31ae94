"""Turns as the messages that a Chat Completions upstream reads, and what it says of the bodies."""

import dataclasses
from typing import Any

import orjson
import pytest

from translators.canonical.capabilities import Capabilities
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
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Request, Role, Turn
from translators.canonical.sealed import Sealed
from translators.openai_chat import PROTOCOL
from translators.openai_chat.request_messages import FOLLOWING
from translators.protocol import NotUnderstood

HOME = Capabilities()
PLAIN = Capabilities(images=False, documents=False, audio=False, developer_role=False)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"
PDF = "JVBERi0xLjQK"
WAV = "UklGRgAAAABXQVZF"
HI = Turn(Role.USER, (Text("Hi"),))


def written(*turns: Turn, knows: Capabilities = HOME) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages, and the losses."""
    sent = PROTOCOL.encode_request(Request("m", turns), knows)
    return orjson.loads(sent.body)["messages"], [str(loss) for loss in sent.losses]


def system(*parts: Part) -> Turn:
    return Turn(Role.SYSTEM, parts)


def user(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def model(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def call(id: str, **more: Any) -> ToolCall:
    return ToolCall(id, "f", '{"b":1,"a":2}', **more)


def called(id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "f", "arguments": '{"b":1,"a":2}'}}


def test_system_messages_stay_where_they_were_said() -> None:
    """1.1, 1.3: all of them, in place, each text of one joined to the next by a blank line."""
    turns = (system(Text("a"), Text(""), Text("b")), HI, system(Text("c")), HI)
    messages, losses = written(*turns)
    assert [m["role"] for m in messages] == ["developer", "user", "developer", "user"]
    assert messages[0]["content"] == "a\n\nb"
    assert losses == []
    plain, _ = written(*turns, knows=PLAIN)
    assert [m["role"] for m in plain] == ["system", "user", "system", "user"]


def test_a_text_alone_is_a_string_and_media_make_an_array() -> None:
    picture = Media(MediaKind.IMAGE, Inline(PNG), "image/jpeg", detail="low")
    (plain,), _ = written(user(Text("a"), Text("b")))
    assert plain == {"role": "user", "content": "a\n\nb"}
    (mixed,), losses = written(user(Text("a"), picture))
    image = {"url": f"data:image/png;base64,{PNG}", "detail": "low"}
    assert mixed["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": image},
    ]
    assert losses == [], "4.2: the label follows the bytes"


MEDIA: dict[str, tuple[Media, list[dict[str, Any]]]] = {
    "an address": (
        Media(MediaKind.IMAGE, Located("https://x/y.png")),
        [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}],
    ),
    "a pdf without a name (4.6)": (
        Media(MediaKind.DOCUMENT, Inline(PDF), "application/pdf"),
        [
            {
                "type": "file",
                "file": {
                    "filename": "document.pdf",
                    "file_data": f"data:application/pdf;base64,{PDF}",
                },
            }
        ],
    ),
    "a stored file": (
        Media(MediaKind.DOCUMENT, Filed("openai_chat", "file-1")),
        [{"type": "file", "file": {"file_id": "file-1"}}],
    ),
    "a described pdf (4.7)": (
        Media(MediaKind.DOCUMENT, Filed("openai_chat", "f"), title="T", context="C"),
        [
            {"type": "text", "text": "Title: T"},
            {"type": "text", "text": "Context: C"},
            {"type": "file", "file": {"file_id": "f"}},
        ],
    ),
    "sound": (
        Media(MediaKind.AUDIO, Inline(WAV), "audio/wav"),
        [{"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}],
    ),
}


@pytest.mark.parametrize(("media", "content"), MEDIA.values(), ids=MEDIA)
def test_media_have_their_parts(media: Media, content: list[dict[str, Any]]) -> None:
    (message,), losses = written(user(media))
    assert (message["content"], losses) == (content, [])


def test_a_document_of_text_is_text() -> None:
    """4.8: in a fence that its words do not hold."""
    plain = Media(MediaKind.DOCUMENT, Plain("a ``` b"), title="T", context="C", cited=True)
    coded = Media(MediaKind.DOCUMENT, Inline("aGk="), "text/markdown", name="a.md")
    (message,), losses = written(user(plain, coded), knows=PLAIN)
    assert message["content"] == (
        "Document: T\nContext: C\n````\na ``` b\n````\n\nDocument: a.md\n```\nhi\n```"
    )
    assert losses == ["citations=dropped"]


UNREADABLE = [
    (Media(MediaKind.IMAGE, Inline(PNG)), PLAIN, "image"),
    (Media(MediaKind.DOCUMENT, Inline(PDF), name="a.pdf"), PLAIN, "document"),
    (Media(MediaKind.DOCUMENT, Located("https://x/y.pdf")), HOME, "document"),
    (Media(MediaKind.AUDIO, Inline(WAV)), PLAIN, "audio"),
    (Media(MediaKind.AUDIO, Inline("T2dnUw=="), "audio/ogg"), HOME, "audio"),
    (Media(MediaKind.VIDEO, Located("gs://x/y")), HOME, "video"),
    (Media(MediaKind.IMAGE, Located("gs://x/y")), HOME, "image"),
]


@pytest.mark.parametrize(("media", "knows", "field"), UNREADABLE)
def test_media_that_a_model_cannot_take_leave_a_note(
    media: Media, knows: Capabilities, field: str
) -> None:
    (message,), losses = written(user(media), knows=knows)
    assert message["content"].startswith(f"[{media.kind.value}")
    assert losses == [f"{field}=dropped"]


@pytest.mark.parametrize("kind", [MediaKind.IMAGE, MediaKind.DOCUMENT, MediaKind.AUDIO])
def test_a_file_that_another_provider_stores_is_refused(kind: MediaKind) -> None:
    """4.10"""
    with pytest.raises(NotUnderstood) as refused:
        written(user(Media(kind, Filed("anthropic", "file_1"))))
    assert refused.value.param == "file"


def test_results_follow_the_calls_and_their_images_follow_the_results() -> None:
    """1.6, 2.14, 2.15: text in the results, media behind all of them, each under its call."""
    picture = Media(MediaKind.IMAGE, Inline(PNG), "image/png")
    messages, losses = written(
        HI,
        model(call("c1"), call("c2")),
        user(
            ToolResult("c1", (Text("see"), picture)),
            ToolResult("c2", (Text("broken"),), is_error=True),
            Text("go on"),
        ),
    )
    assert messages[1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [called("c1"), called("c2")],
    }
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    assert messages[2:] == [
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": "see\n\n[image 1: see the message that follows]",
        },
        {"role": "tool", "tool_call_id": "c2", "content": "[tool error] broken"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": FOLLOWING},
                {"type": "text", "text": "[Output of c1]"},
                image,
            ],
        },
        {"role": "user", "content": "go on"},
    ]
    assert losses == ["tool_result.is_error=changed"]


def test_results_in_turns_of_their_own_stay_together() -> None:
    picture = Media(MediaKind.IMAGE, Inline(PNG), "image/png")
    messages, _ = written(
        HI,
        model(call("c1"), call("c2")),
        user(ToolResult("c1", (picture,))),
        user(ToolResult("c2", ())),
        model(Text("ok")),
        HI,
    )
    roles = [message["role"] for message in messages]
    assert roles == ["user", "assistant", "tool", "tool", "user", "assistant", "user"]


def test_an_assistants_message_is_put_together() -> None:
    """1.11, 1.12: texts that touch are one statement; what a call parts is set apart."""
    free = ToolCall("c2", "sh", "ls", kind=ToolKind.FREEFORM)
    spoken = model(Text("a"), Text("b"), call("c1"), Text("c"), free)
    results = user(ToolResult("c1", (Text("1"),)), ToolResult("c2", (Text("2"),)))
    messages, losses = written(HI, spoken, results)
    assert messages[1] == {
        "role": "assistant",
        "content": "ab\n\nc",
        "tool_calls": [
            called("c1"),
            {"id": "c2", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
        ],
    }
    assert losses == []


def test_arguments_that_are_empty_are_an_empty_object() -> None:
    """2.10"""
    empty = ToolCall("c1", "f", "")
    messages, _ = written(HI, model(empty), user(ToolResult("c1", ())))
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_refusal_is_said_as_one() -> None:
    """7.6"""
    messages, losses = written(HI, model(Refusal("No.")), HI)
    assert messages[1] == {"role": "assistant", "content": None, "refusal": "No."}
    assert losses == []


def test_reasoning_goes_back_to_its_own_server_alone() -> None:
    """6.5, 6.6: in the field that the server used; never elsewhere, and never as text."""
    answer = orjson.dumps({"choices": [{"message": {"content": "x", "reasoning_content": "Hm."}}]})
    turn = model(*PROTOCOL.decode_response(answer, "deepseek").parts)
    own, _ = written(HI, turn, HI, knows=Capabilities(family="deepseek"))
    assert own[1] == {"role": "assistant", "content": "x", "reasoning_content": "Hm."}
    other, losses = written(HI, turn, HI, knows=Capabilities(family="mistral"))
    assert other[1] == {"role": "assistant", "content": "x"}
    assert losses == ["reasoning=unsealed"]


def test_details_of_reasoning_go_back_as_they_came() -> None:
    """6.5: signatures of the model's maker, behind a router that has a field for them."""
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]
    message = {"content": "x", "reasoning": "Hm.", "reasoning_details": details}
    answer = orjson.dumps({"choices": [{"message": message}]})
    turn = model(*PROTOCOL.decode_response(answer, "acme").parts)
    own, losses = written(HI, turn, HI, knows=Capabilities(family="acme"))
    assert own[1] == {"role": "assistant", "content": "x", "reasoning_details": details}
    assert losses == []
    assert written(HI, turn, HI)[1] == ["reasoning=unsealed"]


@pytest.mark.parametrize("payload", ["[", "[]", "[7]", "{}", "content", "[" * 5000])
def test_a_seal_that_a_client_made_up_is_not_obeyed(payload: str) -> None:
    made_up = Reasoning("Hm.", Sealed("openai_chat-acme", payload))
    messages, losses = written(HI, model(made_up, Text("x")), HI, knows=Capabilities(family="acme"))
    assert messages[1] == {"role": "assistant", "content": "x"}
    assert losses == ["reasoning=unsealed"]


FOREIGN: list[tuple[Reasoning, str]] = [
    (Reasoning("Hm.", Sealed("anthropic", "sig")), "reasoning=unsealed"),
    (Reasoning("Hm.", Sealed("openai_chat", "x")), "reasoning=unsealed"),
    (Reasoning("Hm."), "reasoning=dropped"),
]


@pytest.mark.parametrize(("thought", "loss"), FOREIGN)
def test_other_reasoning_is_left_out(thought: Reasoning, loss: str) -> None:
    messages, losses = written(HI, model(thought, Text("x")), HI)
    assert messages[1] == {"role": "assistant", "content": "x"}
    assert losses == [loss]
    assert len(written(HI, model(thought), HI)[0]) == 2, "no empty message stays"


def test_a_calls_signature_goes_back_to_its_family() -> None:
    turns = (HI, model(call("c1", sealed=Sealed("gemini", "s"))), user(ToolResult("c1", ())))
    own, losses = written(*turns, knows=Capabilities(family="gemini"))
    signed = {"google": {"thought_signature": "s"}}
    assert own[1]["tool_calls"] == [called("c1") | {"extra_content": signed}]
    assert losses == []
    other, losses = written(*turns)
    assert other[1]["tool_calls"] == [called("c1")]
    assert losses == ["reasoning=unsealed"]


def test_what_messages_cannot_hold_is_reported() -> None:
    cited = Text("x", (Citation("https://x"),), Sealed("gemini", "s"), CacheMark())
    search = SearchCall("s1", ("q",))
    foreign = Opaque("anthropic", "container_upload", {"type": "container_upload"})
    own = Opaque("openai_chat", "audio", {"id": "audio_1", "data": "x"})
    messages, losses = written(
        user(Text("Hi"), foreign),
        model(search, cited, own, Media(MediaKind.IMAGE, Inline(PNG))),
        HI,
    )
    assert messages[1] == {"role": "assistant", "content": "x", "audio": {"id": "audio_1"}}
    assert sorted(losses) == [
        "cache=dropped",
        "citations=dropped",
        "image=dropped",
        "parts[].container_upload=dropped",
        "reasoning=unsealed",
        "search=dropped",
    ]


def test_names_fit() -> None:
    """1.13"""
    named = [dataclasses.replace(HI, name=name) for name in ("ann", "Ann B.", "a" * 70)]
    messages, losses = written(*named)
    assert [message["name"] for message in messages] == ["ann", "Ann_B.", "a" * 64]
    assert losses == ["messages[].name=changed"]


def test_a_beginning_of_the_answer_is_reported() -> None:
    """1.10: the model answers anew, which the caller must know."""
    assert written(HI, model(Text("{")))[1] == ["prefill=changed"]
    assert written(HI, model(Text("{")), knows=Capabilities(prefill=True))[1] == []


@pytest.mark.parametrize("last", [Opaque("openai_responses", "hologram", {}), SearchCall("s")])
def test_a_part_that_only_another_dialect_knows_begins_no_answer(last: Part) -> None:
    assert "prefill=changed" not in written(HI, model(Text("So."), last))[1]
    assert "prefill=changed" not in written(HI, model(Text("So.")), model(last))[1]


def test_turns_that_say_nothing_are_not_sent() -> None:
    """1.9"""
    messages, _ = written(HI, model(Text("")), user(), system(Text("")))
    assert messages == [{"role": "user", "content": "Hi"}]
    with pytest.raises(NotUnderstood) as refused:
        written(user(Text("")))
    assert refused.value.param == "messages[]"
