"""Every vendor's SDK by every upstream protocol, through the real Envoy.

The native pairs are in it as the control: what fails for them too is the test's or the simulator's
fault. The simulator refuses what the vendors refuse, so that an answer is proof that the request
was one that the upstream takes.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from tests.e2e.callers import PNG, Caller, Figures, Wanted
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import (
    PAIRS,
    UPSTREAMS,
    Json,
    Seen,
    Upstream,
    of_pairs,
    received,
    records,
    told,
)

pytestmark = pytest.mark.e2e

HOW = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
Callers = dict[str, Caller]

# One usage in every bucket that all protocols have, and what a caller counts of it.
USAGE: Json = {"input": 50, "cache_read": 30, "output": 20, "reasoning": 8}
FIGURES = Figures(input=80, cached=30, output=20)


def seen(shared: Gateway, upstream: Upstream, model: str) -> Seen:
    """The last request for the model as it arrived, which must have been accepted."""
    last = received(shared.simulator, model)[-1]
    assert last["status"] == 200, last
    return upstream.read(last["body"])


def is_odd(dialect: str, speaks: str, streamed: bool) -> bool:
    """The chat helper's message objects have fields that OpenAI does not know (`parsed`,
    `parsed_arguments`). As they are, they reach a native upstream; a translated one, never."""
    return (dialect, speaks, streamed) == ("openai_chat", "openai_chat", True)


# ----------------------------------------------------------------------------- text


@HOW
@of_pairs()
def test_text_finish_and_figures(
    shared: Gateway, callers: Callers, dialect: str, speaks: str, streamed: bool
) -> None:
    caller, upstream = callers[dialect], UPSTREAMS[speaks]
    text = "Grüße, 世界 \u2028\U0001f600 'quoted' \"twice\" and \\ back.\n\n  End."
    script: Json = {"text": text, "chunks": 7, "usage": USAGE}
    model = told(shared.simulator, upstream.model("text"), script)
    answer = caller.talk(model, Wanted(streamed=streamed)).say("hello \u2028 there")
    assert answer.text == text
    assert answer.finish == caller.stop
    assert answer.usage == FIGURES
    assert seen(shared, upstream, model).texts == ["hello \u2028 there"]


CUT = {
    "anthropic": "max_tokens",
    "openai_chat": "length",
    "openai_responses": "incomplete",
    "gemini": "MAX_TOKENS",
}


@of_pairs()
def test_an_answer_that_was_cut_at_the_limit_says_so(
    shared: Gateway, callers: Callers, dialect: str, speaks: str
) -> None:
    script = {"text": "not all of", "finish": "length"}
    model = told(shared.simulator, UPSTREAMS[speaks].model("cut"), script)
    answer = callers[dialect].talk(model, Wanted()).say("hello")
    assert (answer.text, answer.finish) == ("not all of", CUT[dialect])


# ----------------------------------------------------------------------------- tools


@HOW
@of_pairs()
def test_two_parallel_calls_and_their_results(
    shared: Gateway, callers: Callers, dialect: str, speaks: str, streamed: bool
) -> None:
    """One tool twice, so that only ids tell the calls apart."""
    caller, upstream = callers[dialect], UPSTREAMS[speaks]
    where = 'left \u2028 "é"'
    calls = [
        {"name": "look", "arguments": {"where": where, "deep": 12345678901234567}},
        {"name": "look", "arguments": {"where": "right"}},
    ]
    model = told(
        shared.simulator,
        upstream.model("tools"),
        {"text": "I look.", "tools": calls},
        {"text": "Both are walls."},
        lenient=is_odd(dialect, speaks, streamed),
    )
    talk = caller.talk(model, Wanted(streamed=streamed, tools=True))
    asked = talk.say("look left and right")
    assert asked.text == "I look." and asked.finish == caller.tool_calls
    left, right = asked.calls
    assert (left.name, left.where) == ("look", where)
    assert (right.name, right.where) == ("look", "right")
    assert left.id != right.id
    answer = talk.results({left: "a red wall", right: "a blue wall"})
    assert (answer.text, answer.calls, answer.finish) == ("Both are walls.", (), caller.stop)
    arrived = seen(shared, upstream, model)
    assert arrived.tools == ["look", "listen"]
    assert arrived.calls == [(call["name"], call["arguments"]) for call in calls]
    assert arrived.results == [("look", "a red wall"), ("look", "a blue wall")]
    assert arrived.texts == ["look left and right", "I look."]


# ----------------------------------------------------------------------------- images


@of_pairs()
def test_an_image_arrives_whole(
    shared: Gateway, callers: Callers, dialect: str, speaks: str
) -> None:
    upstream = UPSTREAMS[speaks]
    model = told(shared.simulator, upstream.model("image"), {"text": "a stripe"})
    answer = callers[dialect].talk(model, Wanted()).say("what is this?", image=PNG)
    assert answer.text == "a stripe"
    arrived = seen(shared, upstream, model)
    assert arrived.images == [PNG] and arrived.texts == ["what is this?"]


# ----------------------------------------------------------------------------- reasoning


@HOW
@of_pairs()
def test_sealed_reasoning_through_three_turns(
    shared: Gateway, callers: Callers, dialect: str, speaks: str, streamed: bool
) -> None:
    """The upstream's own seals come back to it; it refuses those that it did not make."""
    upstream = UPSTREAMS[speaks]
    model = told(
        shared.simulator,
        upstream.model("thinking"),
        {"thinking": "First I think.", "text": "Hm."},
        {
            "thinking": "Then I look.",
            "tools": [
                {"name": "look", "arguments": {"where": "up"}},
                {"name": "listen", "arguments": {"where": "down"}},
            ],
        },
        {"thinking": "Now I know.", "text": "A wall."},
        lenient=is_odd(dialect, speaks, streamed),
    )
    talk = callers[dialect].talk(model, Wanted(streamed=streamed, tools=True, thinking=True))
    first = talk.say("think")
    second = talk.say("now look")
    third = talk.results({call: f"{call.where}: wall" for call in second.calls})
    assert (first.text, second.text, third.text) == ("Hm.", "", "A wall.")
    assert [call.name for call in second.calls] == ["look", "listen"]
    thoughts = (first.thought, second.thought, third.thought)
    # A chat request cannot ask for summaries, and the Responses API gives none unasked.
    shown = (dialect, speaks) != ("openai_chat", "openai_responses")
    assert thoughts == (("First I think.", "Then I look.", "Now I know.") if shown else ("",) * 3)
    arrived = seen(shared, upstream, model)
    assert arrived.results == [("look", "up: wall"), ("listen", "down: wall")]
    assert len(arrived.seals) == seals(dialect, speaks)


