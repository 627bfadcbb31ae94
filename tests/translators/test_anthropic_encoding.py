"""Requests written for the Messages API: turns, parts and the limits of the dialect.

Everything that is written here is also asked of the simulator, which shares no code with the
translators and refuses what the API refuses.
"""

from typing import Any

import orjson
import pytest

from simulator.anthropic import validate
from simulator.call import Call, Refused
from translators.anthropic import PROTOCOL
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.parts import (
    CacheMark,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import Request, Role, Sampling, Tool, Turn
from translators.canonical.sealed import Sealed
from translators.protocol import NotUnderstood

Json = dict[str, Any]
HOME = Capabilities(thinking=Thinking.ADAPTIVE, max_output_tokens=8_000)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"
PDF = "JVBERi0xLjQK"
HI = Turn(Role.USER, (Text("Hi"),))
CALL = ToolCall("t1", "f", '{"a": 1}')
RESULT = ToolResult("t1", (Text("ok"),))


def refusal(body: Json, path: str = "messages") -> str | None:
    """What the API would say against this body; None where it takes it."""
    call = Call(
        "POST",
        f"/v1/{path}",
        {},
        {"anthropic-version": "2023-06-01"},
        b"",
        "r",
        json=body,
        model=body["model"],
    )
    try:
        (validate.messages if path == "messages" else validate.count_tokens)(call)
    except Refused as refused:
        return refused.spec.message
    return None


def written(
    *turns: Turn, capabilities: Capabilities = HOME, judged: bool = True, **fields: Any
) -> tuple[Json, list[str]]:
    """The body and the losses, without the one for the missing limit. A tool that is called is
    declared."""
    called = any(isinstance(part, ToolCall) for turn in turns for part in turn.parts)
    tools = (Tool("f"),) if called else ()
    request = Request(**{"model": "m", "turns": turns or (HI,), "tools": tools, **fields})
    encoded = PROTOCOL.encode_request(request, capabilities)
    assert encoded == PROTOCOL.encode_request(request, capabilities), "the same bytes every time"
    body = orjson.loads(encoded.body)
    if judged:
        assert refusal(body) is None
    losses = [str(loss) for loss in encoded.losses]
    return body, [loss for loss in losses if loss != "max_output_tokens=added"]


def user(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def assistant(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def system(*parts: Part) -> Turn:
    return Turn(Role.SYSTEM, parts)


def text(said: str) -> Json:
    return {"type": "text", "text": said}


# ------------------------------------------------------------------------------------------- turns


def test_the_least_request() -> None:
    body, losses = written(HI)
    assert (body, losses) == (
        {
            "model": "m",
            "max_tokens": 8_000,
            "messages": [{"role": "user", "content": [text("Hi")]}],
        },
        [],
    )


def test_system_turns_at_the_beginning_are_blocks_one_by_one() -> None:
    """1.1 and 1.2"""
    body, losses = written(
        system(Text("one", cache=CacheMark("1h")), Text("two")), system(Text("three")), HI
    )
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert body["system"] == [{**text("one"), "cache_control": mark}, text("two"), text("three")]
    assert losses == []


def test_a_later_system_turn_is_a_reminder_where_it_was_said() -> None:
    """1.3: never hoisted; a model that knows them gets it as it is."""
    turns = (HI, assistant(Text("a")), user(Text("b")), system(Text("quick")))
    body, losses = written(*turns)
    reminder = text("<system-reminder>\nquick\n</system-reminder>")
    assert body["messages"][-1] == {"role": "user", "content": [text("b"), reminder]}
    assert losses == ["system=changed"]
    knows = Capabilities(mid_conversation_system=True)
    body, losses = written(*turns, capabilities=knows)
    assert body["messages"][-1] == {"role": "system", "content": [text("quick")]}
    assert losses == []
    _, losses = written(HI, assistant(Text("a")), system(Text("quick")), capabilities=knows)
    assert losses == ["system=changed"], "not right behind the assistant"


def test_neighbours_are_one_message_with_results_first() -> None:
    """1.5 and 1.6: results of parallel calls share one message."""
    second = ToolResult("t2", (Text("2"),))
    body, _ = written(
        HI,
        assistant(Text("both"), CALL, ToolCall("t2", "f", "")),
        user(RESULT),
        user(Text("and"), second),
    )
    roles = [message["role"] for message in body["messages"]]
    kinds = [block["type"] for block in body["messages"][-1]["content"]]
    assert roles == ["user", "assistant", "user"]
    assert kinds == ["tool_result", "tool_result", "text"]


def test_orphans_are_mended() -> None:
    """1.7"""
    body, losses = written(HI, user(ToolResult("gone", (Text("x"),))), assistant(CALL))
    assert body["messages"][-1]["content"][0]["is_error"] is True
    assert losses == ["tool_result=changed", "tool_result=added"]


@pytest.mark.parametrize("turns", [(system(Text("s")),), (assistant(Text("a")), HI), ()])
def test_a_conversation_begins_with_the_user(turns: tuple[Turn, ...]) -> None:
    """1.8"""
    body, losses = written(turns=turns)
    assert body["messages"][0] == {"role": "user", "content": [text(".")]}
    assert losses == ["messages[]=added"]


def test_what_is_empty_is_left_out() -> None:
    """1.9"""
    body, losses = written(
        HI, assistant(Text("")), user(Text("")), assistant(Text("\n"), CALL), user(RESULT)
    )
    assert [len(message["content"]) for message in body["messages"]] == [1, 1, 1]
    assert losses == ["text=dropped"]


def test_a_prefill_is_for_models_that_continue_it() -> None:
    """1.10"""
    turns = (HI, assistant(Text("So ")))
    with pytest.raises(NotUnderstood) as refused:
        written(*turns)
    assert refused.value.param == "prefill" and "must end with" in str(refused.value)
    body, losses = written(*turns, capabilities=Capabilities(prefill=True))
    assert body["messages"][-1]["content"] == [text("So")]
    assert losses == ["text=changed"]


@pytest.mark.parametrize("prefill", [True, False])
def test_what_only_another_dialect_knows_begins_no_answer(prefill: bool) -> None:
    foreign = Opaque("openai_responses", "hologram", {})
    turns = (HI, assistant(Text("So."), foreign))
    body, losses = written(*turns, capabilities=Capabilities(prefill=prefill))
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [text("So.")]},
        {"role": "user", "content": [text(".")]},
    ]
    assert losses == ["parts[].hologram=dropped", "messages[]=added"]


def test_a_name_has_no_place() -> None:
    """1.13"""
    assert written(Turn(Role.USER, (Text("a"),), name="Eve"))[1] == ["messages[].name=dropped"]


def test_the_order_inside_a_turn_is_kept() -> None:
    """1.11 and 1.12"""
    own = Sealed("anthropic", "E1")
    body, _ = written(
        HI, assistant(Reasoning("hm", own), Text("a"), CALL), user(RESULT), judged=False
    )
    kinds = [block["type"] for block in body["messages"][1]["content"]]
    assert kinds == ["thinking", "text", "tool_use"]


# ---------------------------------------------------------------------------------------- sampling


@pytest.mark.parametrize(
    ("sampling", "capabilities", "sent", "lost"),
    [
        (Sampling(temperature=1.7), HOME, {"temperature": 1}, ["temperature=clamped"]),
        (Sampling(temperature=0), HOME, {"temperature": 0}, []),
        (Sampling(temperature=0.2, top_p=0.5), HOME, {"temperature": 0.2}, ["top_p=dropped"]),
        (Sampling(top_p=0.5, top_k=9), HOME, {"top_p": 0.5, "top_k": 9}, []),
        (Sampling(temperature=0.2, top_p=0.5, top_k=9), Capabilities(sampling=False), {},
         ["temperature=dropped", "top_p=dropped", "top_k=dropped"]),
        (Sampling(temperature=1, top_p=1), Capabilities(sampling=False), {}, []),
        (Sampling(stop=("a", " ", "b")), HOME, {"stop_sequences": ["a", "b"]}, ["stop=dropped"]),
        (Sampling(stop=("a",)), Capabilities(stop_sequences=False), {}, ["stop=dropped"]),
        (Sampling(seed=7, presence_penalty=1, frequency_penalty=0, logit_bias={"1": 2},
                  logprobs=True, top_logprobs=3), HOME, {},
         ["seed=dropped", "presence_penalty=dropped", "logit_bias=dropped", "logprobs=dropped",
          "top_logprobs=dropped"]),
    ],
)  # fmt: skip
def test_sampling(
    sampling: Sampling, capabilities: Capabilities, sent: Json, lost: list[str]
) -> None:
    """5.4 to 5.9"""
    body, losses = written(sampling=sampling, capabilities=capabilities)
    known = ("temperature", "top_p", "top_k", "stop_sequences")
    assert ({k: v for k, v in body.items() if k in known}, losses) == (sent, lost)


def test_several_answers_are_refused() -> None:
    """5.8"""
    with pytest.raises(NotUnderstood) as refused:
        written(choices=2)
    assert refused.value.param == "n"


@pytest.mark.parametrize(
    ("fields", "sent", "lost"),
    [
        ({"user": "u"}, {"metadata": {"user_id": "u"}}, []),
        ({"service_tier": "auto"}, {}, []),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}, []),
        ({"service_tier": "priority"}, {}, ["service_tier=dropped"]),
        ({"metadata": {"a": "b"}}, {}, ["metadata=dropped"]),
        ({"cache_key": "k"}, {}, ["cache_key=dropped"]),
        ({"verbosity": "low"}, {}, ["verbosity=dropped"]),
        ({"stream": True}, {"stream": True}, []),
        ({"cache_mark": CacheMark("1h")},
         {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, []),
    ],
)  # fmt: skip
def test_the_rest(fields: Json, sent: Json, lost: list[str]) -> None:
    """5.11 to 5.13, 11.1"""
    body, losses = written(**fields)
    for name in ("model", "max_tokens", "messages"):
        del body[name]
    assert (body, losses) == (sent, lost)
