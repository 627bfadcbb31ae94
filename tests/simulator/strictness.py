"""Judges an answer by the vendor's own types: every field right, and no field that they do not
know."""

from typing import Any, TypeVar

import pydantic

Model = TypeVar("Model", bound=pydantic.BaseModel)


def judged(kind: type[Model], body: Any, allowed: frozenset[str] = frozenset()) -> Model:
    """`body` as `kind`. `allowed`: field names that the provider sends and the SDK does not
    type."""
    value = kind.model_validate(body)
    surplus = [
        path for path in _surplus(value, kind.__name__) if path.split(".")[-1] not in allowed
    ]
    assert surplus == []
    return value


def _surplus(value: Any, path: str) -> list[str]:
    if isinstance(value, list):
        return [
            one for index, inner in enumerate(value) for one in _surplus(inner, f"{path}[{index}]")
        ]
    if not isinstance(value, pydantic.BaseModel):
        return []
    found = [f"{path}.{name}" for name in value.model_extra or {}]
    for name in type(value).model_fields:
        found += _surplus(getattr(value, name), f"{path}.{name}")
    return found
