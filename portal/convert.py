"""POST /v1/convert, the dry run of a conversion, as the API's description shows it.

The data plane answers it, where conversion happens; nothing here is ever called. It is described
here because a caller looks for it in one place, beside models and usage.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from portal.credentials import DOCUMENTED
from portal.description import errors_of

Protocol = Literal["anthropic", "openai_chat", "openai_responses", "gemini"]

_EXAMPLE: dict[str, Any] = {
    "from": "openai_chat",
    "to": "anthropic",
    "model": "claude-opus-5-5",
    "upstream_model": "claude-opus-5-5",
    "provider": "anthropic",
    "path": "/v1/messages",
    "body": {
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    },
    "losses": [
        {"field": "seed", "kind": "dropped", "note": "this upstream samples without a seed"}
    ],
    "input_tokens_estimated": 8,
    "price": {"input_usd_per_million": 5.0, "output_usd_per_million": 25.0},
    "cost_micro_estimated": 25040,
}


class ConversionLoss(BaseModel):
    """What the other protocol has no place for."""

    field: str = Field(description="Its path in the caller's own dialect, or a short name.")
    kind: Literal["dropped", "clamped", "changed", "added", "unsealed"] = Field(
        description="What became of it."
    )
    note: str = Field(description="For people; may be empty. Never quotes the request.")


class ConversionPrice(BaseModel):
    """US dollars per million tokens, the multiplier of the key's group included."""

    input_usd_per_million: float
    output_usd_per_million: float


class Conversion(BaseModel):
    """A request as the upstream would get it."""

    # The data plane may say more than this version describes.
    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]})

    source: Protocol = Field(alias="from", description="The dialect that the body was read in.")
    target: Protocol = Field(alias="to", description="The dialect of `body`.")
    model: str = Field(description="As it was asked for.")
    upstream_model: str = Field(description="The provider's own name of it.")
    provider: str | None = Field(
        description="The provider that would be asked first. Null: none of the model's speaks `to`."
    )
    path: str = Field(description="The path at the provider.")
    body: dict[str, Any] = Field(description="The exact body, as JSON.")
    losses: list[ConversionLoss] = Field(description="Empty: everything was carried over.")
    input_tokens_estimated: int = Field(description="Counted here, not asked of the provider.")
    price: ConversionPrice | None = Field(
        description="What the model costs this key there. Null: not known."
    )
    cost_micro_estimated: int | None = Field(
        description="Millionths of a US dollar: the input, and all the output that the request "
        "allows, or a thousand tokens where it sets no limit. Null: no price is known."
    )


router = APIRouter(tags=["Conversion"], dependencies=[DOCUMENTED])  # for the description alone


@router.post(
    "/v1/convert",
    operation_id="convert",
    summary="Dry run of a conversion",
    response_description="The request as the upstream would get it.",
    response_model=Conversion,
    responses=errors_of(None, 400, 401, 403, 404, 503),
)
async def convert(
    body: Annotated[
        dict[str, Any],
        Body(description="A request of any of the four protocols."),
    ],
    to: Annotated[
        Protocol | None,
        Query(description="The protocol to convert to. Absent: that of the model's own target."),
    ] = None,
    source: Annotated[
        Protocol | None,
        Query(alias="from", description="The protocol of the body. Absent: guessed from it."),
    ] = None,
    model: Annotated[
        str | None,
        Query(description="The model, where the body names none, as in Google's protocol."),
    ] = None,
) -> None:
    """What the upstream would get for this request: the exact body, what it could not carry over,
    and what it might cost. Sent to nobody, and free. The path is open behind every prefix.

    Losses are shown here even to those who do not accept any: a strict key, or a request with
    `x-clavis-strict: true`."""
