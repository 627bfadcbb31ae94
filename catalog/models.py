"""Public models, where each is served, and the groups that decide who may use them at which price.

A model's name may contain `*`; then it stands for every name that fits and that no exact model or
alias takes. In a target, `*` stands for the model's name, or for the asked one where the name is a
pattern.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from catalog.capabilities import ModelCapabilities
from catalog.fields import (
    Day,
    Micro,
    ModelName,
    Multiplier,
    Name,
    Part,
    PlainModelName,
    RateLimits,
)
from catalog.globs import STAR, is_pattern
from catalog.surfaces import DoorKind, Kind, Surface


class Target(Part):
    """One place where a model can be had."""

    provider: str = Field(description="Name of a provider.")
    pool: Name | None = Field(
        default=None, description="Only the accounts of this pool of the provider."
    )
    accounts: tuple[str, ...] = Field(
        default=(), description="Only these accounts of the provider; not together with pool."
    )
    model: ModelName = Field(
        default=STAR,
        description="The provider's own name of the model; `*` stands for the public name.",
    )
    base_model: PlainModelName | None = Field(
        default=None,
        description="The name by which that model is known, where the provider's own name does not "
        "say it (an Azure deployment): for its capabilities and its list price.",
    )
    upstream: ModelCapabilities = Field(
        default_factory=ModelCapabilities,
        description="What the model takes there, where it differs from what is known of it.",
    )
    surfaces: tuple[Surface, ...] = Field(
        default=(),
        description="Only these surfaces of the provider; default: all that fit the model.",
    )
    tier: int = Field(
        default=1, ge=1, le=100, description="Lower tiers are used first, higher ones on failure."
    )
    weight: int = Field(
        default=1, ge=0, le=1_000_000, description="Share within the tier; 0 takes no new requests."
    )

    def upstream_model(self, name: str) -> str:
        """The provider's name of the model; `name` is the public one, never an alias."""
        return self.model.replace(STAR, name)

    def known_as(self, name: str) -> str:
        """The name under which the model's price and capabilities are looked up."""
        return self.base_model or self.upstream_model(name)


class PerMillion(Part):
    """US dollars per million tokens. Whatever is absent falls back as each line says."""

    input: Micro | None = Field(
        default=None, description="Fresh input. Required, unless the price goes over the list's."
    )
    output: Micro | None = Field(
        default=None, description="Output. Default 0 (embeddings have none)."
    )
    cache_read: Micro | None = Field(
        default=None, description="Input read from cache. Default: input."
    )
    cache_write_5m: Micro | None = Field(
        default=None, description="Input written to a five-minute cache. Default: input."
    )
    cache_write_1h: Micro | None = Field(
        default=None,
        description="Input written to a one-hour cache. Default: cache_write_5m, else input.",
    )
    reasoning: Micro | None = Field(default=None, description="Reasoning. Default: output.")
    image_input: Micro | None = Field(
        default=None, description="Images in the input. Default: input."
    )
    image_output: Micro | None = Field(
        default=None, description="Generated images. Default: output."
    )
    audio_input: Micro | None = Field(
        default=None, description="Audio in the input. Default: input."
    )
    audio_output: Micro | None = Field(
        default=None, description="Generated audio. Default: output."
    )


class PerThousand(Part):
    """US dollars per thousand calls; absent: free."""

    web_searches: Micro | None = Field(
        default=None, description="Web searches that the provider ran."
    )
    file_searches: Micro | None = Field(
        default=None, description="Searches in stored files that the provider ran."
    )
    requests: Micro | None = Field(
        default=None, description="Requests that were answered, beside their tokens."
    )


class LongContext(Part):
    """What a request costs whose input, cached or not, is more than so many tokens: all of its
    tokens, those below the threshold too."""

    above_input_tokens: int = Field(ge=1, le=1_000_000_000, description="The threshold.")
    usd_per_million_tokens: PerMillion = Field(
        description="Prices above it; what is absent stays as it is below."
    )


