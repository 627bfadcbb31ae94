"""Every vendor's Node SDK by every upstream protocol: one process holds all the conversations.

What the SDKs said is compared here, and so is what the simulator received.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.callers import PNG, PNG_BASE64
from tests.e2e.gateway import BIN, Gateway
from tests.e2e.upstreams import PAIRS, UPSTREAMS, Json, Seen, of_pairs, received, told

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TEXT = "Grüße, 世界 \u2028\U0001f600 'quoted' \"twice\".\n\n  End."
WORDS = "word " * 40
LOOKS = [{"name": "look", "arguments": {"where": where}} for where in ("left", "right")]

STOP = {"anthropic": "end_turn", "openai_chat": "stop", "openai_responses": "completed",
        "gemini": "STOP"}  # fmt: skip
CALLS = {"anthropic": "tool_use", "openai_chat": "tool_calls", "openai_responses": "completed",
         "gemini": "STOP"}  # fmt: skip

SCRIPTS: dict[str, list[Json]] = {
    "text": [{"text": TEXT, "chunks": 7}],
    "tools": [{"text": "I look.", "tools": LOOKS}, {"text": "Both are walls."}],
    "image": [{"text": "a stripe"}],
    "thinking": [
        {"thinking": "First I think.", "text": "Hm."},
        {"thinking": "Then I look.", "tools": LOOKS},
        {"thinking": "Now I know.", "text": "A wall."},
    ],
    "parsed": [],
    "refused": [{"error": {"status": 429, "message": "no more today"}}],
    "broken": [
        {
            "text": WORDS,
            "chunks": 8,
            "delay_between_ms": 10,
            "stream_error": {"at": 6, "status": 529, "message": "the upstream is busy"},
        }
    ],
}
STREAMED_TOO = {"text", "tools", "thinking", "parsed"}


@dataclass
class Heard:
    """The conversations: what the SDKs said, and with which models they were held."""

    gateway: Gateway
    said: dict[str, Any]
    models: dict[str, str]

    def of(self, dialect: str, speaks: str, what: str, streamed: bool = False) -> Any:
        found = self.said[_id(dialect, speaks, what, streamed)]
        assert not isinstance(found, dict) or "failed" not in found, found["failed"]
        return found

    def seen(self, dialect: str, speaks: str, what: str, streamed: bool = False) -> Seen:
        model = self.models[_id(dialect, speaks, what, streamed)]
        last = received(self.gateway.simulator, model)[-1]
        assert last["status"] == 200
        return UPSTREAMS[speaks].read(last["body"])


def _id(dialect: str, speaks: str, what: str, streamed: bool) -> str:
    return f"{dialect} {speaks} {what} {streamed}"


@pytest.fixture(scope="module")
def heard(shared: Gateway) -> Iterator[Heard]:
    asked = []
    models = {}
    for dialect, speaks in PAIRS:
        for what, scripts in SCRIPTS.items():
            for streamed in (False, True) if what in STREAMED_TOO else (False,):
                model = UPSTREAMS[speaks].model(f"node-{what}")
                # OpenAI's helpers' messages have a field that OpenAI's own API does not know.
                odd = streamed and dialect == speaks and dialect.startswith("openai")
                if scripts:
                    told(shared.simulator, model, *scripts, lenient=odd)
                id_ = _id(dialect, speaks, what, streamed)
                models[id_] = model
                asked.append(
                    {"id": id_, "dialect": dialect, "what": what, "model": model}
                    | {"streamed": streamed}
                )
    done = subprocess.run(
        [str(BIN / "node"), "tests/e2e/node/translated.mjs"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "CLAVIS_BASE": shared.http,
            "CLAVIS_KEY": shared.key,
            "CLAVIS_PNG": PNG_BASE64,
        },
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.keys() == models.keys()
    yield Heard(shared, said, models)


HOW = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@HOW
@of_pairs()
def test_text(heard: Heard, dialect: str, speaks: str, streamed: bool) -> None:
    (answer,) = heard.of(dialect, speaks, "text", streamed)
    assert (answer["text"], answer["finish"]) == (TEXT, STOP[dialect])
    assert heard.seen(dialect, speaks, "text", streamed).texts == ["hello"]


@HOW
@of_pairs()
def test_two_parallel_calls_and_their_results(
    heard: Heard, dialect: str, speaks: str, streamed: bool
) -> None:
    asked, answer = heard.of(dialect, speaks, "tools", streamed)
    assert (asked["text"], asked["finish"]) == ("I look.", CALLS[dialect])
    assert [(call["name"], call["where"]) for call in asked["calls"]] == [
        ("look", "left"),
        ("look", "right"),
    ]
    assert (answer["text"], answer["finish"]) == ("Both are walls.", STOP[dialect])
    seen = heard.seen(dialect, speaks, "tools", streamed)
    assert seen.calls == [(call["name"], call["arguments"]) for call in LOOKS]
    assert seen.results == [("look", "a red wall"), ("look", "a blue wall")]


@of_pairs()
def test_an_image_arrives_whole(heard: Heard, dialect: str, speaks: str) -> None:
    (answer,) = heard.of(dialect, speaks, "image")
    assert answer["text"] == "a stripe"
    assert heard.seen(dialect, speaks, "image").images == [PNG]


@HOW
@of_pairs()
def test_sealed_reasoning_through_three_turns(
    heard: Heard, dialect: str, speaks: str, streamed: bool
) -> None:
    answers = heard.of(dialect, speaks, "thinking", streamed)
    assert [answer["text"] for answer in answers] == ["Hm.", "", "A wall."]
    # A chat request cannot ask for summaries, and the Responses API gives none unasked.
    if (dialect, speaks) != ("openai_chat", "openai_responses"):
        thoughts = ["First I think.", "Then I look.", "Now I know."]
        assert [answer["thought"] for answer in answers] == thoughts
    seen = heard.seen(dialect, speaks, "thinking", streamed)
    assert seen.results == [("look", "left: wall"), ("look", "right: wall")]
    # See test_translated.py for where one of the two has no way back.
    one = dialect == "openai_chat" or (dialect, speaks) == ("anthropic", "gemini")
    assert len(seen.seals) == (0 if speaks == "openai_chat" else 1 if one else 2)


@HOW
@of_pairs()
def test_structured_output_is_parsed(
    heard: Heard, dialect: str, speaks: str, streamed: bool
) -> None:
    found = heard.of(dialect, speaks, "parsed", streamed)
    assert isinstance(found["item"], str) and isinstance(found["count"], int)
    schema = heard.seen(dialect, speaks, "parsed", streamed).schema
    assert schema is not None and set(schema["properties"]) == {"item", "count"}


@of_pairs()
def test_an_error_before_the_stream_is_the_sdks_own(
    heard: Heard, dialect: str, speaks: str
) -> None:
    told_so = heard.of(dialect, speaks, "refused")
    assert "clean" not in told_so
    assert (told_so["own"], told_so["status"]) == (True, 429)
    assert "no more today" in told_so["message"]


@of_pairs()
def test_an_error_inside_the_stream_is_never_a_clean_end(
    heard: Heard, dialect: str, speaks: str
) -> None:
    told_so = heard.of(dialect, speaks, "broken")
    assert "clean" not in told_so
    assert told_so["text"] and WORDS.startswith(told_so["text"])
    assert "the upstream is busy" in told_so["message"]
