"""Every vendor's SDK on models in every cloud, through the real Envoy.

The simulator lets in nobody whose signature, token or key it does not believe, and refuses bodies
and paths that the cloud would refuse: an answer is proof of all of it.
"""

from dataclasses import dataclass
from itertools import count, product

import pytest

from tests.e2e.callers import Caller, Figures, Wanted
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import UPSTREAMS, Json, received, records, told

pytestmark = pytest.mark.e2e

Callers = dict[str, Caller]
HOW = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
USAGE: Json = {"input": 50, "cache_read": 30, "output": 20, "reasoning": 8}
FIGURES = Figures(input=80, cached=30, output=20)
_numbers = count(1)


@dataclass(frozen=True)
class Cloud:
    """A way into a cloud: what begins its models' names, and what they are called there."""

    speaks: str
    prefix: str
    there: str  # {} stands for the public name
    path: str  # of a plain request; {} stands for the name there

    def model(self, gateway: Gateway, *scripts: Json, lenient: bool = False) -> tuple[str, str]:
        """The public name of a model that nobody else uses, and its name there."""
        name = f"{self.prefix}{next(_numbers)}"
        there = self.there.format(name)
        told(gateway.simulator, there, *scripts, lenient=lenient)
        return name, there


VERTEX = "/gcp/v1/projects/our-project/locations"
CLOUDS = {
    "bedrock": Cloud("anthropic", "claude-haiku-4-5-b-", "eu.anthropic.{}", "/aws/model/{}/invoke"),
    "bedrock-key": Cloud(
        "anthropic", "claude-haiku-4-5-k-", "anthropic.{}", "/aws/model/{}/invoke"
    ),
    "bedrock-messages": Cloud(
        "anthropic", "claude-haiku-4-5-m-", "{}", "/aws/anthropic/v1/messages"
    ),
    "vertex-claude": Cloud(
        "anthropic",
        "claude-haiku-4-5-v-",
        "{}@20251001",
        f"{VERTEX}/europe-west1/publishers/anthropic/models/{{}}:rawPredict",
    ),
    "vertex-gemini": Cloud(
        "gemini",
        "gemini-3-pro-",
        "{}",
        f"{VERTEX}/global/publishers/google/models/{{}}:generateContent",
    ),
    "azure-key": Cloud("openai_responses", "gpt-5-a-", "{}", "/azure/openai/v1/responses"),
    "azure-entra": Cloud("openai_responses", "gpt-5-e-", "{}", "/azure/openai/v1/responses"),
    "azure-dated": Cloud(
        "openai_chat", "gpt-5-d-", "{}", "/azure/openai/deployments/{}/chat/completions"
    ),
    "foundry": Cloud("anthropic", "claude-haiku-4-5-f-", "{}", "/azure/anthropic/v1/messages"),
}
PAIRS = list(product(UPSTREAMS, CLOUDS))
of_pairs = pytest.mark.parametrize(
    ("dialect", "cloud"), PAIRS, ids=[f"{dialect}-{cloud}" for dialect, cloud in PAIRS]
)


@HOW
@of_pairs
def test_text_finish_and_figures(
    clouds: Gateway, cloud_callers: Callers, dialect: str, cloud: str, streamed: bool
) -> None:
    text = "Grüße, 世界 \u2028\U0001f600 'quoted' \"twice\" and \\ back.\n\n  End."
    caller = cloud_callers[dialect]
    model, there = CLOUDS[cloud].model(clouds, {"text": text, "chunks": 7, "usage": USAGE})
    answer = caller.talk(model, Wanted(streamed=streamed)).say("hello \u2028 there")
    assert (answer.text, answer.finish, answer.usage) == (text, caller.stop, FIGURES)
    (arrived,) = received(clouds.simulator, there)
    assert arrived["status"] == 200
    if not streamed and dialect == CLOUDS[cloud].speaks:
        assert arrived["path"] == CLOUDS[cloud].path.format(there)


@HOW
@of_pairs
def test_a_tool_loop(
    clouds: Gateway, cloud_callers: Callers, dialect: str, cloud: str, streamed: bool
) -> None:
    caller = cloud_callers[dialect]
    calls = [
        {"name": "look", "arguments": {"where": "left", "deep": 12345678901234567}},
        {"name": "look", "arguments": {"where": "right"}},
    ]
    # The chat helper's own message objects have fields that OpenAI does not know.
    odd = streamed and dialect == "openai_chat" and "azure" in cloud
    model, there = CLOUDS[cloud].model(
        clouds, {"text": "I look.", "tools": calls}, {"text": "Walls."}, lenient=odd
    )
    talk = caller.talk(model, Wanted(streamed=streamed, tools=True))
    asked = talk.say("look left and right")
    left, right = asked.calls
    assert (asked.text, asked.finish) == ("I look.", caller.tool_calls)
    assert (left.where, right.where) == ("left", "right")
    answer = talk.results({left: "a red wall", right: "a blue wall"})
    assert (answer.text, answer.finish) == ("Walls.", caller.stop)
    first, second = received(clouds.simulator, there)
    assert (first["status"], second["status"]) == (200, 200)


@of_pairs
def test_an_answer_is_recorded_with_its_figures(
    clouds: Gateway, cloud_callers: Callers, dialect: str, cloud: str
) -> None:
    model, _ = CLOUDS[cloud].model(clouds, {"usage": {"input": 7, "output": 5}})
    cloud_callers[dialect].talk(model, Wanted()).say("hello")
    record = records(clouds, {model})[model]
    assert (record["outcome"], record["upstream"]) == ("completed", cloud)
    assert (record["input_tokens"], record["output_tokens"]) == (7, 5)
    assert record["usage_source"] == "upstream"
