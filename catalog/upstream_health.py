"""What Envoy itself watches of a provider's host: how much it sends there, and whether it lives.

Which account may be asked is decided elsewhere (rests, in the data plane): one host serves many.
"""

from pydantic import Field

from catalog.fields import Part

MOST = 1_000_000  # far above what one machine can hold


class Check(Part):
    """Asks the host now and then whether it is there."""

    path: str = Field(
        default="/",
        pattern=r"^/[!-~]*$",
        max_length=200,
        description="What is asked for; any answer below 500 is a sign of life.",
    )
    interval_s: int = Field(default=30, ge=1, le=3_600, description="How often.")
    timeout_s: int = Field(default=5, ge=1, le=60, description="How long an answer may take.")


class Health(Part):
    """Limits and probes of a provider's host."""

    max_connections: int = Field(
        default=MOST, ge=1, le=MOST, description="Connections of one Envoy to it."
    )
    max_requests: int = Field(
        default=MOST, ge=1, le=MOST, description="Requests of one Envoy under way at it."
    )
    eject_after: int = Field(
        default=10,
        ge=0,
        le=1_000,
        description="Connections in a row that fail before it gets none for two seconds, and for "
        "longer when it goes on. 0: it always does.",
    )
    check: Check | None = Field(
        default=None, description="Probes; absent: only requests show whether it lives."
    )
