"""Values of a caller's request, each with the type that the dialect gives it.

A caller learns which field is wrong: every function takes the field's path as OpenAI writes it
(`input[0].content[1].text`) and raises NotUnderstood with it. Null counts as absent.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from translators.canonical.loss import Loss, LossKind, field_at
from translators.protocol import NotUnderstood

Json = Mapping[str, Any]


def wrong(param: str, expected: str) -> NotUnderstood:
    """The error to raise for a field that is not what it must be."""
    return NotUnderstood(f"Invalid value for '{param}': expected {expected}.", param=param)


def wanted(value: object, param: str) -> str:
    """A string that must be there."""
    if isinstance(value, str):
        return value
    if value is None:
        raise NotUnderstood(f"Missing required parameter: '{param}'.", param=param)
    raise wrong(param, "a string")


def said(value: object, param: str) -> str | None:
    """A string that may be left out."""
    if value is None or isinstance(value, str):
        return value
    raise wrong(param, "a string")


def one_of(value: object, words: Collection[str], param: str) -> str | None:
    """One of these words, or nothing."""
    word = said(value, param)
    if word is None or word in words:
        return word
    raise wrong(param, "one of " + ", ".join(f"'{w}'" for w in words))


def flag(value: object, param: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise wrong(param, "a boolean")


def number(value: object, param: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return value
        except OverflowError:
            pass
    raise wrong(param, "a number")


def whole(value: object, param: str) -> int | None:
    """A whole number that is not negative."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise wrong(param, "an integer that is not negative")


def entries(value: object, param: str) -> list[Any]:
    """An array, empty where it was left out."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise wrong(param, "an array")


def mapping(value: object, param: str) -> dict[str, Any]:
    """An object that must be there."""
    if isinstance(value, dict):
        return value
    if value is None:
        raise NotUnderstood(f"Missing required parameter: '{param}'.", param=param)
    raise wrong(param, "an object")


def optional(value: object, param: str) -> dict[str, Any]:
    """An object, empty where it was left out."""
    return {} if value is None else mapping(value, param)


def strings(value: object, param: str) -> tuple[str, ...]:
    return tuple(wanted(v, f"{param}[{n}]") for n, v in enumerate(entries(value, param)))


def unknown(found: Json, known: frozenset[str], param: str, losses: list[Loss]) -> None:
    """A loss for every field of an object that has a value and no meaning here."""
    if known.issuperset(found):
        return
    for name, value in found.items():
        if name not in known and value is not None:
            lost(f"{param}.{name}" if param else name, losses)


def lost(param: str, losses: list[Loss], note: str = "") -> None:
    """A field that has no meaning here."""
    losses.append(Loss(field_at(param), LossKind.DROPPED, note))
