"""The items of a Responses request, read into turns."""

from typing import Any

import pytest

from tests.translators.responses_asked import CONTENTS, ITEMS, OUTPUTS, decoded, items
from translators.canonical.parts import (
    Opaque,
    Part,
    Text,
    ToolResult,
)
from translators.canonical.request import (
    Role,
    Turn,
)


def test_input_is_a_text_or_items_and_instructions_come_first() -> None:
    assert decoded(instructions="Be brief.").turns == (
        Turn(Role.SYSTEM, (Text("Be brief."),)),
        Turn(Role.USER, (Text("Hi"),)),
    )
    assert decoded(input=[], instructions="s").turns == (Turn(Role.SYSTEM, (Text("s"),)),)


@pytest.mark.parametrize("typed", [{}, {"type": "message"}, {"type": None}])
@pytest.mark.parametrize(
    ("role", "neutral"),
    [
        ("user", Role.USER),
        ("assistant", Role.ASSISTANT),
        ("system", Role.SYSTEM),
        ("developer", Role.SYSTEM),
    ],
)
def test_messages_need_no_type_and_stand_where_they_were_said(
    typed: dict[str, Any], role: str, neutral: Role
) -> None:
    first = {"role": "user", "content": "a"}
    message = typed | {"role": role, "content": "b", "id": "msg_1", "status": "completed"}
    assert items(first, message) == [(Role.USER, (Text("a"),)), (neutral, (Text("b"),))]


@pytest.mark.parametrize(("content", "part"), CONTENTS, ids=lambda v: str(v)[:50])
def test_contents_of_messages(content: dict[str, Any], part: Part) -> None:
    assert items({"role": "user", "content": [content]}) == [(Role.USER, (part,))]


@pytest.mark.parametrize(
    ("item", "part"), [(i, p) for _, i, p in ITEMS], ids=[name for name, _, _ in ITEMS]
)
def test_items_that_the_model_made(item: dict[str, Any], part: Part) -> None:
    assert items(item) == [(Role.ASSISTANT, (part,))]


@pytest.mark.parametrize(
    ("item", "result"), [(i, r) for _, i, r in OUTPUTS], ids=[name for name, _, _ in OUTPUTS]
)
def test_outputs_of_tools(item: dict[str, Any], result: ToolResult) -> None:
    assert items(item) == [(Role.USER, (result,))]


def test_a_local_shells_output_names_its_call_by_either_id() -> None:
    call = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1", "action": {}}
    for name in ("lsh_1", "call_1"):
        output = {"type": "local_shell_call_output", "id": name, "output": "a"}
        result = items(call, output)[1][1][0]
        assert isinstance(result, ToolResult)
        assert result.call_id == "call_1"


def test_neighbouring_items_of_the_model_are_one_turn_and_so_are_outputs() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "output": "o"}
    found = items(
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gA"},
        {"role": "assistant", "content": "c"},
        call | {"call_id": "1"},
        call | {"call_id": "2"},
        output | {"call_id": "1"},
        output | {"call_id": "2"},
        {"role": "user", "content": "d"},
    )
    assert [(role.value, len(parts)) for role, parts in found] == [
        ("user", 1),
        ("user", 1),
        ("assistant", 4),
        ("user", 2),
        ("user", 1),
    ]


def test_what_means_nothing_elsewhere_stays_opaque() -> None:
    """A container's shell ran at the provider, with its output; so did a page that was opened."""
    shell = {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}
    found = items(
        shell | {"environment": {"type": "container_reference", "container_id": "x"}},
        {"type": "shell_call_output", "call_id": "c", "output": []},
        {"type": "web_search_call", "id": "w", "action": {"type": "open_page", "url": "u"}},
        {"type": "compaction", "encrypted_content": "g"},
        {"type": "brand_new", "x": 1},
    )
    kinds = [(role.value, getattr(p, "type", None)) for role, parts in found for p in parts]
    assert kinds == [
        ("assistant", "shell_call"),
        ("user", "shell_call_output"),
        ("assistant", "web_search_call"),
        ("assistant", "compaction"),
        ("assistant", "brand_new"),
    ]
    assert all(isinstance(part, Opaque) for _, parts in found for part in parts)