def seals(dialect: str, speaks: str) -> int:
    """How many of two seals come back.

    As an upstream, Chat Completions makes none. Its clients have no field for them: the gateway
    keeps those that belong to calls. Messages has none for the signature of a text, which Gemini
    can do without.
    """
    if speaks == "openai_chat":
        return 0
    return 1 if dialect == "openai_chat" or (dialect, speaks) == ("anthropic", "gemini") else 2


# ----------------------------------------------------------------------------- structured output


@HOW
@of_pairs()
def test_structured_output_is_parsed(
    shared: Gateway, callers: Callers, dialect: str, speaks: str, streamed: bool
) -> None:
    """Without a script the simulator's answer fits the schema that arrived, and is no JSON where
    none did."""
    upstream = UPSTREAMS[speaks]
    model = upstream.model("schema")
    found = callers[dialect].parsed(model, streamed)
    assert isinstance(found.item, str) and isinstance(found.count, int)
    schema = seen(shared, upstream, model).schema
    assert schema is not None and set(schema["properties"]) == {"item", "count"}


# ----------------------------------------------------------------------------- errors

STATUS = {400: 400, 413: 413, 429: 429, 401: 502, 500: 502}


@pytest.mark.parametrize("status", STATUS)
@of_pairs()
def test_an_error_before_the_stream_is_the_sdks_own_exception(
    shared: Gateway, callers: Callers, dialect: str, speaks: str, status: int
) -> None:
    """An upstream's 401 is ours to mend, and its words are not the caller's business."""
    script: Json = {"error": {"status": status, "message": "the upstream's own words"}}
    model = told(shared.simulator, UPSTREAMS[speaks].model("refused"), script)
    refusal = callers[dialect].refused(model)
    assert refusal.status == STATUS[status]
    assert ("own words" in refusal.text) == (status != 401)


