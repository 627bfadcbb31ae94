"""Requests of Gemini clients in neutral words: roles, parts, calls and results."""

import base64
from typing import Any

import pytest

from tests.translators.gemini_wire import (
    HI,
    OWN,
    PNG,
    Json,
    call,
    decode,
    losses,
    model,
    result,
    turns,
    user,
)
from translators.canonical.parts import (
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import (
    Role,
    Turn,
)
from translators.canonical.sealed import Sealed
from translators.carry import wrapped_base64
from translators.gemini import PROTOCOL
from translators.protocol import NotUnderstood


def test_the_path_says_the_model_and_the_stream() -> None:
    request = decode(model="models/x", stream=True)
    assert (request.model, request.stream, request.losses) == ("", False, ())
    assert request.turns == (Turn(Role.USER, (Text("hi"),)),)


# ------------------------------------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("role", "read"),
    [
        ("user", Role.USER),
        ("model", Role.ASSISTANT),
        ("MODEL", Role.ASSISTANT),
        ("", Role.USER),
        (None, Role.USER),
        ("function", Role.USER),
    ],
)
def test_a_role_that_is_missing_is_the_users(role: str | None, read: Role) -> None:
    (turn,) = turns({"role": role, "parts": [{"text": "a"}]})
    assert turn.role is read


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_other_roles_are_refused_as_google_does(role: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        turns({"role": role, "parts": [{"text": "a"}]})
    assert refused.value.param == "contents[0].role"


@pytest.mark.parametrize(
    ("system", "texts"),
    [
        ({"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}, ["a", "b", "c"]),
        ({"role": "user", "parts": {"text": "a"}}, ["a"]),
        ("a", ["a"]),
        ("", []),
        (None, []),
    ],
)
def test_all_parts_of_the_system_instruction_arrive(system: Any, texts: list[str]) -> None:
    for name in ("systemInstruction", "system_instruction"):
        request = decode(**{name: system})
        said = [p.text for t in request.turns[:-1] for p in t.parts if isinstance(p, Text)]
        assert said == texts
        assert {turn.role for turn in request.turns[:-1]} <= {Role.SYSTEM}


def test_the_models_chunks_are_one_turn_and_their_texts_one_text() -> None:
    """As the SDKs' chats keep the chunks of a stream."""
    found = turns(
        HI,
        model({"text": "I ", "thought": True}),
        model({"text": "think", "thought": True}, {"text": "so "}),
        model({"text": "it is"}),
        model({"text": "", "thoughtSignature": OWN}),
        user({"text": "a"}, {"text": "b"}),
    )
    assert found[1:] == (
        Turn(
            Role.ASSISTANT,
            (Reasoning("I think"), Text("so it is", sealed=Sealed("gemini", OWN))),
        ),
        Turn(Role.USER, (Text("a"), Text("b"))),
    )


# ------------------------------------------------------------------------------------------- parts

PARTS: dict[str, tuple[Json, Any]] = {
    "text": ({"text": "a"}, Text("a")),
    "empty text": ({"text": ""}, Text("")),
    "thought": ({"text": "a", "thought": True}, Reasoning("a")),
    "signed thought": (
        {"text": "a", "thought": True, "thoughtSignature": OWN},
        Reasoning("a", Sealed("gemini", OWN)),
    ),
    "signed text": (
        {"text": "a", "thoughtSignature": OWN},
        Text("a", sealed=Sealed("gemini", OWN)),
    ),
    "url-safe signature": (
        {"text": "a", "thought_signature": OWN.replace("+", "-").replace("/", "_").rstrip("=")},
        Text("a", sealed=Sealed("gemini", OWN)),
    ),
    "signature alone": ({"thoughtSignature": OWN}, Text("", sealed=Sealed("gemini", OWN))),
    "dummy signature": (
        {"text": "a", "thoughtSignature": "skip_thought_signature_validator"},
        Text("a"),
    ),
    "dummy signature in base64": (
        {
            "text": "a",
            "thoughtSignature": base64.urlsafe_b64encode(
                b"context_engineering_is_the_way_to_go"
            ).decode(),
        },
        Text("a"),
    ),
    "inline data": (
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        Media(MediaKind.IMAGE, Inline(PNG), "image/png"),
    ),
    "url-safe inline data": (
        {"inline_data": {"mime_type": "audio/wav", "data": "-_-_", "displayName": "n"}},
        Media(MediaKind.AUDIO, Inline("+/+/"), "audio/wav", name="n"),
    ),
    "pdf": (
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
        Media(MediaKind.DOCUMENT, Inline("JVBERg=="), "application/pdf"),
    ),
    "address": (
        {"fileData": {"fileUri": "https://x.org/a.mp4", "mimeType": "video/mp4"}},
        Media(MediaKind.VIDEO, Located("https://x.org/a.mp4"), "video/mp4"),
    ),
    "stored file": (
        {
            "file_data": {
                "file_uri": "https://generativelanguage.googleapis.com/v1beta/files/a1",
                "mime_type": "image/png",
            }
        },
        Media(
            MediaKind.IMAGE,
            Filed("gemini", "https://generativelanguage.googleapis.com/v1beta/files/a1"),
            "image/png",
        ),
    ),
    "file of a bucket": (
        {"fileData": {"fileUri": "gs://b/a.pdf"}},
        Media(MediaKind.DOCUMENT, Filed("gemini", "gs://b/a.pdf")),
    ),
    "resolution": (
        {
            "inlineData": {"mimeType": "image/png", "data": PNG},
            "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
        },
        Media(MediaKind.IMAGE, Inline(PNG), "image/png", detail="low"),
    ),
    "code": (
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        Opaque("gemini", "executableCode", {"executableCode": {"language": "PYTHON", "code": "1"}}),
    ),
    "a part of the future": (
        {"hologram": {"x": 1}},
        Opaque("gemini", "hologram", {"hologram": {"x": 1}}),
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_part_is_read(case: str) -> None:
    wire, part = PARTS[case]
    request = decode(contents=[user(wire)])
    assert request.turns == (Turn(Role.USER, (part,)),)
    assert request.losses == ()


def test_what_is_said_about_a_part_and_not_known_is_a_loss() -> None:
    part = {"text": "a", "partMetadata": {"k": 1}, "odd": 2}
    video = {"fileData": {"fileUri": "https://x.org/a"}, "videoMetadata": {"fps": 2}}
    assert losses(decode(contents=[user(part, video)])) == [
        "contents[].parts[].partMetadata=dropped",
        "contents[].parts[].odd=dropped",
        "contents[].parts[].videoMetadata=dropped",
    ]


def test_results_without_ids_belong_to_the_calls_of_their_names_in_order() -> None:
    _, called, answered, again, _ = turns(
        HI,
        model(call("f", {"n": 1}), call("g"), call("f", {"n": 2})),
        user(result("f", {"result": "1"}), result("f", {"result": "2"}), result("g", {})),
        model(call("f", {"n": 1})),
        {"role": "function", "parts": [result("f", {"output": "3"})]},
    )
    ids = [part.id for part in called.parts if isinstance(part, ToolCall)]
    assert ids == ["call_1_0_f", "call_1_1_g", "call_1_2_f"]
    read = [part for part in answered.parts if isinstance(part, ToolResult)]
    assert [part.call_id for part in read] == [ids[0], ids[2], ids[1]]
    assert [part.name for part in read] == ["f", "f", "g"]
    assert isinstance(again.parts[0], ToolCall)
    assert again.parts[0].id == "call_3_0_f"


def test_ids_are_kept_and_a_longer_conversation_keeps_the_ids_that_it_had() -> None:
    contents = [
        HI,
        model(call("f", id="a"), call("f", id="b"), call("f")),
        user(result("f", {}, id="b"), result("f", {}), result("f", {}, id="unknown")),
    ]
    read = [part.call_id for part in turns(*contents)[2].parts if isinstance(part, ToolResult)]
    assert read == ["b", "a", "call_1_2_f"]
    assert turns(*contents, model({"text": "x"}))[:3] == turns(*contents)


def test_a_result_without_any_call_has_an_id_of_its_own() -> None:
    (_, turn) = turns(HI, user(result("f", {})))
    assert isinstance(turn.parts[0], ToolResult)
    assert turn.parts[0].call_id == "call_1_0_f"


RESULTS: list[tuple[Json, str, bool]] = [
    ({"result": "a"}, "a", False),
    ({"output": "a"}, "a", False),
    ({"output": {"b": [1]}}, '{"b":[1]}', False),
    ({"error": "no"}, "no", True),
    ({"error": {"code": 1}}, '{"code":1}', True),
    ({"output": "a", "error": "no"}, '{"output":"a","error":"no"}', True),
    ({"output": "a", "error": None}, "a", False),
    ({"rows": [1, 2], "n": 12345678901234567890123}, '{"rows":[1,2],"n":12345678901234567890123}',
     False),
    ({"content": "a"}, '{"content":"a"}', False),
    ({}, "", False),
]  # fmt: skip


@pytest.mark.parametrize(("response", "text", "is_error"), RESULTS)
def test_what_a_function_gave(response: Json, text: str, is_error: bool) -> None:
    body = b'{"contents":[{"parts":[{"functionResponse":{"name":"f","response":%s}}]}]}'
    written = str(response).replace("'", '"').replace("None", "null")
    (turn,) = PROTOCOL.decode_request(body % written.encode()).turns
    parts = (Text(text),) if text else ()
    assert turn.parts == (ToolResult("call_0_0_f", parts, is_error, "f"),)


def test_media_of_a_result_are_its_own() -> None:
    parts = [{"inlineData": {"mimeType": "image/png", "data": PNG}}]
    (_, turn) = turns(HI, user(result("f", {"result": "a"}, parts=parts, scheduling="SILENT")))
    assert turn.parts == (
        ToolResult(
            "call_1_0_f",
            (Text("a"), Media(MediaKind.IMAGE, Inline(PNG), "image/png")),
            name="f",
        ),
    )


def test_arguments_keep_their_order_and_their_size() -> None:
    body = (
        b'{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":'
        b'{"z":1,"a":{"y":12345678901234567890123,"b":1.50}}}}]}]}'
    )
    (turn,) = PROTOCOL.decode_request(body).turns
    assert isinstance(turn.parts[0], ToolCall)
    assert turn.parts[0].arguments == '{"z":1,"a":{"y":12345678901234567890123,"b":1.5}}'


def test_seals_of_other_families_come_back_out_of_the_signature() -> None:
    """Also where the SDK wrote the bytes in the URL-safe alphabet."""
    foreign = Sealed("claude", "Er?+~~ab>>")
    written = wrapped_base64(foreign, "gemini").replace("+", "-").replace("/", "_").rstrip("=")
    read = turns(
        HI,
        model({"text": "hm", "thought": True, "thoughtSignature": written}),
        HI,
        model({**call("f"), "thoughtSignature": written}),
        HI,
        model({"text": "", "thoughtSignature": written}),
    )
    assert read[1].parts == (Reasoning("hm", foreign),)
    assert read[3].parts == (Reasoning("", foreign), ToolCall("call_3_0_f", "f", "{}"))
    assert read[5].parts == (Reasoning("", foreign),)
