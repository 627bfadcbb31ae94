"""Sums of usage by day, model, key and customer, for callers and for the management API alike."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ledger.usage_sums import Dimension, UsageSum
from portal.refusals import Kind, Refusal
from portal.usage.period import Period, rfc3339

MAX_SUMS = 50_000  # of one answer: a year of a hundred models, or a month of many customers

_EXAMPLE: dict[str, Any] = {
    "requests": 120,
    "failures": 3,
    "input_tokens": 48_000,
    "cache_read_input_tokens": 912_000,
    "cache_write_5m_input_tokens": 30_000,
    "cache_write_1h_input_tokens": 0,
    "image_input_tokens": 12_400,
    "audio_input_tokens": 0,
    "output_tokens": 96_000,
    "reasoning_tokens": 41_000,
    "image_output_tokens": 0,
    "audio_output_tokens": 0,
    "web_searches": 7,
    "file_searches": 0,
    "cost_micro": 1_934_200,
    "charged_credit_micro": 934_200,
    "charged_allowance_micro": 1_000_000,
    "uncollected_micro": 0,
}
COUNTS = tuple(_EXAMPLE)
DIMENSIONS: Mapping[Dimension, str] = {  # ours to the field of an answer
    Dimension.DAY: "day",
    Dimension.MODEL: "model",
    Dimension.KEY: "key_id",
    Dimension.CUSTOMER: "customer_id",
}


class Counts(BaseModel):
    """Sums over some requests. What upstreams did not report counts as zero."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    requests: int
    failures: int = Field(description="Requests that did not complete.")
    input_tokens: int = Field(
        description="Fresh input, images and audio included: neither read from nor to a cache."
    )
    cache_read_input_tokens: int
    cache_write_5m_input_tokens: int
    cache_write_1h_input_tokens: int
    image_input_tokens: int = Field(description="Of the fresh input: images, pages and frames.")
    audio_input_tokens: int = Field(description="Of the fresh input: audio.")
    output_tokens: int = Field(
        description="Everything generated, reasoning, images and audio included."
    )
    reasoning_tokens: int
    image_output_tokens: int
    audio_output_tokens: int
    web_searches: int
    file_searches: int
    cost_micro: int = Field(description="Millionths of a US dollar.")
    charged_credit_micro: int = Field(description="Of the cost: taken from credit.")
    charged_allowance_micro: int = Field(description="Of the cost: taken from the allowance.")
    uncollected_micro: int = Field(description="Of the cost: what nothing was there for.")


class _Group(BaseModel):
    day: str | None = Field(description="UTC.")
    model: str | None
    key_id: str | None
    customer_id: str | None


class Sum(Counts, _Group):  # in this order the fields of the group come first
    """Sums over the requests of one group; what was not grouped by is null."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "day": "2026-11-20",
                    "model": "gpt-5-mini",
                    "key_id": "key_8sKq2ZfW0xT5yLmB7nVc",
                    "customer_id": "cus_4fJ0Zp8Lq2vXw7Rk1TyB",
                    **_EXAMPLE,
                }
            ]
        }
    )


class UsageSums(BaseModel):
    """Sums of usage in a period, in the order of what they are grouped by."""

    start: str = Field(alias="from", description="First moment of the period, RFC 3339.")
    end: str = Field(alias="to", description="First moment after the period, RFC 3339.")
    group_by: list[Dimension]
    data: list[Sum]
    total: Counts


def dimensions(text: str, allowed: Iterable[Dimension]) -> tuple[Dimension, ...]:
    """What to group by, from names with commas between. Raises Refusal."""
    known = {dimension.value: dimension for dimension in allowed}
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(names)) < len(names) or not set(names) <= set(known):
        message = f"group_by: any of {', '.join(known)}, with commas between."
        raise Refusal(Kind.INVALID_REQUEST, message, param="group_by")
    return tuple(known[name] for name in names)


def summed(sums: list[UsageSum], group_by: tuple[Dimension, ...], asked: Period) -> UsageSums:
    """The answer. Raises Refusal where it would be too large."""
    if len(sums) > MAX_SUMS:
        message = f"More than {MAX_SUMS} sums: ask for a shorter period, or group by less."
        raise Refusal(Kind.INVALID_REQUEST, message, param="group_by")
    rows = [_shown(one) for one in sums]
    return UsageSums.model_validate(
        {
            "from": rfc3339(asked.from_ms),
            "to": rfc3339(asked.to_ms),
            "group_by": list(group_by),
            "data": rows,
            "total": {name: sum(row[name] for row in rows) for name in COUNTS},
        }
    )


def _shown(one: UsageSum) -> dict[str, Any]:
    return {
        "day": None if one.day_ms is None else rfc3339(one.day_ms)[:10],
        "model": one.model,
        "key_id": one.key_id,
        "customer_id": one.customer_id,
        "requests": one.requests,
        "failures": one.failures,
        "input_tokens": one.fresh_input_tokens,
        "cache_read_input_tokens": one.cache_read_tokens,
        "cache_write_5m_input_tokens": one.cache_write_5m_tokens,
        "cache_write_1h_input_tokens": one.cache_write_1h_tokens,
        "image_input_tokens": one.image_input_tokens,
        "audio_input_tokens": one.audio_input_tokens,
        "output_tokens": one.total_output_tokens,
        "reasoning_tokens": one.reasoning_tokens,
        "image_output_tokens": one.image_output_tokens,
        "audio_output_tokens": one.audio_output_tokens,
        "web_searches": one.web_searches,
        "file_searches": one.file_searches,
        "cost_micro": one.cost_micro,
        "charged_credit_micro": one.charged_credit_micro,
        "charged_allowance_micro": one.charged_allowance_micro,
        "uncollected_micro": one.uncollected_micro,
    }
