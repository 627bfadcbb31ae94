"""Tools fitted to a dialect that lacks some of their kinds, and given back in the answer."""

import json
import re
from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.parts import (
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import (
    HostedTool,
    Request,
    Role,
    Tool,
    ToolChoice,
    ToolMode,
    Turn,
    WebSearch,
)
from translators.canonical.response import Response, fold, unfold
from translators.protocol import ToolRules
from translators.tools import (
    AS_FUNCTION,
    DUPLICATE,
    FLATTENED,
    LIVE,
    RENAMED,
    UNENFORCED,
    Restorer,
    ToolMap,
    fitted,
)

PLAIN = ToolRules(r"[A-Za-z0-9_-]+", 64, r"[A-Za-z0-9_-]+", 64)
RICH = replace(PLAIN, freeform=True, namespaces=True, origins=("local_shell", "bash_"))
SCHEMA = {"type": "object", "properties": {}}

LOOK = Tool("look", schema=SCHEMA)
MCP = Tool("read", "Reads.", SCHEMA, namespace="mcp", namespace_description="Files.")
PATCH = Tool(
    "patch", kind=ToolKind.FREEFORM, grammar={"syntax": "lark", "definition": "start: /a/"}
)
SHELL = Tool("shell", schema=SCHEMA, origin="local_shell")


def request(*turns: Turn, tools: tuple[Tool, ...] = (), choice: str | None = None) -> Request:
    wanted = None if choice is None else ToolChoice(ToolMode.REQUIRED, (choice,))
    return Request("m", turns, tools, wanted)


def called(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def answered(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def names(request: Request) -> list[str]:
    return [tool.name for tool in request.tools if isinstance(tool, Tool)]


def restored(tools: ToolMap, *parts: Part, rules: ToolRules = PLAIN) -> tuple[Part, ...]:
    restorer = Restorer(tools, rules, "seed")
    return fold(restorer.restored(unfold(Response(None, None, parts)))).parts


# --------------------------------------------------------------------------------- what fits


def test_what_the_target_can_take_is_left_as_it_is() -> None:
    asked = request(
        Turn(Role.USER, (Text("hi"),)),
        called(Reasoning("hm"), ToolCall("call_12345", "look", '{"a": 1}')),
        answered(ToolResult("call_12345", (Text("x"),), name="look")),
        tools=(LOOK,),
        choice="look",
    )

    assert fitted(asked, PLAIN) == (asked, ToolMap(), ())


def test_a_rich_target_keeps_every_kind() -> None:
    call = ToolCall("call_12345", "patch", "*", ToolKind.FREEFORM)
    asked = request(called(call), tools=(LOOK, MCP, PATCH, SHELL), choice="read")

    assert fitted(asked, RICH) == (asked, ToolMap(), ())


def test_hosted_tools_pass() -> None:
    asked = replace(request(), tools=(WebSearch(), HostedTool("x", "y", {}), WebSearch()))

    assert fitted(asked, PLAIN) == (asked, ToolMap(), ())


def test_a_search_that_may_ask_nobody_is_no_live_one() -> None:
    asked = replace(request(), tools=(WebSearch(cached=True), LOOK, WebSearch()))

    fitting, _, losses = fitted(asked, PLAIN)
    assert (fitting.tools, losses) == ((LOOK, WebSearch()), (LIVE,))
    assert fitted(asked, replace(PLAIN, cached_search=True)) == (asked, ToolMap(), ())


def test_of_tools_with_one_name_the_last_is_used() -> None:
    newer = replace(LOOK, description="newer")
    other = replace(LOOK, namespace="mcp")
    fitting, _, losses = fitted(request(tools=(LOOK, PATCH, newer, other)), RICH)

    assert fitting.tools == (newer, PATCH, other)
    assert losses == (DUPLICATE,)


# ------------------------------------------------------------------------------------- names

LONG = "mcp__a_server_with_a_very_long_name__and_a_tool_with_a_longer_one_still_"


def test_long_names_are_cut_everywhere_and_come_back() -> None:
    first, second = Tool(LONG + "1"), Tool(LONG + "2")
    fitting, tools, losses = fitted(
        request(
            called(ToolCall("call_12345", LONG + "2", "{}")),
            answered(ToolResult("call_12345", (), name=LONG + "2")),
            tools=(first, second),
            choice=LONG + "2",
        ),
        PLAIN,
    )

    short, other = names(fitting)
    assert short != other
    assert len(short) == len(other) == 64
    assert re.fullmatch(re.escape(LONG[:55]) + "_[0-9a-f]{8}", other)
    assert fitting.turns[0].parts == (ToolCall("call_12345", other, "{}"),)
    assert fitting.turns[1].parts == (ToolResult("call_12345", (), name=other),)
    assert fitting.tool_choice == ToolChoice(ToolMode.REQUIRED, (other,))
    assert losses == (RENAMED,)
    assert restored(tools, ToolCall("call_12345", other, "{}")) == (
        ToolCall("call_12345", LONG + "2", "{}"),
    )


def test_a_namespace_becomes_a_part_of_the_name_and_comes_back() -> None:
    call = ToolCall("call_12345", "read", "{}", namespace="mcp")
    fitting, tools, losses = fitted(
        request(called(call), tools=(MCP, replace(MCP, name="write")), choice="read"), PLAIN
    )

    assert fitting.tools == (
        Tool("mcp__read", "Reads.\n\nmcp: Files.", SCHEMA),
        Tool("mcp__write", "Reads.", SCHEMA),
    )
    assert fitting.turns[0].parts == (ToolCall("call_12345", "mcp__read", "{}"),)
    assert fitting.tool_choice == ToolChoice(ToolMode.REQUIRED, ("mcp__read",))
    assert losses == (FLATTENED,)
    assert restored(tools, ToolCall("call_12345", "mcp__read", "{}"), rules=RICH) == (call,)


def test_a_flattened_name_never_takes_anothers() -> None:
    tools = (
        Tool("b__c", namespace="a"),
        Tool("c", namespace="a__b"),
        Tool("a__b__c"),
    )
    fitting, back, _ = fitted(request(tools=tools), PLAIN)

    found = names(fitting)
    assert len(set(found)) == 3
    assert found[2] == "a__b__c"
    calls = restored(back, *(ToolCall(f"call_1234{n}", name, "") for n, name in enumerate(found)))
    assert [(c.namespace, c.name) for c in calls if isinstance(c, ToolCall)] == [
        ("a", "b__c"),
        ("a__b", "c"),
        (None, "a__b__c"),
    ]


def test_one_name_in_two_namespaces_is_two_choices() -> None:
    tools = (MCP, replace(MCP, namespace="other"))
    fitting, _, _ = fitted(request(tools=tools, choice="read"), PLAIN)

    assert fitting.tool_choice == ToolChoice(ToolMode.REQUIRED, ("mcp__read", "other__read"))


def test_a_choice_of_a_tool_that_is_not_declared_is_left() -> None:
    asked = request(tools=(LOOK,), choice="web_search")

    assert fitted(asked, PLAIN)[0].tool_choice == asked.tool_choice


def test_a_longer_conversation_begins_like_the_shorter_one() -> None:
    first = (
        called(ToolCall("functions.look:0", "see.it", "{}")),
        answered(ToolResult("functions.look:0", ())),
    )
    more = (called(ToolCall("functions.look:1", "x.y", "{}")),)

    shorter = fitted(request(*first, tools=(LOOK,)), PLAIN)[0]
    longer = fitted(request(*first, *more, tools=(LOOK,)), PLAIN)[0]

    assert longer.turns[:2] == shorter.turns


TOOLS = st.lists(
    st.builds(
        Tool,
        st.text("ab_.", min_size=1, max_size=6) | st.just(LONG) | st.text(min_size=1, max_size=6),
        kind=st.sampled_from(ToolKind),
        namespace=st.none() | st.text("ab_", min_size=1, max_size=3),
        origin=st.none() | st.just("local_shell"),
    ),
    max_size=6,
    unique_by=lambda tool: (tool.namespace, tool.name),
)


@given(TOOLS, st.sampled_from([PLAIN, RICH, replace(PLAIN, namespaces=True)]))
def test_whatever_the_tools_their_calls_come_back(tools: list[Tool], rules: ToolRules) -> None:
    calls = tuple(
        ToolCall(f"call_{n}_12345", t.name, f"{n}", t.kind, t.namespace, t.origin)
        for n, t in enumerate(tools)
    )
    fitting, back, _ = fitted(request(called(*calls), tools=tuple(tools)), rules)

    sent = fitting.turns[0].parts
    assert [
        (part.namespace, part.name, part.kind, part.origin)
        for part in sent
        if isinstance(part, ToolCall)
    ] == [
        (tool.namespace, tool.name, tool.kind, tool.origin)
        for tool in fitting.tools
        if isinstance(tool, Tool)
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names(fitting))
    assert restored(back, *sent) == calls


# ------------------------------------------------------------------------------------- kinds


def test_a_freeform_tool_becomes_a_function_and_its_calls_are_wrapped() -> None:
    call = ToolCall("call_12345", "patch", '*** "a"\n', ToolKind.FREEFORM)
    result = ToolResult("call_12345", (Text("ok"),), kind=ToolKind.FREEFORM)
    fitting, tools, losses = fitted(request(called(call), answered(result), tools=(PATCH,)), PLAIN)

    (tool,) = fitting.tools
    assert isinstance(tool, Tool)
    assert (tool.kind, tool.grammar) == (ToolKind.FUNCTION, None)
    assert "lark grammar:\n\nstart: /a/" in (tool.description or "")
    wrapped = ToolCall("call_12345", "patch", '{"input":"*** \\"a\\"\\n"}')
    assert fitting.turns[0].parts == (wrapped,)
    assert fitting.turns[1].parts == (ToolResult("call_12345", (Text("ok"),)),)
    assert losses == (AS_FUNCTION, UNENFORCED)
    assert restored(tools, wrapped) == (call,)


def test_a_built_in_tool_becomes_a_function_and_comes_back() -> None:
    call = ToolCall("call_12345", "shell", "{}", origin="local_shell")
    result = ToolResult("call_12345", (), origin="local_shell")
    fitting, tools, losses = fitted(request(called(call), answered(result), tools=(SHELL,)), PLAIN)

    assert fitting.tools == (replace(SHELL, origin=None),)
    assert fitting.turns[0].parts == (replace(call, origin=None),)
    assert fitting.turns[1].parts == (replace(result, origin=None),)
    assert losses == (AS_FUNCTION,)
    assert restored(tools, replace(call, origin=None)) == (call,)


def test_a_call_of_the_history_does_not_change_what_a_declared_tool_is() -> None:
    old = ToolCall("call_12345", "look", "text", ToolKind.FREEFORM)
    _, tools, _ = fitted(request(called(old), tools=(LOOK,)), PLAIN)

    call = ToolCall("call_67890", "look", '{"input":"x"}')
    assert restored(tools, call) == (call,)


def test_the_map_can_be_written_down() -> None:
    _, tools, _ = fitted(request(tools=(MCP, PATCH, SHELL, Tool("a.b"))), PLAIN)

    entries = json.loads(json.dumps(asdict(tools)))["entries"]
    assert ToolMap({key: tuple(entry) for key, entry in entries.items()}) == tools
    assert set(tools.entries) >= {"mcp__read", "patch", "shell"}


# --------------------------------------------------------------------------------------- ids

IDS = st.lists(st.text("ab.:_é", max_size=4) | st.text(max_size=80), max_size=6)


@given(IDS)
def test_ids_fit_are_unique_and_the_same_in_call_and_result(ids: list[str]) -> None:
    turns = [
        called(*(ToolCall(each, "look", "{}") for each in ids)),
        answered(*(ToolResult(each, (Text(str(n)),)) for n, each in enumerate(ids))),
    ]
    fitting, _, _ = fitted(request(*turns), PLAIN)

    calls = [part.id for part in fitting.turns[0].parts if isinstance(part, ToolCall)]
    results = [part.call_id for part in fitting.turns[1].parts if isinstance(part, ToolResult)]
    assert calls == results
    assert len(set(calls)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", each) for each in calls)


def test_an_id_that_fits_stays_and_comes_once() -> None:
    turns = [
        called(ToolCall("call_0", "look", "{}")),
        answered(ToolResult("call_0", ())),
        called(ToolCall("call_0", "look", "{}")),
        answered(ToolResult("call_0", ())),
        answered(ToolResult("strange", ())),
    ]
    fitting, _, losses = fitted(request(*turns), PLAIN)

    found = [
        part.id if isinstance(part, ToolCall) else part.call_id
        for turn in fitting.turns
        for part in turn.parts
        if isinstance(part, ToolCall | ToolResult)
    ]
    assert found[:2] == ["call_0", "call_0"]
    assert found[2] == found[3] != "call_0"
    assert found[4] == "strange"
    assert losses == ()
