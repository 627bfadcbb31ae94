"""What one upstream model takes, as data. The catalog's presets fill it in; no code tests names."""

from dataclasses import dataclass
from enum import StrEnum

from translators.canonical.effort import Effort


class Thinking(StrEnum):
    """How a model is asked to reason, where its dialect knows several ways."""

    NONE = "none"  # it cannot
    BUDGET = "budget"  # by a number of tokens
    EFFORT = "effort"  # by a level
    ADAPTIVE = "adaptive"  # it decides itself, guided by a level


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The defaults are those of a current model at home; a preset says what differs.

    `family` says whose sealed values it can open; None: its protocol's name. Lists that are empty
    mean everything that the dialect knows.
    """

    family: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    sampling: bool = True  # temperature, top_p, top_k
    penalties: bool = True
    stop_sequences: bool = True
    thinking: Thinking = Thinking.EFFORT
    thinking_off: bool = True  # reasoning can be switched off
    efforts: tuple[Effort, ...] = ()
    min_budget_tokens: int = 1_024
    max_budget_tokens: int | None = None
    forced_tools: bool = True
    mid_conversation_system: bool = False
    prefill: bool = False
    structured_output: bool = True
    full_json_schema: bool = True  # no cleaning of schemas needed
    images: bool = True
    documents: bool = True
    audio: bool = True
    web_search: bool = True
    parallel_tool_calls: bool = True
    legacy_max_tokens: bool = False  # knows only the older name of the output cap
    developer_role: bool = True  # false: the operator's voice is `system`
    cache_hints: bool = True  # takes a cache key and the like
    freeform_tools: bool = True  # tools that take free text, where the dialect has them


DEFAULT_CAPABILITIES = Capabilities()
