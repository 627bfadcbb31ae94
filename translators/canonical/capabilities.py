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
    SWITCH = "switch"  # on or off, and no more


class ThinkingField(StrEnum):
    """By which field that is asked, where servers of one dialect differ."""

    EFFORT = "reasoning_effort"  # a level; `none` is off
    THINKING = "thinking"  # {"type": "enabled" | "disabled"}, a level beside it
    FLAG = "enable_thinking"  # true or false, `thinking_budget` beside it
    TEMPLATE = "chat_template_kwargs"  # {"enable_thinking": ...}, for the model's own template


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
    logit_bias: bool = True
    seed_field: str | None = "seed"  # what the seed is called; None: there is none
    stop_sequences: bool = True
    thinking: Thinking = Thinking.EFFORT
    thinking_off: bool = True  # reasoning can be switched off
    thinking_field: ThinkingField = ThinkingField.EFFORT
    efforts: tuple[Effort, ...] = ()
    min_budget_tokens: int = 1_024
    max_budget_tokens: int | None = None
    forced_tools: bool = True
    mid_conversation_system: bool = False
    prefill: bool = False
    structured_output: bool = True
    full_json_schema: bool = True  # no cleaning of schemas needed
    images: bool = True
    image_urls: bool = True  # fetches images by itself; false: only those in the request
    documents: bool = True
    audio: bool = True
    web_search: bool = True
    parallel_tool_calls: bool = True
    legacy_max_tokens: bool = False  # knows only the older name of the output cap
    developer_role: bool = True  # false: the operator's voice is `system`
    speaker_names: bool = True  # messages may say who speaks
    call_id_length: int | None = None  # letters and digits that a call's id must have
    cache_hints: bool = True  # takes a cache key and the like
    freeform_tools: bool = True  # tools that take free text, where the dialect has them


DEFAULT_CAPABILITIES = Capabilities()
