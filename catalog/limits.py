"""Bounds of one request, and how long accounts that fail are left alone."""

from pydantic import Field

from catalog.fields import Part

MEBIBYTE = 1024 * 1024


class Cooldown(Part):
    """How long an upstream account that fails gets no requests, for the model that failed."""

    start_ms: int = Field(
        default=1_000,
        ge=0,
        le=600_000,
        description="The first rest of which the provider told no time; it doubles with every "
        "failure in a row. 0: no rests but those that providers tell.",
    )
    most_ms: int = Field(
        default=120_000, ge=0, le=86_400_000, description="The longest of these rests."
    )
    told_most_ms: int = Field(
        default=3_600_000,
        ge=0,
        le=7 * 86_400_000,
        description="The longest rest that a provider can ask for (retry-after and the like).",
    )
    account_ms: int = Field(
        default=60_000,
        ge=0,
        le=86_400_000,
        description="The first rest of an account whose credential or credit was refused: of the "
        "account as a whole, doubling up to fifteen times as long.",
    )


class Limits(Part):
    """Bounds of one request, for everybody."""

    max_body_bytes: int = Field(
        default=32 * MEBIBYTE,
        ge=1024,
        le=1024 * MEBIBYTE,
        description="Largest request body; 413 above. Envoy's buffers follow it.",
    )
    header_hold_ms: int = Field(
        default=10_000,
        ge=0,
        le=120_000,
        description="How long a streamed answer's headers wait for its first meaningful event.",
    )
    max_attempts: int = Field(
        default=3, ge=1, le=10, description="Attempts per request, the first included."
    )
    failover_within_ms: int = Field(
        default=120_000,
        ge=0,
        le=3_600_000,
        description="No further attempt begins so long after the request did.",
    )
    first_byte_ms: int = Field(
        default=600_000,
        ge=1_000,
        le=3_600_000,
        description="How long an upstream may take to begin its answer. Answers that are not "
        "streamed begin when the model has ended.",
    )
    connect_timeout_ms: int = Field(
        default=5_000, ge=100, le=60_000, description="Time to connect to a provider, TLS included."
    )
    idle_connection_ms: int = Field(
        default=60_000,
        ge=1_000,
        le=3_600_000,
        description="An unused upstream connection closes after this.",
    )
    keep_alive_ms: int = Field(
        default=15_000,
        ge=1_000,
        le=600_000,
        description="Silence after which a converted stream gets a sign of life.",
    )
    stored_answer_ttl_s: int = Field(
        default=86_400,
        ge=60,
        le=30 * 86_400,
        description="How long a converted response that was to be stored is kept.",
    )
    stored_answer_max_bytes: int = Field(
        default=4 * MEBIBYTE,
        ge=1024,
        le=64 * MEBIBYTE,
        description="Largest conversation that is kept for a stored response.",
    )
    kept_per_customer_bytes: int = Field(
        default=64 * MEBIBYTE,
        ge=MEBIBYTE,
        description="Memory for all that is kept of a customer's answers; the oldest makes room.",
    )
    cooldown: Cooldown = Field(
        default_factory=Cooldown, description="Rests of upstream accounts that fail."
    )
