"""What is sent to servers that speak Messages in their own way, from the rows of the catalog."""

from typing import Any

import orjson
import pytest

from catalog.capabilities import known
from extproc.translation import capabilities_of
from translators.anthropic import PROTOCOL
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import Effort
from translators.canonical.parts import Located, Media, MediaKind, Text
from translators.canonical.request import ReasoningWish, Request, Role, Turn

URL = "https://example.com/cat.png"
PICTURE = Turn(Role.USER, (Media(MediaKind.IMAGE, Located(URL)),))


def sent(capabilities: Capabilities, turn: Turn, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    request = Request("m", (turn,), max_output_tokens=9000, **fields)
    made = PROTOCOL.encode_request(request, capabilities)
    return orjson.loads(made.body), [loss.field for loss in made.losses]


@pytest.mark.parametrize(("preset", "fetches"), [("ollama", False), ("vllm", True)])
def test_images_by_url_are_named_in_the_text_where_nobody_would_fetch_them(
    preset: str, fetches: bool
) -> None:
    knows = capabilities_of(known().of("gemma-vision", preset, "anthropic"))
    body, lost = sent(knows, PICTURE)
    [block] = body["messages"][0]["content"]
    assert (block["type"] == "image") is fetches
    assert lost == ([] if fetches else ["image"])


def test_a_model_that_has_only_the_switch_is_switched_on_by_a_budget() -> None:
    knows = Capabilities(thinking=Thinking.SWITCH)
    hi = Turn(Role.USER, (Text("Hi"),))
    body, _ = sent(knows, hi, reasoning=ReasoningWish(Effort.LOW))
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 4096}
    body, _ = sent(knows, hi, reasoning=ReasoningWish(off=True))
    assert body["thinking"] == {"type": "disabled"}