@of_pairs()
def test_an_error_inside_the_stream_is_never_a_clean_end(
    shared: Gateway, callers: Callers, dialect: str, speaks: str
) -> None:
    words = "word " * 40
    error = {"at": 6, "status": 529, "message": "the upstream is busy"}
    script: Json = {"text": words, "chunks": 8, "delay_between_ms": 5, "stream_error": error}
    model = told(shared.simulator, UPSTREAMS[speaks].model("broken"), script)
    text, told_so = callers[dialect].broken(model)
    assert text and words.startswith(text)
    assert "the upstream is busy" in told_so


# ----------------------------------------------------------------------------- the record


def test_the_record_has_the_same_buckets_whichever_dialect_asks(
    shared: Gateway, callers: Callers
) -> None:
    asked: dict[str, Json] = {}
    for dialect, speaks in PAIRS:
        for streamed in (False, True):
            model = UPSTREAMS[speaks].model("buckets")
            told(shared.simulator, model, {"text": "hi", "usage": USAGE})
            callers[dialect].talk(model, Wanted(streamed=streamed)).say("hello")
            asked[model] = {"protocol": dialect, "upstream_protocol": speaks, "streamed": streamed}
    found = records(shared, set(asked))
    for model, expected in asked.items():
        record = found[model]
        assert {name: record[name] for name in (*expected, *RECORDED)} == expected | RECORDED


RECORDED: Json = {
    "outcome": "completed",
    "finish": "stop",
    "status": 200,
    "attempts": 1,
    "input_tokens": 50,
    "cache_read_input_tokens": 30,
    "output_tokens": 20,
    "reasoning_tokens": 8,
    "usage_source": "upstream",
}

ENDS: list[tuple[Json, set[str]]] = [
    ({"stream_error": {"at": 6, "status": 500}}, {"failed"}),
    ({"no_terminal": True}, {"truncated"}),
    ({"truncate_after": 6}, {"truncated", "abandoned"}),
]


def test_a_stream_that_went_wrong_has_no_clean_end_and_its_record_says_so(
    shared: Gateway, callers: Callers
) -> None:
    """`broken` fails where the SDK saw a clean end."""

    def broken(case: tuple[tuple[str, str], tuple[Json, set[str]]]) -> tuple[str, set[str]]:
        (dialect, speaks), (how, outcomes) = case
        script: Json = {"text": "word " * 40, "chunks": 8, "delay_between_ms": 10, **how}
        model = told(shared.simulator, UPSTREAMS[speaks].model("ends"), script)
        text, error = callers[dialect].broken(model)
        # A connection that is reset may take with it what was under way.
        assert error and (text or "truncate_after" in how), case
        return model, outcomes

    with ThreadPoolExecutor(len(PAIRS)) as pool:
        asked = dict(pool.map(broken, product(PAIRS, ENDS)))
    found = records(shared, set(asked))
    wrong = {m: found[m]["outcome"] for m in asked if found[m]["outcome"] not in asked[m]}
    assert wrong == {}


# ----------------------------------------------------------------------------- counting


@of_pairs([pair for pair in PAIRS if pair[0] != "openai_chat"])
def test_tokens_are_counted(shared: Gateway, callers: Callers, dialect: str, speaks: str) -> None:
    """By the upstream where it can; Chat Completions cannot."""
    model = UPSTREAMS[speaks].model("count")
    assert 1 <= callers[dialect].counted(model) <= 40
    asked = received(shared.simulator, model)
    assert len(asked) == (0 if speaks == "openai_chat" else 1)