class DeclaredPrice(Part):
    """The operator's own price of a model, instead of the list price or over it."""

    over_list: bool = Field(
        default=False,
        description="Whether what is absent here is the list price's; otherwise it falls back.",
    )
    usd_per_million_tokens: PerMillion = Field(
        default_factory=PerMillion, description="Token prices."
    )
    usd_per_thousand: PerThousand | None = Field(
        default=None, description="Prices of single calls."
    )
    long_context: tuple[LongContext, ...] = Field(
        default=(), description="Prices of long requests; with over_list, instead of the list's."
    )

    @model_validator(mode="after")
    def _complete(self) -> "DeclaredPrice":
        if not self.over_list and self.usd_per_million_tokens.input is None:
            raise ValueError("usd_per_million_tokens.input is required, unless over_list is true")
        starts = [tier.above_input_tokens for tier in self.long_context]
        if len(set(starts)) < len(starts):
            raise ValueError("long_context names the same threshold twice")
        return self


class Model(Part):
    """A name that clients may ask for."""

    name: ModelName = Field(description="Public name; with `*` it stands for every fitting name.")
    aliases: tuple[PlainModelName, ...] = Field(
        default=(), description="Further names of the same model."
    )
    kinds: tuple[Kind, ...] = Field(
        default=("chat",),
        min_length=1,
        description="What it does; decides on which surfaces it is served.",
    )
    targets: tuple[Target, ...] = Field(min_length=1, description="Where it is served.")
    display_name: str | None = Field(
        default=None, description="Name for people, shown in model lists."
    )
    owned_by: str | None = Field(default=None, description="Who made it, shown in model lists.")
    created: Day | None = Field(default=None, description="Release date, YYYY-MM-DD.")
    context_window: int | None = Field(default=None, ge=1, description="Most tokens in, in all.")
    max_output_tokens: int | None = Field(default=None, ge=1, description="Most tokens out.")
    capabilities: dict[str, object] = Field(
        default_factory=dict, description="Open data for clients: vision, tools, thinking, ..."
    )
    upstream: ModelCapabilities = Field(
        default_factory=ModelCapabilities,
        description="What the model takes at every target, where it differs from what is known of "
        "it. Decides what a converted request may say.",
    )
    price: DeclaredPrice | None = Field(
        default=None, description="Price instead of the provider's list price, or over it."
    )

    @property
    def declared(self) -> ModelCapabilities:
        """What the operator says of the model: its two limits, and above them `upstream`."""
        limits = {
            name: limit
            for name in ("context_window", "max_output_tokens")
            if (limit := getattr(self, name)) is not None
        }
        return ModelCapabilities.model_validate(limits).overridden(self.upstream)

    @property
    def is_pattern(self) -> bool:
        """Whether the name stands for many."""
        return is_pattern(self.name)


class Group(Part):
    """What the keys of a group may use, and at which price. Empty lists allow everything."""

    name: SkipJsonSchema[Name] = Field(description="The key in `groups`.")
    models: tuple[ModelName, ...] = Field(
        default=(), description="Patterns of model names; empty: all."
    )
    endpoints: tuple[DoorKind, ...] = Field(default=(), description="Doors; empty: all.")
    pools: tuple[Name, ...] = Field(default=(), description="Pools of accounts; empty: all.")
    price_multiplier: Multiplier = Field(
        default=Decimal(1), description="Times the model's price; exact, up to six decimals."
    )
    limits: RateLimits = Field(
        default_factory=RateLimits, description="Ceilings of each key of the group."
    )
    passthrough: bool = Field(
        default=False,
        description="Never convert: touch nothing but the credential and the model name.",
    )
    strict: bool = Field(
        default=False, description="Refuse a request that cannot be converted without loss."
    )
    among: tuple[Name, ...] = Field(
        default=(),
        description="Other groups, for the gateway to choose among (a group `auto`): the first "
        "that serves the request is used, and the next ones when it fails. Such a group has "
        "nothing of its own but these.",
    )
    choose: Literal["order", "price"] = Field(
        default="order",
        description="order: as `among` lists them; price: the lowest price_multiplier first.",
    )

    @property
    def multiplier(self) -> Fraction:
        """The price multiplier, exactly."""
        return Fraction(self.price_multiplier)
