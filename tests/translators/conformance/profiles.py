"""The upstream models that requests are translated for.

`usual` is what the golden files are written for: a model without peculiarities. The others are
models of which the simulator knows what they refuse, with the capabilities that a catalog would
give them.
"""

from typing import NamedTuple

from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import Effort


class Profile(NamedTuple):
    """An upstream's model and what it takes."""

    name: str
    model: str
    capabilities: Capabilities


USUAL = "upstream-model"

PROFILES: dict[str, tuple[Profile, ...]] = {
    "anthropic": (
        Profile("usual", USUAL, Capabilities(max_output_tokens=64_000, thinking=Thinking.ADAPTIVE)),
        Profile(
            "newest",
            "claude-opus-5-5",
            Capabilities(
                max_output_tokens=128_000,
                sampling=False,
                thinking=Thinking.ADAPTIVE,
                thinking_off=False,
                forced_tools=False,
                mid_conversation_system=True,
            ),
        ),
        Profile(
            "older",
            "claude-sonnet-4-5",
            Capabilities(
                max_output_tokens=64_000,
                thinking=Thinking.BUDGET,
                prefill=True,
                context_window=200_000,
            ),
        ),
        Profile(
            "without reasoning",
            "claude-3-5-haiku-20241022",
            Capabilities(max_output_tokens=8_192, thinking=Thinking.NONE, prefill=True),
        ),
    ),
    "gemini": (
        Profile("usual", USUAL, Capabilities()),
        Profile(
            "signing",
            "gemini-3.1-pro-preview",
            Capabilities(
                thinking_off=False,
                efforts=(Effort.LOW, Effort.MEDIUM, Effort.HIGH),
                max_output_tokens=65_536,
            ),
        ),
        Profile(
            "older",
            "gemini-2.5-pro",
            Capabilities(
                thinking=Thinking.BUDGET,
                thinking_off=False,
                min_budget_tokens=128,
                max_budget_tokens=32_768,
                max_output_tokens=65_536,
                full_json_schema=False,
            ),
        ),
    ),
    "openai_chat": (
        Profile("usual", USUAL, Capabilities()),
        Profile("reasoning", "gpt-5-mini", Capabilities(sampling=False, penalties=False)),
        Profile("without reasoning", "gpt-4.1", Capabilities(thinking=Thinking.NONE)),
        Profile(
            "compatible",
            "deepseek-chat",
            Capabilities(
                legacy_max_tokens=True,
                developer_role=False,
                cache_hints=False,
                thinking=Thinking.NONE,
                images=False,
                documents=False,
                audio=False,
                web_search=False,
                structured_output=False,
            ),
        ),
    ),
    "openai_responses": (
        Profile("usual", USUAL, Capabilities()),
        Profile("reasoning", "gpt-5", Capabilities(sampling=False, penalties=False)),
        Profile("without reasoning", "gpt-4.1", Capabilities(thinking=Thinking.NONE)),
    ),
}


def usual(protocol: str) -> Profile:
    """The profile that golden files are written for."""
    return PROFILES[protocol][0]
