"""The words of the dialect are the SDK's own, and each map is total in both directions."""

from typing import Any, get_args, get_type_hints

from anthropic.types import (
    OutputConfigParam,
    ThinkingConfigAdaptiveParam,
    ToolChoiceAnyParam,
    ToolChoiceAutoParam,
    ToolChoiceNoneParam,
    WebSearchToolResultErrorCode,
)
from anthropic.types.base64_image_source_param import Base64ImageSourceParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from translators.anthropic.vocabulary import (
    HEARD_DISPLAYS,
    HEARD_EFFORTS,
    HEARD_MODES,
    HEARD_TIERS,
    IMAGE_TYPES,
    SEARCH_ERRORS,
    SPOKEN_DISPLAYS,
    SPOKEN_EFFORTS,
    SPOKEN_FINISH,
    SPOKEN_MODES,
    SPOKEN_TIERS,
)
from translators.canonical.effort import Effort
from translators.canonical.finish import Reason
from translators.canonical.request import ToolMode


def words(of: Any, field: str) -> set[str]:
    """The strings that a field of one of the SDK's types may be."""
    found: set[str] = set()
    stack = [get_type_hints(of)[field]]
    while stack:
        for inside in get_args(stack.pop()):
            if isinstance(inside, str):
                found.add(inside)
            else:
                stack.append(inside)
    return found


def test_efforts() -> None:
    assert set(HEARD_EFFORTS) == words(OutputConfigParam, "effort")
    assert set(SPOKEN_EFFORTS) == set(Effort) - {Effort.MINIMAL}
    assert {HEARD_EFFORTS[word] for word in SPOKEN_EFFORTS.values()} == set(SPOKEN_EFFORTS)


def test_modes() -> None:
    choices = (ToolChoiceAutoParam, ToolChoiceAnyParam, ToolChoiceNoneParam)
    assert set(HEARD_MODES) == set().union(*(words(choice, "type") for choice in choices))
    assert set(SPOKEN_MODES) == set(ToolMode)
    assert all(HEARD_MODES[SPOKEN_MODES[mode]] is mode for mode in ToolMode)


def test_tiers() -> None:
    assert set(HEARD_TIERS) == words(MessageCreateParamsNonStreaming, "service_tier")
    assert all(HEARD_TIERS[SPOKEN_TIERS[tier]] == tier for tier in SPOKEN_TIERS)


def test_displays() -> None:
    """`updates` is a beta's; every summary that a caller can ask for has a word."""
    known = words(ThinkingConfigAdaptiveParam, "display")
    assert set(HEARD_DISPLAYS) == known | {"updates"}
    assert set(SPOKEN_DISPLAYS.values()) == known
    assert set(HEARD_DISPLAYS.values()) <= set(SPOKEN_DISPLAYS)


def test_codes_and_types() -> None:
    assert set(SEARCH_ERRORS) == set(get_args(WebSearchToolResultErrorCode))
    assert set(IMAGE_TYPES) == words(Base64ImageSourceParam, "media_type")


def test_every_reason_has_a_word() -> None:
    assert set(SPOKEN_FINISH) == set(Reason)
