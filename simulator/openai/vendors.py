"""Fields of their own that makers of models with a compatible Chat Completions add to it.

Which maker a model is of is read from its name, as everything here. Sources: api-docs.deepseek.com
(thinking mode), docs.z.ai (thinking mode), platform.kimi.ai (models overview), alibabacloud.com
(deep thinking).
"""

import re
from collections.abc import Mapping
from typing import Any

from simulator.call import refused

_SWITCHED = re.compile(r"(deepseek-|glm-|kimi-k2|doubao-|mimo-)")
_FLAGGED = re.compile(r"(qwen|qwq)")
_ALWAYS = re.compile(r"kimi-k2\.7|glm-5\.3")  # they reason whatever one says


def without_own_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as the others know it. Raises Refused for own fields that are wrong."""
    model = str(body.get("model")).rpartition("/")[2].lower()
    own: tuple[str, ...] = ()
    if _SWITCHED.match(model):
        own = ("thinking",)
        _thinking(body.get("thinking"), model)
    elif _FLAGGED.match(model):
        own = ("enable_thinking", "thinking_budget", "chat_template_kwargs")
        _flag(body)
    return {name: value for name, value in body.items() if name not in own}


def _thinking(value: Any, model: str) -> None:
    if value is None:
        return
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in ("enabled", "disabled"):
        raise refused(400, "invalid thinking type: expected enabled or disabled", param="thinking")
    if kind == "disabled" and _ALWAYS.match(model):
        raise refused(400, f"thinking cannot be disabled for {model}", param="thinking")


def _flag(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("enable_thinking", False), bool):
        raise refused(400, "enable_thinking must be a boolean", param="enable_thinking")
    budget = body.get("thinking_budget", 1)
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
        raise refused(400, "thinking_budget must be a positive integer", param="thinking_budget")
