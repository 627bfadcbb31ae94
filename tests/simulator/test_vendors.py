"""Makers' own fields of Chat Completions: known for their models, refused for everybody else's."""

from typing import Any

import pytest

from tests.simulator.running import BEARER, Running

ASK = {"messages": [{"role": "user", "content": "Hi"}]}
ON, OFF = {"type": "enabled"}, {"type": "disabled"}


@pytest.mark.parametrize(
    ("model", "own", "status"),
    [
        ("deepseek-v4-pro", {"thinking": ON}, 200),
        ("glm-4.6", {"thinking": OFF}, 200),
        ("moonshotai/kimi-k2.6", {"thinking": OFF}, 200),
        ("kimi-k2.7-code", {"thinking": OFF}, 400),
        ("glm-4.6", {"thinking": {"type": "much"}}, 400),
        ("glm-4.6", {"thinking": True}, 400),
        ("glm-4.6", {"enable_thinking": True}, 400),
        ("qwen-plus", {"enable_thinking": True, "thinking_budget": 3000}, 200),
        ("qwen-plus", {"enable_thinking": "yes"}, 400),
        ("qwen-plus", {"thinking_budget": 0}, 400),
        ("Qwen/Qwen3-32B", {"chat_template_kwargs": {"enable_thinking": False}}, 200),
        ("gpt-5.5", {"thinking": ON}, 400),
        ("gpt-5.5", {"enable_thinking": True}, 400),
    ],
)
def test_own_fields_are_known_for_the_makers_models_alone(
    sim: Running, model: str, own: dict[str, Any], status: int
) -> None:
    answer = sim.post("/v1/chat/completions", {**ASK, "model": model, **own}, BEARER)
    assert answer.status_code == status, answer.text
