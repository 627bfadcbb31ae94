"""Free text wrapped as a function's arguments, and unwrapped while it streams."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translators import freeform
from translators.canonical.parts import ToolKind
from translators.canonical.request import Tool
from translators.freeform import KEYS, Unwrapper, as_function, unwrapped, wrapped
from translators.protocol import NotUnderstood


def in_pieces(*pieces: str) -> str:
    unwrapper = Unwrapper("apply_patch")
    return "".join(map(unwrapper.feed, pieces)) + unwrapper.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"*** Begin\\n+a"}', "*** Begin\n+a"),
        (' { "patch" : "x" } ', "x"),
        ('{"content":"x","reason":"y"}', "x"),
        ('{"reason":"y","input":"x"}', "x"),
        ('{"command":"x"}', "x"),
        ('{"command":"run","input":"x"}', "x"),
        ('{"input":["a","b"]}', "a\nb"),
        ('{"command":["apply_patch","*** Begin"]}', "*** Begin"),
        ('{"\\u0069nput":"x"}', "x"),
        ('{"input":""}', ""),
        ("{}", ""),
        ("", ""),
        ('"x\\ty"', "x\ty"),
        ('{"input":"\\ud83d\\ude00"}', "\U0001f600"),
        ('{"input":"\\ud83d"}', "\ufffd"),
        ('{"input":"\\\\ud83d"}', "\\ud83d"),
        ('{"input":"line\nbreak"}', "line\nbreak"),  # a control character that JSON forbids
        ('{"input":"\\d+\\."}', "\\d+\\."),  # escapes that JSON has not
        ('{"input":"cut off', "cut off"),
        ('{"input":"cut off\\', "cut off\\"),
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"input":7}', '{"input":7}'),
        ('{"input":["a",7]}', '{"input":["a",7]}'),
        ('{"other":"x"}', '{"other":"x"}'),
        ("[1]", "[1]"),
        ('{"inp', '{"inp'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_what_models_call_it_with(arguments: str, text: str) -> None:
    assert unwrapped(arguments, "apply_patch") == text
    if len(arguments) < 1_000:
        assert in_pieces(*arguments) == text


AWKWARD = st.text(st.sampled_from('{}":,[]\\unpitd83DE0x\n \u00e9\U0001f600'), max_size=30)
OBJECTS = st.one_of(
    AWKWARD,
    st.builds(lambda text: '{"input":"' + text, AWKWARD),
    st.builds(
        lambda key, text, ascii_only: json.dumps({key: text}, ensure_ascii=ascii_only),
        st.sampled_from(KEYS),
        st.text(max_size=10) | AWKWARD,
        st.booleans(),
    ),
)


@given(OBJECTS)
@example('{"input":"\\ud83d\\ude00\\ud83d\\n\\\\\\ud83d\\ude00"}')
@example('{"input":"\\\\ud83d\\ude00 \\x \\u12"} rest')
def test_the_pieces_say_the_same_wherever_they_were_cut(arguments: str) -> None:
    whole = unwrapped(arguments, "apply_patch")

    assert in_pieces(*arguments) == whole
    for cut in range(len(arguments) + 1):
        assert in_pieces(arguments[:cut], arguments[cut:]) == whole


@given(st.text())
def test_what_was_wrapped_is_unwrapped(text: str) -> None:
    assert unwrapped(wrapped(text)) == text
    assert json.loads(wrapped(text)) == {"input": text}


def test_the_text_streams_as_it_comes() -> None:
    unwrapper = Unwrapper()
    pieces = ('{"inp', 'ut": "', "a", "b\\", "nc\\ud8", "3d\\ude00d", '"', "}")

    assert [unwrapper.feed(piece) for piece in pieces] == [
        "", "", "a", "b", "\nc", "\U0001f600d", "", "",
    ]  # fmt: skip
    assert unwrapper.close() == ""


def test_white_space_without_end_is_no_beginning() -> None:
    arguments = " " * 300 + '{"input":"x"}'

    assert in_pieces(*arguments) == "x"
    assert in_pieces(arguments) == "x"


def test_what_cannot_stream_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freeform, "MOST_KEPT_CHARACTERS", 1_000)
    with pytest.raises(NotUnderstood):
        Unwrapper().feed("x" * 1_001)
    assert Unwrapper().feed('{"input":"' + "x" * 900) == "x" * 900


def test_the_grammar_is_told() -> None:
    grammar = {"syntax": "lark", "definition": "start: /a+/"}
    tool = as_function(Tool("patch", "Edits.", kind=ToolKind.FREEFORM, grammar=grammar))

    assert tool.kind is ToolKind.FUNCTION
    assert tool.grammar is None
    assert tool.schema is not None
    assert tool.schema["required"] == ["input"]
    assert tool.description == (
        "Edits.\n\nPut the whole input, as plain text, into `input`."
        "\n\nThe input must match this lark grammar:\n\nstart: /a+/"
    )


def test_a_grammar_of_another_form_is_told_as_it_is() -> None:
    tool = as_function(Tool("patch", kind=ToolKind.FREEFORM, grammar={"rule": 1}))

    assert tool.description is not None
    assert tool.description.endswith('this grammar:\n\n{"rule":1}')
